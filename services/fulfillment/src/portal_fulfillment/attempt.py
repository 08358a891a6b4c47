"""Attempts at provisioning an order and what a signal does to them (requirements §2.1). No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from portal_contracts.fulfillment import ProvisioningStage
from portal_contracts.orders import ProvisionRequested, ProvisionSource

AttemptState = Literal["open", "activated", "failed", "withdrawn"]
"""`withdrawn`: the order was not Approved (any more) when it was looked at."""
Stage = ProvisioningStage

SWEEPER: Final = "sweeper"
_OPENING: Final[frozenset[ProvisionSource]] = frozenset(
    {"platform_event", "change_event", "sweeper", "signed_call", "operator"}
)
"""Every source but the customer, whose signal only wakes what stands still."""
_ASKING_ANEW: Final = _OPENING - {"sweeper"}
"""Signals by which somebody asks for another try. The sweeper asks nobody and so only finds what was lost."""
_SEEING_FOR_ITSELF: Final[frozenset[ProvisionSource]] = frozenset({"change_event", "operator", "customer"})
"""Signals that wake what stands still whenever they were sent: what they tell of may have been missed by the last look.

The others have to be newer than the standstill, so that copies of the approval (C20) wake nothing.
"""

CLOCKS_APART: Final = timedelta(minutes=10)
"""How far the org's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. Times are business time; `standing_since` is when it reached the stage it is in.

    `scheduled_at`: the time it waits for, None when it does not wait for one. `cancelled_by`: the operator who wants it
    to go the way back.
    """

    order_id: str
    number: int
    state: AttemptState
    stage: Stage
    standing_since: datetime
    ended_at: datetime | None = None
    scheduled_at: datetime | None = None
    cancelled_by: str | None = None

    @property
    def waits_for_its_time(self) -> bool:
        """Whether it is scheduled and has not begun."""
        return self.state == "open" and self.scheduled_at is not None


class Verdict(StrEnum):
    """What a signal does: open an attempt, wake the open one, or nothing."""

    OPEN = "open"
    WAKE = "wake"
    ABSORB = "absorb"


def weigh(latest: Attempt | None, signal: ProvisionRequested, *, stands: bool) -> Verdict:
    """Say what a signal about an order does, given its latest attempt and whether that stands still.

    One attempt is open at a time; a failed one is followed by another only for somebody's newer request, so that a late
    duplicate of the first approval changes nothing (C01, C20).
    """
    opens = signal.source in _OPENING
    if latest is None:
        return Verdict.OPEN if opens else Verdict.ABSORB
    match latest.state:
        case "open":
            return Verdict.WAKE if _wakes(latest, signal, stands=stands) else Verdict.ABSORB
        case "activated":
            return Verdict.ABSORB
        case "failed":
            return Verdict.OPEN if signal.source in _ASKING_ANEW and _is_newer(signal, latest) else Verdict.ABSORB
        case "withdrawn":
            return Verdict.OPEN if opens and _is_newer(signal, latest) else Verdict.ABSORB


def starts_early(latest: Attempt, signal: ProvisionRequested) -> bool:
    """Whether a signal makes a scheduled order start before its time: the signed call of the org's button (R168).

    An older call asked for what the order was before it had a date. One just before the time is the org's own schedule
    with a fast clock (C15): the order starts at its time anyway.
    """
    if latest.state != "open" or latest.scheduled_at is None or signal.source != "signed_call":
        return False
    return signal.occurred_at >= latest.standing_since and latest.scheduled_at - signal.occurred_at > CLOCKS_APART


def signal_key(latest: Attempt | None, signal: ProvisionRequested, verdict: Verdict) -> str:
    """Give what makes a signal the same one again. The sweeper's many rounds count once for each attempt."""
    if signal.source != SWEEPER:
        return f"{signal.source}:{signal.request_id}"
    number = latest.number if latest is not None else 0
    return f"{SWEEPER}:opens {number + 1}" if verdict is Verdict.OPEN else f"{SWEEPER}:attempt {number}"


def _wakes(latest: Attempt, signal: ProvisionRequested, *, stands: bool) -> bool:
    if signal.source == "operator":
        return True
    if not stands or signal.source == SWEEPER:
        return False
    return signal.source in _SEEING_FOR_ITSELF or signal.occurred_at > latest.standing_since


def _is_newer(signal: ProvisionRequested, attempt: Attempt) -> bool:
    return attempt.ended_at is not None and signal.occurred_at > attempt.ended_at
