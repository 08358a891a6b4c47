"""The fault matrix: each outside call, with each kind of fault, once and for ten minutes (reliability.md (b) §2).

A cell breaks one call and nothing else. `once` breaks one occurrence of it in one order, each occurrence in a cell of its
own; `for_ten_minutes` breaks every occurrence that long, for an order with a line and one without at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from portal_simulation.bus import BusFault
from portal_simulation.matrix_calls import BUS, CALLS, OutsideCall
from portal_simulation.matrix_exceptions import LegalEnd, Period, legal_end
from portal_simulation.matrix_faults import BUS_FAULTS, VENDOR_FAULTS, FaultKind
from portal_simulation.matrix_schedule import SWITCHES, CellSchedule, orders_of
from portal_simulation.schedule import BusTrouble, Kind, Outage, VendorFault

ONCE_LASTS: Final = 300.0
"""Seconds within which the one fault must have been met."""
LONG: Final = 720.0
"""Ten minutes from the latest first occurrence of any call: an order with a line is accepted two minutes after its approval."""
FOR_EVER: Final = 10**9
NO_CONNECTION: Final = "no_connection"
_OUTAGE_SECONDS: Final[dict[Period, float]] = {"once": 3.0, "for_ten_minutes": 600.0}


@dataclass(frozen=True, slots=True)
class Cell:
    """One call, one kind of fault, one duration."""

    call: OutsideCall
    fault: FaultKind | BusFault | None
    """None: nobody can connect to the vendor at all."""
    period: Period
    kinds: tuple[Kind, ...]
    occurrence: int = 1

    @property
    def fault_name(self) -> str:
        """Name the fault."""
        if self.fault is None:
            return NO_CONNECTION
        return self.fault.name if isinstance(self.fault, FaultKind) else self.fault

    def __str__(self) -> str:
        which = f"[{self.occurrence}]" if self.occurrence > 1 else ""
        return f"{self.call.key}{which} {self.fault_name} {self.period} {'+'.join(self.kinds)}"

    @property
    def legal_end(self) -> LegalEnd | None:
        """How an order may end here without being active."""
        return legal_end(self.call.key, self.fault_name, self.period)

    @property
    def met_as(self) -> str:
        """How a player counts this fault; empty when it cannot be counted."""
        if self.fault is None:
            return ""
        if isinstance(self.fault, FaultKind):
            return f"{self.call.vendor} {self.call.name} {self.fault.rule}"
        return f"bus {self.fault}"

    def schedule(self) -> CellSchedule:
        """Give what is to be played."""
        faults, outages, bus = (), (), ()
        once = self.period == "once"
        if self.fault is None:
            outages = (Outage(self.call.vendor, 0.0, _OUTAGE_SECONDS[self.period]),)
        elif isinstance(self.fault, FaultKind):
            faults = self._vendor_faults(self.fault, once=once)
        else:
            bus = (BusTrouble(self.call.name, self.fault, self.occurrence - 1, 1 if once else FOR_EVER),)
        return CellSchedule(
            seed=crc32(str(self).encode()),
            workers=1,
            orders=orders_of(self.kinds),
            faults=faults,
            outages=outages,
            bus=bus,
            switches=SWITCHES,
            lasts=ONCE_LASTS if once else LONG,
        )

    def _vendor_faults(self, fault: FaultKind, *, once: bool) -> tuple[VendorFault, ...]:
        call = self.call
        broken = VendorFault(
            call.vendor,
            call.name,
            fault.rule,
            skip=self.occurrence - 1,
            times=1 if once else None,
            params=dict(fault.params),
        )
        if not call.lapses:
            return (broken,)
        return (VendorFault(call.vendor, call.lapses, "auth"), broken)


def cells() -> Iterator[Cell]:
    """Give every cell of the matrix."""
    for call in CALLS:
        kinds = (
            BUS_FAULTS if call.vendor == BUS else [one for one in VENDOR_FAULTS if one.applies(is_read=call.is_read)]
        )
        for fault in kinds:
            yield from _once(call, fault)
            yield Cell(call, fault, "for_ten_minutes", _both_sorts(call))
    for vendor in dict.fromkeys(call.vendor for call in CALLS if call.vendor != BUS):
        for period in _OUTAGE_SECONDS:
            yield Cell(OutsideCall(vendor, "*", {}), None, period, ("voice", "vpn"))


def _once(call: OutsideCall, fault: FaultKind | BusFault) -> Iterator[Cell]:
    """Each occurrence in an order with a line and voice, which makes every call; a write in each other order too."""
    for occurrence in range(1, max(1, call.made["voice"]) + 1):
        yield Cell(call, fault, "once", ("voice",), occurrence)
    if call.made["vpn"] and not call.is_read and call.vendor != BUS:
        yield Cell(call, fault, "once", ("vpn",))


def _both_sorts(call: OutsideCall) -> tuple[Kind, ...]:
    return (
        ("voice", "vpn") if call.made["vpn"] or call.lapses else ("voice", "data") if call.made["data"] else ("voice",)
    )
