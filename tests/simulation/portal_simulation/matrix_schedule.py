"""Schedules in which one thing goes wrong, or none: what a cell of the fault matrix plays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from portal_simulation.schedule import Kind, OrderPlan, Schedule

APPROVED_AT: Final = 1.0
"""Seconds after the start; faults are armed before."""
SWITCHES: Final[dict[str, dict[str, Any]]] = {"salesforce": {}, "freebit": {"completionSeconds": 2}, "whmcs": {}}


@dataclass(frozen=True, slots=True)
class CellSchedule(Schedule):
    """A schedule whose trouble ends after `lasts` seconds."""

    lasts: float = 300.0

    @property
    def calm_at(self) -> float:
        """When nothing goes wrong any more, seconds after the start."""
        return self.lasts


def orders_of(kinds: Sequence[Kind]) -> tuple[OrderPlan, ...]:
    """One order of each kind, each of another customer, all approved at once."""
    return tuple(
        OrderPlan(
            kind=kind,
            customer=number + 1,
            eid=None if kind in ("vpn", "internet") else f"890490320000000000000000{number:08d}",
            approved_at=APPROVED_AT,
        )
        for number, kind in enumerate(kinds)
    )
