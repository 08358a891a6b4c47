"""Making the winner real, and proving that it is: AcceptOrder's success alone proves nothing (D02).

These steps run after the pivot, so nothing is given up here: what stands in the way blocks, and is looked at again.
"""

from portal_billing.order import RUNNING, FoundOrder, FoundService, ServiceNotes, check_amounts, check_invoice
from portal_billing.order_desk import OrderDesk
from portal_billing.order_progress import OrderProgress
from portal_billing.order_steps import SHORTLY, OrderTools, another_turn, quiet, scope_of
from portal_billing.ports import Unclear
from portal_billing.protocol_metrics import ACCEPTED, ADOPTED, count_mismatch
from portal_billing.reserve_steps import invoice_of
from portal_billing.vendor_write import journalled, vendor_write
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
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
        found = {order.id: order for order in await tools.orders.search(desk.client_id, run.key)}
        order = found.get(run.state.winner or 0) or await self._winner(run, desk)
        if order is not None and order.state == "active":
            return Next("check")
        rival = next((one for one in found.values() if one.state == "active"), None)
        return await self._pending(run, desk, order, rival)

    async def _pending(
        self, run: Run[OrderProgress], desk: OrderDesk, order: FoundOrder | None, rival: FoundOrder | None
    ) -> Outcome:
        tools = self._tools
        tries = await tools.tries(run, desk, "AcceptOrder")
        if tries.unclear > run.state.unclear_accepts:  # a worker before us died with a call under way
            return self._unclear(run, tries.unclear)
        if rival is not None:
            return self._rival(run, desk, rival, tried=tries.any)
        if order is None:
            return tools.doubt(run, "the winner is not found") or self._ended(run)
        tools.sure(run)
        if not order.alive:
            return self._ended(run)
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
            return self._unclear(run, run.state.unclear_accepts + 1, unclear)
        except Refused as problem:
            return self._block(run, problem)
        if not accepted:  # it was Pending a moment ago: read again who was faster
            return Wait(after=SHORTLY, because="the order is not Pending")
        ACCEPTED.inc()
        return Next("check")

    def _unclear(self, run: Run[OrderProgress], count: int, seen: Unclear | None = None) -> Outcome:
        """Wait until the call has landed or never will, then read the order again."""
        run.state.unclear_accepts = count
        return self._tools.keep_quiet(run, "AcceptOrder", seen, count)

    def _rival(self, run: Run[OrderProgress], desk: OrderDesk, rival: FoundOrder, *, tried: bool) -> Outcome:
        """Meet another order of ours that somebody has accepted by hand: a second one must never become Active.

        It takes the winner's place, which is cancelled then; unless AcceptOrder was tried, because that may land.
        """
        if tried:
            facts = {"whmcs_order_id": run.state.winner or 0, "active": rival.id}
            return self._block(run, Refused("WHMCS_ORDER_UNCLEAR", facts=facts))
        tools, key = self._tools, run.key
        _log.warning("an order accepted by hand takes the winner's place", order=key, whmcs_order=rival.id)
        ADOPTED.inc()
        run.state.winner, run.state.phase = rival.id, "new"

        async def crown(transaction: Transaction) -> None:
            await tools.book.crown(transaction, key, desk.round, rival.id)

        return Next("verify", effects=(crown, tools.sweep(run, tools.settings.sweep_for)))

    async def check(self, run: Run[OrderProgress]) -> Outcome:
        """Read back: services run, nothing waits in the module queue, amounts are right to the yen (D02, I8)."""
        tools, desk = self._tools, await self._tools.desk(run)
        order = await self._winner(run, desk)
        if order is None or order.state != "active":
            return self._not_active(run, order)
        try:
            check_amounts(order, desk.units())
            check_invoice(order, desk.units(), await invoice_of(tools, desk, order))
        except Refused as problem:
            count_mismatch(problem.code, "accept")
            return self._block(run, problem)
        stuck = [service.id for service in order.services if service.state not in RUNNING]
        if stuck and (doubt := tools.doubt(run, "a service does not run yet", most=1)) is not None:
            return doubt
        for service in order.services:
            stuck += [service.id for _ in await tools.orders.failed_set_ups(service.id)]
        if stuck:
            facts = {"whmcs_order_id": order.id, "service_id": stuck[0]}
            return self._block(run, Refused("WHMCS_SERVICE_NOT_ACTIVE", facts=facts))
        tools.sure(run)
        return Next("annotate")

    def _not_active(self, run: Run[OrderProgress], order: FoundOrder | None) -> Outcome:
        """Look again at an accepted order that is not: that is old data, or somebody has moved or ended it."""
        if order is None:
            return self._tools.doubt(run, "the accepted order is not found") or self._ended(run)
        if order.state == "pending":
            return self._tools.doubt(run, "the accepted order is Pending") or Next("accept")
        return self._ended(run)

    async def annotate(self, run: Run[OrderProgress]) -> Outcome:
        """Write notes for people and the line's numbers (R160); repeating is harmless. Then the order is done."""
        tools, desk = self._tools, await self._tools.desk(run)
        order = await self._winner(run, desk)
        if order is None:
            return tools.doubt(run, "the accepted order is not found") or self._ended(run)
        try:
            for service in order.services:
                await self._note(run, desk, service)
        except Refused as problem:
            return self._block(run, problem)
        await self._compare_numbers(run, desk)
        tools.sure(run)
        run.state.phase = "accepted"

        async def closed(transaction: Transaction) -> None:
            await tools.book.closed(transaction, run.key)

        return Done(effects=(closed, tools.sweep(run, tools.settings.sweep_ended)))

    async def _note(self, run: Run[OrderProgress], desk: OrderDesk, service: FoundService) -> None:
        main = service.id == run.state.service_id
        notes = ServiceNotes(
            service_id=service.id,
            product_id=service.product_id,
            text=f"Salesforce order {run.key}, line {service.ordinal}. Made by the customer portal.",
            phone_number=desk.phone_number if main else None,
            iccid=desk.iccid if main else None,
        )
        evidence = {"service_id": service.id}
        async with journalled(run, "UpdateClientProduct", scope_of(desk), [service.id, notes.text], evidence):
            await self._tools.orders.annotate(notes)

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
