"""How far billing is with an order: the state of its process, and what its callers are told. No I/O."""

from collections.abc import Mapping
from datetime import datetime
from math import ceil
from typing import Any, Final, Literal

from pydantic import BaseModel

from portal_billing.order_desk import Goal
from portal_chassis.process import ProcessView
from portal_contracts.billing import OrderProtocolState
from portal_contracts.problems import CATALOGUE, Fact, PortalProblem, ProblemReply, Refused, TryLater, from_reply

Phase = Literal["new", "reserved", "accepted", "released"]
_REACHED: Final[Mapping[Goal, frozenset[Phase]]] = {
    "reserve": frozenset({"reserved", "accepted"}),
    "accept": frozenset({"accepted"}),
    "release": frozenset({"released"}),
}

LONGEST_RUNG_SECONDS: Final = 600
"""Callers are never sent away for longer: WHMCS may be back long before the ladder's last rungs."""
STUCK: Final = frozenset({"blocked", "needs_human", "failed", "cancelled"})
"""States of a process that goes on only when somebody does something."""


class Told(BaseModel):
    """A refusal callers are told until one asks anew."""

    code: str
    facts: dict[str, Fact]
    ask: int


class OrderProgress(BaseModel):
    """State of the process `whmcs_order`.

    `unclear` counts the AddOrder calls of this round whose outcome nobody knows, `made` is the order AddOrder answered
    with. Until `quiet_until` (business time) a search that finds nothing decides nothing. `doubts` counts looks in a
    row that did not show what must be there: WHMCS may answer with old data.
    """

    phase: Phase = "new"
    unclear: int = 0
    unclear_accepts: int = 0
    unclear_cancels: int = 0
    doubts: int = 0
    quiet_until: datetime | None = None
    made: int | None = None
    winner: int | None = None
    invoice_id: int | None = None
    service_id: int | None = None
    service_ids: tuple[int, ...] = ()
    problem: Told | None = None

    def is_quiet(self, now: datetime) -> bool:
        """Whether a write may still land."""
        return self.quiet_until is not None and now < self.quiet_until

    def reached(self, goal: Goal) -> bool:
        """Whether a goal is reached."""
        return self.phase in _REACHED[goal]

    def done(self) -> OrderProtocolState:
        """Give the answer of a goal that is reached."""
        return OrderProtocolState(
            state="done",
            whmcs_order_id=self.winner,
            whmcs_invoice_id=self.invoice_id,
            service_id=self.service_id,
            service_ids=self.service_ids,
        )


def answer(goal: Goal, ask: int, view: ProcessView, asked_at: datetime, now: datetime) -> OrderProtocolState:
    """Tell a caller how far its goal is; raises the problem that stands in the way.

    A problem the process met before it was asked is not told: another worker may be looking at it anew just now. What
    somebody does not answer to is told as TryLater, so that the caller's own ladder grows and shows what is waited for.
    """
    progress = OrderProgress.model_validate(view.state)
    if progress.reached(goal):
        return progress.done()
    if progress.phase == "accepted":
        message = f"order {progress.winner} is already accepted"
        raise Refused("WHMCS_ORDER_REFUSED", facts={"message": message})
    if progress.problem is not None and progress.problem.ask >= ask:
        raise problem_of(progress.problem.code, progress.problem.facts)
    if view.status in STUCK and view.code is not None and view.updated_at >= asked_at:
        raise problem_of(view.code, view.facts)
    entry = CATALOGUE.get(view.code or "")
    if view.status == "waiting" and entry is not None and entry.kind == "try_later":
        raise TryLater(entry.code, retry_after=_seconds_to(view, now))
    again_at = view.due_at if view.due_at is not None and view.due_at > now else None
    return OrderProtocolState(state="working", again_at=again_at, whmcs_order_id=progress.winner)


def _seconds_to(view: ProcessView, now: datetime) -> int:
    """Give the seconds to the ladder's next rung, or to where asking makes sense again although it is farther."""
    left = (view.due_at - now).total_seconds() if view.due_at is not None else 0.0
    return max(1, min(ceil(left), LONGEST_RUNG_SECONDS))


def problem_of(code: str, facts: Mapping[str, Any]) -> PortalProblem:
    """Give the problem of a code, with those of its facts that are texts or whole numbers."""
    known = code if code in CATALOGUE else "INTERNAL_ERROR"
    plain = {name: value for name, value in facts.items() if isinstance(value, str | int)}
    return from_reply(ProblemReply(code=known, facts=plain))
