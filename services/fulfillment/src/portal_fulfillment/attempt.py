"""Attempts at provisioning an order and what a signal does to them (requirements §2.1). No I/O."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from portal_contracts.fulfillment import ProvisioningStage
from portal_contracts.orders import ProvisionRequested

AttemptState = Literal["open", "activated", "failed", "withdrawn"]
"""`withdrawn`: the order was not Approved (any more) when it was looked at."""
Stage = ProvisioningStage | Literal["scheduled"]

SWEEPER: Final = "sweeper"
_ASKING_ANEW: Final = frozenset({"platform_event", "change_event", "signed_call", "operator"})
"""Signals by which somebody asks for another try. The sweeper asks nobody and so only finds what was lost."""
_AT_ONCE: Final = frozenset({"signed_call", "operator"})
"""Signals that start a scheduled order before its day: Activate Now (R168) and the org's own schedule (C15)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. Times are business time; `standing_since` is when it reached the stage it is in."""

    order_id: str
    number: int
    state: AttemptState
    stage: Stage
    standing_since: datetime
    ended_at: datetime | None = None


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
    if latest is None:
        return Verdict.OPEN
    asks_anew = signal.source in _ASKING_ANEW
    match latest.state:
        case "open":
            newer = signal.occurred_at > latest.standing_since
            return Verdict.WAKE if asks_anew and newer and stands else Verdict.ABSORB
        case "activated":
            return Verdict.ABSORB
        case "failed":
            return Verdict.OPEN if asks_anew and _is_newer(signal, latest) else Verdict.ABSORB
        case "withdrawn":
            return Verdict.OPEN if _is_newer(signal, latest) else Verdict.ABSORB


def starts_early(latest: Attempt, signal: ProvisionRequested) -> bool:
    """Whether a signal makes a scheduled order start before its day."""
    return latest.state == "open" and latest.stage == "scheduled" and signal.source in _AT_ONCE


def signal_key(latest: Attempt | None, signal: ProvisionRequested) -> str:
    """Give what makes a signal the same one again. The sweeper's many rounds count once for each attempt."""
    if signal.source == SWEEPER and latest is not None:
        return f"{SWEEPER}:attempt {latest.number}"
    return f"{signal.source}:{signal.request_id}"


def _is_newer(signal: ProvisionRequested, attempt: Attempt) -> bool:
    return attempt.ended_at is not None and signal.occurred_at > attempt.ended_at
