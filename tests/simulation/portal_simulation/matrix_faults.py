"""The kinds of faults of the matrix (reference reliability.md (b) §2), each as the sandbox's rule for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from portal_simulation.bus import BusFault

READ_TIMEOUT: Final = 60
"""Longer than any caller waits, seconds."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One way in which a vendor's call goes wrong. `where` says at which calls it means something of its own.

    A read has no effect: what happens to it after "the effect" is to the portal what happens before.
    """

    name: str
    rule: str
    params: Mapping[str, Any] = field(default_factory=dict)
    where: str = "everywhere"

    def applies(self, *, is_read: bool) -> bool:
        """Whether it is worth a cell of its own."""
        return self.where == "everywhere" or (self.where == "reads") == is_read


VENDOR_FAULTS: Final = (
    FaultKind("refused", "refused"),
    FaultKind("timeout_before_effect", "before_effect", {"seconds": READ_TIMEOUT}),
    FaultKind("timeout_after_effect", "after_effect", {"seconds": READ_TIMEOUT}, "writes"),
    FaultKind("late_effect_10_s", "late", {"businessSeconds": 10}, "writes"),
    FaultKind("late_effect_120_s", "late", {"businessSeconds": 120}, "writes"),
    FaultKind("late_effect_600_s", "late", {"businessSeconds": 600}, "writes"),
    FaultKind("reset_before_effect", "before_effect", {"seconds": 1}),
    FaultKind("reset_after_effect", "after_effect", {}, "writes"),
    FaultKind("status_503_before_effect", "status", {"status": 503}),
    FaultKind("status_504_after_effect", "status", {"status": 504, "effect": True}, "writes"),
    FaultKind("quota_with_retry_after", "quota", {"retryAfter": 20}),
    FaultKind("quota", "quota"),
    FaultKind("truncated", "malformed"),
    FaultKind("page_with_200", "html"),
    FaultKind("error_permanent", "error", {"meaning": "permanent"}),
    FaultKind("error_transient", "error", {"meaning": "transient"}),
    FaultKind("error_ambiguous", "error", {"meaning": "ambiguous"}),
    FaultKind("error_ambiguous_after_effect", "error", {"meaning": "ambiguous", "effect": True}, "writes"),
    FaultKind("slow_14_s", "slow", {"seconds": 14}),
    FaultKind("drip", "drip", {"interval": 1}),
    FaultKind("login_expired", "auth"),
    FaultKind("empty_answer", "empty"),
    FaultKind("nothing_in_it", "nonsense", {"shape": "missing"}),
    FaultKind("wrong_types", "nonsense", {"shape": "ill_typed"}),
    FaultKind("stale_read", "stale", {}, "reads"),
)
"""F1–F14. A lost connection to a whole vendor is a cell of each vendor; timeouts end after the longest patience."""
BUS_FAULTS: Final[tuple[BusFault, ...]] = ("request_lost", "reply_lost", "twice", "slow")
