"""The way back before the pivot: everything Pending with our marker is cancelled, then the round is over."""

from collections.abc import Sequence

from portal_billing.order import FoundOrder
from portal_billing.order_desk import OrderDesk
from portal_billing.order_progress import OrderProgress
from portal_billing.order_steps import SHORTLY, OrderTools, another_turn, quiet, scope_of
from portal_billing.ports import Unclear
from portal_chassis.process import Next, Outcome, Run, Wait
from portal_contracts.problems import Refused


class ReleaseSteps:
    """Cancelling a reservation."""

    def __init__(self, tools: OrderTools) -> None:
        self._tools = tools

    async def release(self, run: Run[OrderProgress]) -> Outcome:
        """Cancel what there is, look again, and be done when nothing is left. An Active order is not taken back."""
        tools, desk = self._tools, await self._tools.desk(run)
        tries, cancels = await tools.tries(run, desk, "AddOrder"), await tools.tries(run, desk, "CancelOrder")
        if tries.unclear > run.state.unclear:  # a worker before us died with a call under way
            return tools.unclear_creation(run, desk, tries.unclear)
        if cancels.unclear > run.state.unclear_cancels:
            return self._unclear(run, cancels.unclear)
        if run.state.is_quiet(run.clock.now()):
            return quiet(run.state)
        run.state.made = run.state.made or tries.made
        found = await self._all(run, desk) if desk.client_id else ()  # nothing was ever reserved without a client
        if {run.state.winner, run.state.made} - {None, *(order.id for order in found)}:
            doubt = tools.doubt(run, "an order that is to be cancelled is not found")
            if doubt is not None:
                return doubt
        tools.sure(run)
        return await self._take_back(run, desk, found)

    async def _take_back(self, run: Run[OrderProgress], desk: OrderDesk, found: Sequence[FoundOrder]) -> Outcome:
        tools = self._tools
        active = [order.id for order in found if order.state == "active"]
        if active:
            message = f"order {active[0]} is already accepted"
            tools.tell(run, desk, Refused("WHMCS_ORDER_REFUSED", facts={"message": message}))
            return Next("decide", effects=(lambda transaction: tools.book.stays(transaction, run.key),))
        pending = [order for order in found if order.state == "pending"]
        try:
            if pending:
                async with tools.turns.turn(desk.client_id) as ours:
                    return await self._cancel(run, desk, pending) if ours else another_turn()
            return await self._over(run, desk, found)
        except Unclear as unclear:
            return self._unclear(run, run.state.unclear_cancels + 1, unclear)
        except Refused as problem:
            return tools.tell(run, desk, problem)

    async def _all(self, run: Run[OrderProgress], desk: OrderDesk) -> Sequence[FoundOrder]:
        """Find what carries our marker, and what we know by id even when its marker is missing."""
        tools = self._tools
        found = {order.id: order for order in await tools.unjudged(desk)}
        for number in {run.state.winner, run.state.made} - {None, *found}:
            order = await tools.orders.read(desk.client_id, number or 0)
            if order is not None:
                found[order.id] = order
        return list(found.values())

    async def _cancel(self, run: Run[OrderProgress], desk: OrderDesk, pending: Sequence[FoundOrder]) -> Outcome:
        for order in pending:
            await self._tools.undo.cancel(run, scope_of(desk), order)
        found = await self._all(run, desk)
        if any(order.alive for order in found):
            return Wait(after=SHORTLY, because="reading back what was cancelled")
        return await self._over(run, desk, found)

    def _unclear(self, run: Run[OrderProgress], count: int, seen: Unclear | None = None) -> Outcome:
        """Wait until the call has landed or never will, then look again."""
        run.state.unclear_cancels = count
        return self._tools.keep_quiet(run, "CancelOrder", seen, count)

    async def _over(self, run: Run[OrderProgress], desk: OrderDesk, found: Sequence[FoundOrder]) -> Outcome:
        """Judge what is left, so that the next round does not take it for its own, and begin that round."""
        tools, touched = self._tools, bool(found) or run.state.unclear
        for order in found:
            await tools.undo.cancel_invoice(run, scope_of(desk), desk.client_id, order)
            if order.id != run.state.winner:
                await tools.book.discard(run.key, desk.round, order.id)
        run.state = OrderProgress(phase="released", winner=run.state.winner)
        sweep = (tools.sweep(run, tools.settings.sweep_ended),) if touched else ()
        return Next("decide", effects=(lambda transaction: tools.book.released(transaction, run.key), *sweep))
