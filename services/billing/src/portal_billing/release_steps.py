"""The way back before the pivot: everything Pending with our marker is cancelled, then the round is over."""

from collections.abc import Sequence

from portal_billing.order import FoundOrder
from portal_billing.order_desk import OrderDesk
from portal_billing.order_progress import OrderProgress
from portal_billing.order_steps import SHORTLY, OrderTools, another_turn, quiet
from portal_billing.ports import Unclear
from portal_billing.vendor_write import vendor_write
from portal_chassis.logs import get_logger
from portal_chassis.process import Next, Outcome, Run, Wait
from portal_contracts.problems import Refused

_log = get_logger(__name__)


class ReleaseSteps:
    """Cancelling a reservation."""

    def __init__(self, tools: OrderTools) -> None:
        self._tools = tools

    async def release(self, run: Run[OrderProgress]) -> Outcome:
        """Cancel what there is, look again, and be done when nothing is left. An Active order is not taken back."""
        tools, desk = self._tools, await self._tools.desk(run)
        tries = await tools.tries(run, desk, "AddOrder")
        if tries.unclear > run.state.unclear:  # a worker before us died with a call under way
            return tools.unclear_creation(run, desk, tries.unclear)
        if run.state.is_quiet(run.clock.now()):
            return quiet(run.state)
        found = await self._all(run, desk) if tries.any or run.state.winner else ()
        active = [order.id for order in found if order.state == "active"]
        if active:
            message = f"order {active[0]} is already accepted"
            tools.tell(run, desk, Refused("WHMCS_ORDER_REFUSED", facts={"message": message}))
            return Next("decide", effects=(lambda transaction: tools.book.stays(transaction, run.key),))
        pending = [order for order in found if order.state == "pending"]
        if pending:
            async with tools.turns.turn(desk.client_id) as ours:
                return await self._cancel(run, desk, pending) if ours else another_turn()
        return await self._over(run, desk, found)

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
        tools = self._tools
        for order in pending:
            send_by = tools.send_by()
            try:
                async with vendor_write(
                    run, "CancelOrder", tools.fingerprint(desk, order.id), {"whmcs_order_id": order.id}
                ) as intent:
                    await tools.orders.cancel(order.id, send_by=send_by)
                    intent.external_id = str(order.id)
            except Unclear as unclear:
                _log.warning("it is unclear whether WHMCS cancelled an order", order=run.key, **unclear.evidence)
                tools.keep_quiet(run)
                return quiet(run.state)
            except Refused as problem:
                return tools.tell(run, desk, problem)
        found = await self._all(run, desk)
        if any(order.alive for order in found):
            return Wait(after=SHORTLY, because="reading back what was cancelled")
        return await self._over(run, desk, found)

    async def _over(self, run: Run[OrderProgress], desk: OrderDesk, found: Sequence[FoundOrder]) -> Outcome:
        """Judge what is left, so that the next round does not take it for its own, and begin that round."""
        for order in found:
            if order.id != run.state.winner:
                await self._tools.book.discard(run.key, desk.round, order.id)
        run.state = OrderProgress(phase="released", winner=run.state.winner)
        return Next("decide", effects=(lambda transaction: self._tools.book.released(transaction, run.key),))
