"""How orders stand, read for operators and for figures; the port, and who is named for what. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, cast, get_args

from portal_chassis.process import JournalEntry as ChassisEntry
from portal_contracts.problems import Fact
from portal_contracts.provisioning import (
    JournalEntry,
    ListProvisioning,
    Owner,
    ProcessStatus,
    ProvisioningFile,
    ProvisioningSummary,
)
from portal_fulfillment.obstacle_codes import owner_of
from portal_fulfillment.provisioning_state import attempt_of

PAST_PIVOT: Final = frozenset({"confirm_sim", "confirm_approval", "accept", "voice_options", "record_outcome"})
"""Steps from which nobody can cancel: a line may be live, or the order accepted."""
WAY_BACK: Final = frozenset({"release", "record_failure"})
_AT_A_VENDOR: Final = frozenset({"reserve", "confirm_sim", "accept", "voice_options"})
"""Steps that wait while a vendor works."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many unfinished orders are in a status with a code, and since when the oldest of them stands there."""

    status: ProcessStatus
    code: str | None
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, with how many orders there are in each status."""

    processes: Sequence[ProvisioningSummary]
    totals: dict[str, int]


class Records(Protocol):
    """Reads outside any transaction. No personal data and no activation code comes from here."""

    async def page(self, wanted: ListProvisioning, standing_before: datetime | None) -> Page:
        """Give up to `limit` + 1 orders by how long ago their attempt was opened, the oldest first (D13)."""

    async def file(self, order_id: str) -> ProvisioningFile | None:
        """Give everything known of an order; None when it was never heard of."""

    async def standings(self) -> Sequence[Standing]:
        """Count unfinished orders, for figures."""


def who_acts(status: ProcessStatus, code: str | None, step: str) -> Owner:
    """Give who has to act on an order that stands so."""
    match status:
        case "blocked" | "needs_human" | "failed":
            return owner_of(code)
        case "done" | "cancelled" | "scheduled":
            return "nobody"
        case "waiting" if code is None and step in _AT_A_VENDOR:
            return "vendor"
        case _:
            return owner_of(code)


def status_of(text: str) -> ProcessStatus:
    """Give a status by its name; raises ValueError for one that nobody knows."""
    if text not in get_args(ProcessStatus):
        raise ValueError(f"there is no status {text}")
    return cast("ProcessStatus", text)


def told(entry: ChassisEntry) -> JournalEntry:
    """Give an entry of a process's journal as operators see it."""
    return JournalEntry(
        at=entry.at,
        attempt=attempt_of(entry.fingerprint),
        step=entry.step,
        call=entry.call,
        state=entry.state,
        fingerprint=entry.fingerprint,
        external_id=entry.external_id,
        evidence=plain_facts(entry.evidence),
    )


def plain_facts(found: object) -> dict[str, Fact]:
    """Give a mapping's values as facts: whole numbers and texts."""
    pairs = found.items() if isinstance(found, dict) else ()
    return {str(name): value if isinstance(value, str | int) else str(value) for name, value in pairs}


def trace_of(traceparent: str | None) -> str | None:
    """Give the trace id of a W3C traceparent."""
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) > 1 else None
