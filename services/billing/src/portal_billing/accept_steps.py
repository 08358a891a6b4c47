"""Making the winner real, and proving that it is: AcceptOrder's success alone proves nothing (D02).

These steps run after the pivot, so nothing is given up here: what stands in the way blocks, and is looked at again.
"""

from portal_billing.order import RUNNING, FoundOrder, ServiceNotes, check_amounts
from portal_billing.order_desk import OrderDesk
from portal_billing.order_progress import OrderProgress
from portal_billing.order_steps import SHORTLY, OrderTools, another_turn, quiet
from portal_billing.ports import Unclear
from portal_billing.vendor_write import vendor_write
from portal_chassis.logs import get_logger
from portal_chassis.process import Block, Done, Next, Outcome, Run, Wait
from portal_contracts.problems import Refused

_log = get_logger(__name__)


class AcceptSteps:
    """The steps from a reservation to a running service."""

    def __init__(self, tools: OrderTools) -> None:
        self._tools = tools

    async def accept(self, run: Run[OrderProgress]) -> Outcome:
        """Accept the winner and nothing else; an order that is Active already is accepted."""
        tools, desk = self._tools, await self._tools.desk(run)
        if desk.goal == "release":
            return Next("release")
        if run.state.is_quiet(run.clock.now()):
            return quiet(run.state)
        order = await self._winner(run, desk)
        if order is None or not order.alive:
            return self._ended(run)
        if order.state == "active":
            return Next("check")
        tries = await tools.tries(run, desk, "AcceptOrder")
        if tries.unclear > run.state.unclear_accepts:  # a worker before us died with a call under way
            return self._unclear(run, tries.unclear)
        async with tools.turns.turn(desk.client_id) as ours:
            return await self._accept(run, desk, order) if ours else another_turn()

    async def _accept(self, run: Run[OrderProgress], desk: OrderDesk, order: FoundOrder) -> Outcome:
        tools = self._tools
        send_by = tools.send_by()
        evidence = {"whmcs_order_id": order.id, "generation": run.generation}
        try:
            async with vendor_write(run, "AcceptOrder", tools.fingerprint(desk, order.id), evidence) as intent:
                accepted = await tools.orders.accept(order.id, send_by=send_by)
                intent.external_id = str(order.id)
        except Unclear as unclear:
            _log.warning("it is unclear whether WHMCS accepted an order", order=run.key, **unclear.evidence)
            return self._unclear(run, run.state.unclear_accepts + 1)
        except Refused as problem:
            return self._block(run, problem)
        # Not Pending any more, though it was a moment ago: read again who was faster.
        return Next("check") if accepted else Wait(after=SHORTLY, because="the order is not Pending")

    def _unclear(self, run: Run[OrderProgress], count: int) -> Outcome:
        """Wait until the call has landed or never will, then read the order again."""
        run.state.unclear_accepts = count
        self._tools.keep_quiet(run)
        return quiet(run.state)

    async def check(self, run: Run[OrderProgress]) -> Outcome:
        """Read back: services run, nothing waits in the module queue, amounts are right to the yen (D02, I8)."""
        tools, desk = self._tools, await self._tools.desk(run)
        order = await self._winner(run, desk)
        if order is None or order.state != "active":
            return self._ended(run)
        try:
            check_amounts(order, desk.units())
        except Refused as problem:
            return self._block(run, problem)
        stuck = [service.id for service in order.services if service.state not in RUNNING]
        for service in order.services:
            stuck += [service.id for _ in await tools.orders.failed_set_ups(service.id)]
        if stuck:
            facts = {"whmcs_order_id": order.id, "service_id": stuck[0]}
            return self._block(run, Refused("WHMCS_SERVICE_NOT_ACTIVE", facts=facts))
        return Next("annotate")

    async def annotate(self, run: Run[OrderProgress]) -> Outcome:
        """Write notes for people and the line's numbers (R160); repeating is harmless."""
        tools, desk = self._tools, await self._tools.desk(run)
        order = await self._winner(run, desk)
        if order is None:
            return self._ended(run)
        for service in order.services:
            main = service.id == run.state.service_id
            await tools.orders.annotate(
                ServiceNotes(
                    service_id=service.id,
                    product_id=service.product_id,
                    text=f"Salesforce order {run.key}, line {service.ordinal}. Made by the customer portal.",
                    phone_number=desk.phone_number if main else None,
                    iccid=desk.iccid if main else None,
                )
            )
        await self._compare_numbers(run, desk)
        run.state.phase = "accepted"
        return Done(effects=(lambda transaction: tools.book.closed(transaction, run.key),))

    async def _compare_numbers(self, run: Run[OrderProgress], desk: OrderDesk) -> None:
        """Say loudly when a number did not arrive: WHMCS ignores a wrongly mapped field without a word."""
        order = await self._winner(run, desk)
        for service in order.services if order is not None else ():
            wanted = {"phone": desk.phone_number, "iccid": desk.iccid}
            kept = {"phone": service.phone_number, "iccid": service.iccid}
            lost = [name for name, value in wanted.items() if value is not None and kept[name] != value]
            if service.id == run.state.service_id and lost:
                _log.error("WHMCS did not keep a line's numbers", alert=True, service=service.id, fields=lost)

    async def _winner(self, run: Run[OrderProgress], desk: OrderDesk) -> FoundOrder | None:
        return await self._tools.orders.read(desk.client_id, run.state.winner or 0)

    def _ended(self, run: Run[OrderProgress]) -> Outcome:
        facts = {"whmcs_order_id": run.state.winner or 0}
        return self._block(run, Refused("WHMCS_ORDER_CANCELLED", facts=facts))

    def _block(self, run: Run[OrderProgress], problem: Refused) -> Outcome:
        _log.error("an order is stuck behind the pivot", alert=True, order=run.key, problem=str(problem))
        return Block(problem.code, recheck=self._tools.settings.recheck, step="accept", facts=problem.facts)
