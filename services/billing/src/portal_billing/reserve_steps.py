"""Having exactly one Pending order: search, create, settle what is unclear, elect, verify (rules 1–6, 8)."""

from collections.abc import Sequence
from typing import Final

from portal_billing.order import (
    FoundOrder,
    OrderInvoice,
    assigned,
    check_amounts,
    check_invoice,
    check_markers,
    main_service,
    marker,
)
from portal_billing.order_desk import OrderDesk, winner_of
from portal_billing.order_progress import OrderProgress
from portal_billing.order_steps import OrderTools, another_turn, quiet, scope_of, unasked
from portal_billing.ports import Unclear
from portal_billing.product import check_line
from portal_billing.protocol_metrics import CREATED
from portal_billing.vendor_write import journalled, vendor_write
from portal_chassis.logs import get_logger
from portal_chassis.process import NeedsHuman, Next, Outcome, Run, Wait
from portal_contracts.problems import Refused

MOST_UNCLEAR: Final = 2
"""Unclear creations after which a person decides (rule 5)."""

_log = get_logger(__name__)


class ReserveSteps:
    """The steps up to a verified reservation."""

    def __init__(self, tools: OrderTools) -> None:
        self._tools = tools

    async def create(self, run: Run[OrderProgress]) -> Outcome:
        """Make the order, unless it exists: everything that could forbid it is checked first."""
        tools, desk = self._tools, await self._tools.desk(run)
        if desk.goal == "release":
            return Next("release")
        tries = await tools.tries(run, desk, "AddOrder")
        if tries.made is not None:
            run.state.made = tries.made
            return Next("elect")
        if tries.unclear > run.state.unclear:  # a worker before us died with a call under way
            return tools.unclear_creation(run, desk, tries.unclear)
        if not tools.is_wanted(run, desk):
            return unasked()
        try:
            await self._check_lines(desk)
        except Refused as problem:
            return tools.tell(run, desk, problem)
        async with tools.turns.turn(desk.client_id) as ours:
            return await self._add(run, desk) if ours else another_turn()

    async def _check_lines(self, desk: OrderDesk) -> None:
        products = await self._tools.products.read([line.whmcs_product_id for line in desk.lines])
        for line in desk.lines:
            check_line(line, products.get(line.whmcs_product_id))

    async def _add(self, run: Run[OrderProgress], before: OrderDesk) -> Outcome:
        tools = self._tools
        found = await tools.unjudged(before)
        desk = await tools.desk(run)
        if found:
            return self._found(run, desk, found)
        if desk.goal == "release":
            return Next("release")
        if not tools.is_wanted(run, desk):
            return unasked()
        send_by = tools.send_by()
        draft = desk.draft()
        fingerprint = tools.fingerprint(desk, [desk.client_id, [line.model_dump() for line in desk.lines]])
        evidence = {"client": desk.client_id, "generation": run.generation, "round": desk.round}
        try:
            async with vendor_write(run, "AddOrder", fingerprint, evidence) as intent:
                run.state.made = await tools.orders.add(draft, send_by=send_by)
                intent.external_id = str(run.state.made)
        except Unclear as unclear:
            return tools.unclear_creation(run, desk, run.state.unclear + 1, unclear)
        except Refused as problem:
            return tools.tell(run, desk, problem)
        CREATED.inc()
        return Next("elect")

    def _found(self, run: Run[OrderProgress], desk: OrderDesk, found: Sequence[FoundOrder]) -> Outcome:
        """Go on with what a search found; an order somebody ended by hand is never made again unasked."""
        if any(order.alive for order in found):
            return Next("elect")
        ended = Refused("WHMCS_ORDER_CANCELLED", facts={"whmcs_order_id": found[0].id})
        return self._tools.tell(run, desk, ended)

    async def settle(self, run: Run[OrderProgress]) -> Outcome:
        """Search decisively after the quiet period (rule 5): found is adopted, else one more try, else a person."""
        tools, desk = self._tools, await self._tools.desk(run)
        if desk.goal == "release":
            return Next("release")
        if run.state.is_quiet(run.clock.now()):
            return quiet(run.state)
        found = await tools.unjudged(desk)
        if found:
            return self._found(run, desk, found)
        if run.state.unclear < MOST_UNCLEAR + desk.retries:
            return Next("create")
        entries = await run.journal("AddOrder")
        evidence = {
            "order_id": run.key,
            "whmcs_client_id": desk.client_id,
            "searched_at": run.clock.now().isoformat(),
            "found": 0,
            "calls": [{"at": entry.at.isoformat(), "state": entry.state, **entry.evidence} for entry in entries],
        }
        _log.error("twice unclear whether WHMCS made an order", alert=True, order=run.key, client=desk.client_id)
        return NeedsHuman("WHMCS_ORDER_UNCLEAR", evidence, recheck=tools.settings.recheck)

    async def elect(self, run: Run[OrderProgress]) -> Outcome:
        """Register one winner before anything is accepted (rule 6). Others are left to the sweeper."""
        tools, desk = self._tools, await self._tools.desk(run)
        found = await self._candidates(run, desk)
        candidates = sorted(
            (order for order in found if order.alive), key=lambda order: (order.state != "active", order.id)
        )
        run.state.winner = None
        for order in candidates:
            run.state.winner = await tools.book.elect(run.key, desk.round, order.id)
            if run.state.winner is not None:
                break
        else:
            return self._nobody(run, desk, found)
        tools.sure(run)
        if len(candidates) > 1:
            _log.warning("WHMCS has twins of an order", order=run.key, whmcs_orders=[one.id for one in candidates])
            return Next("verify", effects=(tools.sweep(run, tools.settings.sweep_for),))
        return Next("verify")

    async def _candidates(self, run: Run[OrderProgress], desk: OrderDesk) -> list[FoundOrder]:
        """Find what carries our marker, and what AddOrder answered with even if its marker is missing."""
        found = list(await self._tools.unjudged(desk))
        made = run.state.made
        if made is not None and made not in {order.id for order in found}:
            order = await self._tools.orders.read(desk.client_id, made)
            verdict = (await self._tools.book.verdicts(run.key)).get(made)
            if order is not None and (verdict is None or verdict.winner):
                found.append(order)
        return found

    def _nobody(self, run: Run[OrderProgress], desk: OrderDesk, found: Sequence[FoundOrder]) -> Outcome:
        """Look again for what was there a moment ago; what stays away was ended by hand."""
        if found and not any(order.alive for order in found):
            return self._found(run, desk, found)
        doubt = self._tools.doubt(run, "an order that was there is not found")
        return doubt or self._gone(run, desk, run.state.made or 0)

    def _gone(self, run: Run[OrderProgress], desk: OrderDesk, number: int) -> Outcome:
        return self._tools.tell(run, desk, Refused("WHMCS_ORDER_CANCELLED", facts={"whmcs_order_id": number}))

    async def adopt(self, run: Run[OrderProgress]) -> Outcome:
        """Take over the winner an operator has named: write our markers where there are none, and verify it."""
        tools, desk = self._tools, await self._tools.desk(run)
        winner = winner_of(await tools.book.verdicts(run.key), desk.round)
        if desk.goal == "release" or winner is None:
            return Next("decide")
        order = await tools.orders.read(desk.client_id, winner)
        if order is None:
            return tools.doubt(run, "the linked order is not found") or self._gone(run, desk, winner)
        tools.sure(run)
        run.state.winner, run.state.phase, run.state.problem = winner, "new", None
        run.state.unclear_accepts, run.state.made = 0, None
        try:
            await self._mark(run, desk, order)
        except Refused as problem:
            return tools.tell(run, desk, problem)
        return Next("verify")

    async def _mark(self, run: Run[OrderProgress], desk: OrderDesk, order: FoundOrder) -> None:
        unmarked = {service.id for service in order.services if service.order_id is None}
        for service in assigned(run.key, order, desk.units()).services:
            if service.id in unmarked:
                text = marker(run.key, service.ordinal or 0)
                evidence = {"service_id": service.id}
                async with journalled(run, "UpdateClientProduct", scope_of(desk), [service.id, text], evidence):
                    await self._tools.orders.mark(service.id, service.product_id, text)

    async def verify(self, run: Run[OrderProgress]) -> Outcome:
        """Read the winner back: its markers are found and its amounts are right to the yen, before the pivot."""
        tools, desk = self._tools, await self._tools.desk(run)
        winner = run.state.winner or 0
        order = await tools.orders.read(desk.client_id, winner)
        if order is None:
            return tools.doubt(run, "the winner is not found") or self._gone(run, desk, winner)
        if not order.alive:
            return self._gone(run, desk, winner)
        return await self._compare(run, desk, order)

    async def _compare(self, run: Run[OrderProgress], desk: OrderDesk, order: FoundOrder) -> Outcome:
        tools, units = self._tools, desk.units()
        try:
            check_markers(run.key, order, units)
            check_amounts(order, units)
            invoice = await invoice_of(tools, desk, order)
            if invoice is None and order.invoice_id is not None and (wait := self._unseen(run)) is not None:
                return wait
            check_invoice(order, units, invoice)
        except Refused as problem:
            return tools.tell(run, desk, problem)
        tools.sure(run)
        service = main_service(order, units)
        run.state.invoice_id = order.invoice_id
        run.state.service_ids = tuple(service.id for service in order.services)
        run.state.service_id = service.id if service is not None else None
        run.state.phase = "reserved"
        return Next("decide")

    def _unseen(self, run: Run[OrderProgress]) -> Wait | None:
        return self._tools.doubt(run, "the winner's invoice is not found")


async def invoice_of(tools: OrderTools, desk: OrderDesk, order: FoundOrder) -> OrderInvoice | None:
    """Read the first invoice of an order, if it has one."""
    return None if order.invoice_id is None else await tools.orders.invoice(desk.client_id, order.invoice_id)
