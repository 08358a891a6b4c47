"""What an account may have as an Internet line, as staff found it and as the portal keeps it (C25). No I/O."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from portal_contracts.eligibility import EligibilitySpeed, EligibilityState
from portal_contracts.values import Address, address_fingerprint, comparable_text
from portal_orders.business_calendar import BusinessCalendar

BELIEVED: Final = timedelta(hours=24)
"""How long a copy is believed without a word from the org: an event may be lost (C24)."""
NEWS: Final = timedelta(days=1)
"""How old a result may be for its customer to be told, when the portal sees it for the first time."""

ResultState = Literal["eligible", "not_eligible"]


@dataclass(frozen=True, slots=True)
class FoundEligibility:
    """What the account says at this moment."""

    state: EligibilityState
    changed_at: datetime
    """Its last change there; an older reading never overwrites a newer one."""
    types: tuple[str, ...] = ()
    """What is available, in staff's words."""
    requested_at: datetime | None = None
    checked_at: datetime | None = None
    address_failed: bool = False
    """Staff could not verify the address (R135)."""

    def allows(self, plan: str) -> bool:
        """Say whether a plan that needs this result may be ordered (R080)."""
        return _allows(self.state, self.types, plan)


@dataclass(frozen=True, slots=True)
class KeptEligibility:
    """An account's eligibility in the portal's own rows."""

    account_id: str
    state: EligibilityState
    read_at: datetime
    changed_at: datetime
    types: tuple[str, ...] = ()
    requested_at: datetime | None = None
    checked_at: datetime | None = None
    address_failed: bool = False
    check_id: str | None = None
    """The last check asked for here."""
    written: bool = True
    """Whether that check stands in the sales system; until then its word is older than ours."""
    speed: EligibilitySpeed | None = None
    due_by: datetime | None = None
    address_mark: str | None = None
    """Fingerprint of the address it is about; the address itself is in the case alone."""
    disputed: bool = False

    @property
    def has_result(self) -> bool:
        """Whether staff have come to a result."""
        return self.state in ("eligible", "not_eligible")

    @property
    def result_id(self) -> str:
        """Name the result: the same for as long as it is the same."""
        checked = self.checked_at.isoformat() if self.checked_at else ""
        parts = (self.account_id, self.state, checked, *sorted(comparable_text(text) for text in self.types))
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]

    def allows(self, plan: str) -> bool:
        """Say whether a plan that needs this result may be ordered (R080)."""
        return _allows(self.state, self.types, plan)


def _allows(state: EligibilityState, types: Sequence[str], plan: str) -> bool:
    return state == "eligible" and comparable_text(plan) in {comparable_text(text) for text in types}


@dataclass(frozen=True, slots=True)
class CheckTerms:
    """How long a check takes at most, in business time (R191, R192)."""

    calendar: BusinessCalendar
    standard: timedelta
    express: timedelta

    def due_by(self, speed: EligibilitySpeed, begun: datetime) -> datetime:
        """Give when a check asked for at a moment is due."""
        return self.calendar.after(begun, self.express if speed == "express" else self.standard)


def state_of(status: str, results: Sequence[tuple[str, str]]) -> tuple[EligibilityState, tuple[str, ...], bool]:
    """Derive the state from the canonical status and from each result text with its canonical meaning (C25).

    Checked without a positive text is not eligible. A status nobody knows is somebody's work under way: pending.
    Gives state, the positive texts, and whether the address could not be verified.
    """
    if status == "not_requested":
        return "not_requested", (), False
    if status != "checked":
        return "pending", (), False
    types = tuple(text for text, meaning in results if meaning not in ("not_eligible", "address_failed"))
    return ("eligible" if types else "not_eligible"), types, any(one == "address_failed" for _, one in results)


def taken(kept: KeptEligibility | None, account_id: str, found: FoundEligibility, now: datetime) -> KeptEligibility:
    """Give the row after a reading. What only the portal knows stays; another result is not disputed any more."""
    if kept is None:
        kept = KeptEligibility(account_id, "not_requested", read_at=now, changed_at=found.changed_at)
    if found.changed_at < kept.changed_at:
        return kept
    asked = kept.requested_at
    if not kept.written and asked is not None and (found.requested_at is None or found.requested_at < asked):
        return replace(kept, read_at=now)
    after = replace(
        kept,
        state=found.state,
        types=found.types,
        requested_at=found.requested_at,
        checked_at=found.checked_at,
        address_failed=found.address_failed,
        changed_at=found.changed_at,
        read_at=now,
        written=True,
    )
    return after if after.result_id == kept.result_id else replace(after, disputed=False)


def is_news(before: KeptEligibility | None, after: KeptEligibility, now: datetime) -> bool:
    """Say whether the customer is to be told of the result (R196)."""
    if not after.has_result or (before is not None and before.result_id == after.result_id):
        return False
    return before is not None or (after.checked_at is not None and now - after.checked_at < NEWS)


def mark_of(address: Address) -> str:
    """Give an address's fingerprint, in a form that does not depend on how it was typed."""
    parts = (address.postcode, address.prefecture, address.city, address.street, address.building)
    return address_fingerprint(*parts)
