"""Schedules in which one thing goes wrong, or none: what a cell of the fault matrix plays."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

from portal_contracts.porting import NumberPorting
from portal_simulation.schedule import Kind, OrderPlan, Schedule
from portal_simulation.virtual_time import START

Sort = Literal["voice", "data", "ported", "card", "vpn", "internet", "scheduled"]
"""Voice and data eSIM, data eSIM with a number that comes along, SIM card, VPN, Internet, and a VPN for later."""
SORTS: Final[tuple[Sort, ...]] = ("voice", "data", "ported", "card", "vpn", "internet", "scheduled")
DUE_AFTER: Final = 60.0
"""Seconds; rounded up to the minute, the activation of a scheduled order is due within two minutes."""
CARD: Final = "AX0000000000001"
RECORDED_SEED: Final = 1
"""With it an order makes the calls that are counted, so that each of them can be met."""
APPROVED_AT: Final = 1.0
"""Seconds after the start; faults are armed before."""
SWITCHES: Final[dict[str, dict[str, Any]]] = {"salesforce": {}, "freebit": {"completionSeconds": 2}, "whmcs": {}}
PORTED: Final = NumberPorting(
    phone_number="09000007001",
    reservation_number="1100007001",
    reservation_expires_on=START.date() + timedelta(days=14),
    family_name="山田",
    given_name="花子",
    family_name_kana="ヤマダ",
    given_name_kana="ハナコ",
    gender="female",
    born_on=date(1990, 4, 1),
)
"""A number the sandbox's other operator gives away."""


@dataclass(frozen=True, slots=True)
class CellSchedule(Schedule):
    """A schedule whose trouble ends after `lasts` seconds."""

    lasts: float = 300.0

    @property
    def calm_at(self) -> float:
        """When nothing goes wrong any more, seconds after the start."""
        return self.lasts


def orders_of(sorts: Sequence[Sort]) -> tuple[OrderPlan, ...]:
    """One order of each sort, each of another customer, all approved at once."""
    return tuple(_order(sort, number) for number, sort in enumerate(sorts))


def bystander(number: int) -> OrderPlan:
    """An order that nobody approves: nothing may come of it, whatever goes wrong beside it."""
    return OrderPlan(kind="vpn", customer=number + 1, eid=None, approved_at=None)


def _order(sort: Sort, number: int) -> OrderPlan:
    kind: Kind = "vpn" if sort == "scheduled" else sort
    return OrderPlan(
        kind=kind,
        customer=number + 1,
        eid=f"890490320000000000000000{number:08d}" if sort in ("voice", "data", "ported") else None,
        approved_at=APPROVED_AT,
        porting=PORTED if sort == "ported" else None,
        card=CARD if sort == "card" else None,
        due_after=DUE_AFTER if sort == "scheduled" else None,
    )
