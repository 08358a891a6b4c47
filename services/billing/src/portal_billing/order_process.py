"""The WHMCS order protocol (architecture §6, reliability.md (b)§3): exactly one accepted order, whatever is lost.

WHMCS has no idempotency key, but two phases: AddOrder makes a Pending order, AcceptOrder makes it real. So a lost
creation can only leave a Pending order behind, and one registered winner alone is ever accepted.

    decide ─ create ─ settle ─ elect ─ verify ─ (reserved) ─ accept ─ check ─ annotate ─ done
                └──── unclear ───┘  │             └─ release
                              adopt ┘ (named by an operator)
"""

from typing import Final

from portal_billing.accept_steps import AcceptSteps
from portal_billing.order_desk import OrderDesk
from portal_billing.order_progress import OrderProgress
from portal_billing.order_steps import IDLE, OrderTools
from portal_billing.release_steps import ReleaseSteps
from portal_billing.reserve_steps import ReserveSteps
from portal_billing.vendor_write import LEFT
from portal_chassis.process import Done, Effect, Next, Outcome, ProcessDefinition, Proof, Run, Step, Wait
from portal_contracts.problems import Refused

WHMCS_ORDER: Final = "whmcs_order"
PROOF: Final = Proof(
    state=tuple(OrderProgress.model_fields), calls=("AddOrder", "AcceptOrder", "CancelOrder"), evidence=(LEFT,)
)
"""Ids alone: which order won, its invoice and services; and what a failed one may have done, for who opens it again."""


class OrderProcess:
    """The process `whmcs_order`, keyed by the Salesforce order id. What is wanted stands on the order's desk."""

    def __init__(self, tools: OrderTools) -> None:
        self._tools = tools

    def definition(self) -> ProcessDefinition[OrderProgress]:
        """The process as a list of steps; a step that is not sent elsewhere goes back to `decide`."""
        reserve, accept, release = ReserveSteps(self._tools), AcceptSteps(self._tools), ReleaseSteps(self._tools)
        return ProcessDefinition(
            WHMCS_ORDER,
            OrderProgress,
            (
                Step("decide", self.decide),
                Step("create", reserve.create),
                Step("settle", reserve.settle),
                Step("elect", reserve.elect),
                Step("verify", reserve.verify),
                Step("adopt", reserve.adopt),
                Step("accept", accept.accept),
                Step("check", accept.check),
                Step("annotate", accept.annotate),
                Step("release", release.release),
            ),
            proof=PROOF,
        )

    async def decide(self, run: Run[OrderProgress]) -> Outcome:
        """Compare what is wanted with what is reached."""
        desk = await self._tools.desk(run)
        if run.state.phase == "accepted":
            return Done()
        problem = run.state.problem
        if problem is not None and problem.ask >= desk.ask:
            return Wait(after=IDLE, because=f"told {problem.code}")
        run.state.problem = None
        if run.state.reached(desk.goal):
            return Wait(after=IDLE, because=run.state.phase, effects=self._opened(run, desk))
        if run.state.phase == "released" and desk.goal == "accept":
            cancelled = Refused("WHMCS_ORDER_CANCELLED", facts={"whmcs_order_id": run.state.winner or 0})
            return self._tools.tell(run, desk, cancelled)
        if run.state.phase == "released":
            run.state = OrderProgress()
        return Next(_towards(desk, run.state))

    def _opened(self, run: Run[OrderProgress], desk: OrderDesk) -> tuple[Effect, ...]:
        """End a release that was asked for once more after it was done: it must not keep others out."""
        return (lambda transaction: self._tools.book.stays(transaction, run.key),) if desk.closing else ()


def _towards(desk: OrderDesk, progress: OrderProgress) -> str:
    """Name the step that brings an order nearer to its goal."""
    if desk.goal == "release":
        return "release"
    if progress.phase == "reserved":
        return "accept"
    if progress.winner is not None:
        return "verify"
    return "settle" if progress.unclear else "create"
