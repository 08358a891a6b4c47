"""How long identity keeps what operators leave behind: sessions and enrolments after their end (§5.10)."""

from typing import Final

from portal_chassis.pruning import Pruning, deleting

_SESSIONS: Final = "coalesce(revoked_at, expires_at) < now() - make_interval(days => $1)"
_ENROLMENTS: Final = "coalesce(ended_at, expires_at) < now() - make_interval(days => $1)"


def forget_what_operators_left(pruning: Pruning, days: int) -> None:
    """Add the rules. Who may operate the portal, and who approved that, stays (R276)."""
    pruning.add("operators' sessions", deleting("operator_session", _SESSIONS, lambda: (days,)))
    pruning.add("operators' enrolments", deleting("operator_enrolment", _ENROLMENTS, lambda: (days,)))
