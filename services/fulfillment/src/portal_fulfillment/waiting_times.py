"""Whose turn it was while an order was on its way, for the time to activate split by actor (issue of speed, R283)."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel

from portal_chassis.process import Block, NeedsHuman, Outcome, Wait
from portal_fulfillment.obstacle_codes import WaitingOwner, owner_of

SCHEDULED: Final = "scheduled"
"""`because` of an order that waits for its date; every other Wait of a step is for a vendor."""


class WaitingTimes(BaseModel):
    """Seconds of business time by whose turn it was. Time nobody else has is ours."""

    turn: WaitingOwner = "us"
    since: datetime | None = None
    seconds: dict[WaitingOwner, float] = {}

    def pass_to(self, turn: WaitingOwner, now: datetime, *, began: datetime) -> None:
        """Add what has passed to whoever had the turn, and hand it on. `began` counts when nothing was counted yet."""
        passed = max((now - (self.since or began)).total_seconds(), 0.0)
        self.seconds[self.turn] = self.seconds.get(self.turn, 0.0) + passed
        self.turn, self.since = turn, now


def turn_after(outcome: Outcome) -> WaitingOwner:
    """Give whose turn it is once a step has ended so."""
    match outcome:
        case Block(code=code) | NeedsHuman(code=code):
            owner = owner_of(code)
            return "us" if owner == "nobody" else owner
        case Wait(because=because):
            return "schedule" if because == SCHEDULED else "vendor"
        case _:
            return "us"
