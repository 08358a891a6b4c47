"""Having exactly one Pending order: search, create, settle what is unclear, elect, verify (rules 1–6, 8)."""

from collections.abc import Sequence
from typing import Final

from portal_billing.order import FoundOrder, check_amounts, check_markers, main_service, total_of
from portal_billing.order_desk import OrderDesk
from portal_billing.order_progress import OrderProgress
from portal_billing.order_steps import OrderTools, another_turn, quiet
from portal_billing.ports import Unclear
from portal_billing.product import check_line
from portal_billing.vendor_write import vendor_write
from portal_chassis.logs import get_logger
from portal_chassis.process import NeedsHuman, Next, Outcome, Run
from portal_contracts.problems import Refused, TryLater

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

    async def _add(self, run: Run[OrderProgress], desk: OrderDesk) -> Outcome:
        tools = self._tools
        found = await tools.unjudged(desk)
        if found:
            return self._found(run, desk, found)
        send_by = tools.send_by()
        draft = desk.draft()
        fingerprint = tools.fingerprint(desk, [desk.client_id, [line.model_dump() for line in desk.lines]])
        evidence = {"client": desk.client_id, "generation": run.generation, "round": desk.round}
        try:
            async with vendor_write(run, "AddOrder", fingerprint, evidence) as intent:
                run.state.made = await tools.orders.add(draft, send_by=send_by)
                intent.external_id = str(run.state.made)
        except Unclear as unclear:
            _log.warning("it is unclear whether WHMCS made an order", order=run.key, **unclear.evidence)
            return tools.unclear_creation(run, desk, run.state.unclear + 1)
        except Refused as problem:
            return tools.tell(run, desk, problem)
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
        if run.state.unclear < MOST_UNCLEAR:
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
        found = {order.id: order for order in await tools.unjudged(desk)}
        made = run.state.made
        if made is not None and made not in found:  # its marker may be missing: then verifying it says so
            order = await tools.orders.read(desk.client_id, made)
            if order is not None:
                found[made] = order
        candidates = sorted(
            (order for order in found.values() if order.alive), key=lambda order: (order.state != "active", order.id)
        )
        for order in candidates:
            run.state.winner = await tools.book.elect(run.key, desk.round, order.id)
            if run.state.winner is not None:
                break
        else:
            if found:
                return self._found(run, desk, list(found.values()))
            raise TryLater("WHMCS_UNAVAILABLE")  # it was there a moment ago
        if len(candidates) > 1:
            _log.warning("WHMCS has twins of an order", order=run.key, whmcs_orders=[one.id for one in candidates])
            return Next("verify", effects=(tools.sweep(run, f"{desk.round}.twins"),))
        return Next("verify")

    async def verify(self, run: Run[OrderProgress]) -> Outcome:
        """Read the winner back: its markers are found and its amounts are right to the yen, before the pivot."""
        tools, desk = self._tools, await self._tools.desk(run)
        winner = run.state.winner or 0
        order = await tools.orders.read(desk.client_id, winner)
        units = desk.units()
        try:
            order = _alive(order, winner)
            check_markers(run.key, order, units)
            check_amounts(order, units)
            await self._check_invoice(desk, order)
        except Refused as problem:
            return tools.tell(run, desk, problem)
        service = main_service(order, units)
        run.state.invoice_id = order.invoice_id
        run.state.service_ids = tuple(service.id for service in order.services)
        run.state.service_id = service.id if service is not None else None
        run.state.phase = "reserved"
        return Next("decide")

    async def _check_invoice(self, desk: OrderDesk, order: FoundOrder) -> None:
        """Refuse an order whose first invoice charges anything but the order's total (I8)."""
        wanted, billed = total_of(desk.units()), 0
        if order.invoice_id is not None:
            billed = await self._tools.orders.invoiced(order.invoice_id, [service.id for service in order.services])
        if billed != wanted:
            raise Refused("PRICE_MISMATCH", facts={"sku": "total", "ordered": wanted, "billed": billed})


def _alive(order: FoundOrder | None, winner: int) -> FoundOrder:
    if order is None or not order.alive:
        raise Refused("WHMCS_ORDER_CANCELLED", facts={"whmcs_order_id": winner})
    return order
