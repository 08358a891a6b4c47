"""How far a sign-up or a linking is, for whoever waits for it."""

from typing import Final

from portal_chassis.process import ProcessView
from portal_contracts.problems import CATALOGUE, ProblemReply, from_reply

STANDING: Final = frozenset({"failed", "blocked", "needs_human"})
"""Here waiting does not help: it is over, or somebody of ours has to act first."""


def linked(view: ProcessView) -> bool:
    """Say whether the customer can log in; raise what ended the way there, or stands in it until staff act."""
    if view.state.get("linked"):
        return True
    if view.status in STANDING and view.code in CATALOGUE:
        raise from_reply(ProblemReply(code=view.code, facts={name: str(fact) for name, fact in view.facts.items()}))
    return False
