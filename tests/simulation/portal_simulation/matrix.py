"""The fault matrix: each outside call, with each kind of fault, once and for ten minutes (reliability.md (b) §2).

A cell breaks one call and nothing else. `once` breaks one occurrence of it in one order, each occurrence in a cell of
its own; `for_ten_minutes` breaks every occurrence that long, for an order with a line and one without at once, beside
one that nobody has approved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from portal_simulation.bus import BusFault
from portal_simulation.matrix_calls import BUS, CALLS, OutsideCall
from portal_simulation.matrix_exceptions import LegalEnd, Period, legal_end
from portal_simulation.matrix_faults import BUS_FAULTS, VENDOR_FAULTS, FaultKind
from portal_simulation.matrix_schedule import RECORDED_SEED, SORTS, SWITCHES, CellSchedule, Sort, bystander, orders_of
from portal_simulation.schedule import BusTrouble, Outage, VendorFault

ONCE_LASTS: Final = 300.0
"""Seconds within which the one fault must have been met."""
LONG: Final = 720.0
"""Ten minutes from the latest first occurrence of any call: a line is accepted two minutes after its approval."""
FOR_EVER: Final = 10**9
NO_CONNECTION: Final = "no_connection"
_WRITE_WAYS: Final[tuple[Sort, ...]] = ("ported", "card", "vpn")
"""Sorts of orders that come to a write another way than a new voice line does."""
_MAKERS: Final[tuple[Sort, ...]] = ("voice", "vpn", "ported", "card")
"""Who shows a long fault: the first two of them that make the call."""
_OUTAGE_SECONDS: Final[dict[Period, float]] = {"once": 3.0, "for_ten_minutes": 600.0}


@dataclass(frozen=True, slots=True)
class Cell:
    """One call, one kind of fault, one duration."""

    call: OutsideCall
    fault: FaultKind | BusFault | None
    """None: nobody can connect to the vendor at all."""
    period: Period
    sorts: tuple[Sort, ...]
    occurrence: int = 1

    @property
    def fault_name(self) -> str:
        """Name the fault."""
        if self.fault is None:
            return NO_CONNECTION
        return self.fault.name if isinstance(self.fault, FaultKind) else self.fault

    def __str__(self) -> str:
        which = f"[{self.occurrence}]" if self.occurrence > 1 else ""
        return f"{self.call.key}{which} {self.fault_name} {self.period} {'+'.join(self.sorts)}"

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
        faults: tuple[VendorFault, ...] = ()
        outages: tuple[Outage, ...] = ()
        bus: tuple[BusTrouble, ...] = ()
        once = self.period == "once"
        if self.fault is None:
            outages = (Outage(self.call.vendor, 0.0, _OUTAGE_SECONDS[self.period]),)
        elif isinstance(self.fault, FaultKind):
            faults = self._vendor_faults(self.fault, once=once)
        else:
            bus = (BusTrouble(self.call.name, self.fault, self.occurrence - 1, 1 if once else FOR_EVER),)
        return CellSchedule(
            seed=RECORDED_SEED if once else crc32(str(self).encode()),
            workers=1,
            orders=orders_of(self.sorts) if once else (*orders_of(self.sorts), bystander(len(self.sorts))),
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
            yield _long(call, fault)
    for vendor in dict.fromkeys(call.vendor for call in CALLS if call.vendor != BUS):
        for period in _OUTAGE_SECONDS:
            yield Cell(OutsideCall(vendor, "*", {}), None, period, ("voice", "vpn"))


def _once(call: OutsideCall, fault: FaultKind | BusFault) -> Iterator[Cell]:
    """Each occurrence in an order with a voice line; in others what they do more often, and the writes again."""
    for sort in SORTS:
        if sort == "voice" or call.made[sort] > call.made["voice"]:
            times = max(call.made[sort], 1 if call.lapses else 0)
        else:
            times = min(1, call.made[sort]) if sort in _WRITE_WAYS and not call.is_read and call.vendor != BUS else 0
        for occurrence in range(1, times + 1):
            yield Cell(call, fault, "once", (sort,), occurrence)


def _long(call: OutsideCall, fault: FaultKind | BusFault) -> Cell:
    """Orders of two sorts at once: one with a line and one without, unless only lines make the call."""
    makers = [sort for sort in _MAKERS if call.made[sort] or call.lapses]
    return Cell(call, fault, "for_ten_minutes", tuple(makers[:2]))
