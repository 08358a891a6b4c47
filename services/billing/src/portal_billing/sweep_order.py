"""Late twins of an order are found and cancelled: rule 7 of reliability.md (b)§3.

A write that we gave up on, or a worker that slept between its last check and its write, may make a second Pending
order. It is never accepted, because only the registered winner is; here it is cancelled within five minutes, and the
invoice that came with it. One search at a time counts for an order; a later occasion takes its place and prolongs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from portal_billing.cancel_order import CancelOrders
from portal_billing.order import FoundOrder
from portal_billing.order_desk import OrderDesk, Verdict, winner_of
from portal_billing.ports import ClientTurns, OrderBook, Orders, Unclear
from portal_billing.protocol_metrics import EXTRAS_ACTIVE, EXTRAS_CANCELLED, UNCLEAR
from portal_billing.settings import BillingSettings
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Effect, Outcome, ProcessDefinition, ProcessEngine, Run, Step, Wait
from portal_contracts.problems import Misconfigured, PortalProblem, Refused, TryLater

SWEEP: Final = "whmcs_sweep"
_SCOPE: Final = "extra"

_log = get_logger(__name__)


class Sweep(BaseModel):
    """State of the process `whmcs_sweep`: which order is looked after, and until when (business time).

    `number` is the search's own on the order's desk. `settled` are extras about whose invoice all is known, `told`
    those that were found Active and reported.
    """

    order_id: str
    until: datetime
    number: int = 0
    settled: tuple[int, ...] = ()
    told: tuple[int, ...] = ()


def start_sweep(processes: ProcessEngine, book: OrderBook, order_id: str, until: datetime) -> Effect:
    """Give the effect that has an order swept from now on."""

    async def effect(transaction: Transaction) -> None:
        desk = await book.sweep(transaction, order_id, until)
        state = Sweep(order_id=order_id, until=desk.swept_until or until, number=desk.sweep)
        await processes.start(transaction, SWEEP, f"{order_id} {desk.sweep}", state)

    return effect


@dataclass(frozen=True, slots=True)
class SweepOrder:
    """Looks for extra orders with our marker and cancels those that are Pending."""

    book: OrderBook
    orders: Orders
    turns: ClientTurns
    undo: CancelOrders
    settings: BillingSettings

    def definition(self) -> ProcessDefinition[Sweep]:
        """The process as a list of steps."""
        return ProcessDefinition(SWEEP, Sweep, (Step("look", self.look),))

    async def look(self, run: Run[Sweep]) -> Outcome:
        """Judge what is found. While nothing is decided about the order itself, everything is left to its process.

        No ladder here, whatever goes wrong: late twins are to be gone within minutes of WHMCS's return.
        """
        desk = await self.book.read(run.state.order_id)
        if desk is None or not desk.client_id or desk.sweep > run.state.number:
            return Done()
        try:
            await self._sweep(run, desk.client_id)
        except TryLater as problem:
            return Wait(after=self.settings.sweep, because=problem.code)
        except (Refused, Misconfigured, Unclear) as problem:
            code = problem.code if isinstance(problem, PortalProblem) else "unclear"
            _log.error("late twins could not be ended", alert=True, order=desk.order_id, problem=str(problem))
            return Wait(after=self.settings.sweep, because=code)
        if run.clock.now() >= run.state.until:
            return Done()
        return Wait(after=self.settings.sweep, because="looking for late twins")

    async def _sweep(self, run: Run[Sweep], client_id: int) -> None:
        found = await self.orders.search(client_id, run.state.order_id)
        # Read after the search: what has been elected by now is no extra, and no later round had made anything yet.
        desk = await self.book.read(run.state.order_id)
        verdicts = await self.book.verdicts(run.state.order_id)
        for order in found if desk is not None else ():
            if desk is not None and _is_extra(order, desk, verdicts):
                await self._end(run, desk, order)

    async def _end(self, run: Run[Sweep], desk: OrderDesk, order: FoundOrder) -> None:
        if order.state == "active":
            self._tell(run, order)
            return
        if order.state == "pending":
            async with self.turns.turn(desk.client_id) as ours:
                if not ours or not await self._judged(desk, order):
                    return
                await self._cancel(run, order)
        if order.id not in run.state.settled:
            await self.undo.cancel_invoice(run, _SCOPE, desk.client_id, order)
            run.state.settled = (*run.state.settled, order.id)

    async def _judged(self, desk: OrderDesk, order: FoundOrder) -> bool:
        """Judge before cancelling: an order that is elected at this moment stays. Winners of old rounds are judged."""
        verdict = (await self.book.verdicts(desk.order_id)).get(order.id)
        if verdict is not None and verdict.winner:
            return verdict.round < desk.round
        return await self.book.discard(desk.order_id, desk.round, order.id)

    async def _cancel(self, run: Run[Sweep], order: FoundOrder) -> None:
        try:
            await self.undo.cancel(run, _SCOPE, order)
        except Unclear:
            UNCLEAR.labels("CancelOrder").inc()
            raise
        EXTRAS_CANCELLED.inc()
        _log.warning("an extra order was cancelled", order=run.state.order_id, whmcs_order=order.id)

    def _tell(self, run: Run[Sweep], order: FoundOrder) -> None:
        if order.id in run.state.told:
            return
        run.state.told = (*run.state.told, order.id)
        EXTRAS_ACTIVE.inc()
        _log.error("a second order is Active in WHMCS", alert=True, order=run.state.order_id, whmcs_order=order.id)


def _is_extra(order: FoundOrder, desk: OrderDesk, verdicts: Mapping[int, Verdict]) -> bool:
    """Whether an order is none of this round's: judged so, the winner of an old round, or come after the election."""
    verdict = verdicts.get(order.id)
    if verdict is not None:
        return not verdict.winner or verdict.round < desk.round
    return order.alive and (winner_of(verdicts, desk.round) is not None or desk.goal == "release")
