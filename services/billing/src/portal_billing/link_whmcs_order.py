from dataclasses import dataclass

from portal_billing.operated_order import OperatedOrder, Operations
from portal_billing.order import FoundOrder, check_linkable
from portal_billing.order_desk import OrderDesk, linked, winner_of
from portal_billing.ports import Orders
from portal_billing.settings import BillingSettings
from portal_billing.sweep_order import start_sweep
from portal_chassis.call import Call
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Transaction
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import Refused
from portal_contracts.whmcs_orders import LinkWhmcsOrder


@dataclass(frozen=True, slots=True)
class LinkOrder:
    """Takes an existing WHMCS order as the one of a Salesforce order; a former winner is cancelled as a late twin."""

    operations: Operations
    orders: Orders
    operators: OperatorDesk
    settings: BillingSettings

    async def __call__(self, command: LinkWhmcsOrder, call: Call) -> OperatorOutcome:
        """Refused NOT_FOUND, WHMCS_ORDER_NOT_OURS or PROVISIONING_ENDED; TryLater WHMCS_UNAVAILABLE."""
        operator, number = call.operator().operator, command.whmcs_order_id

        async def plan(transaction: Transaction) -> Plan:
            seen = await self.operations.read(command.order_id)
            seen.check_open()
            found = await self._linkable(seen.desk, number)  # nothing is locked while WHMCS is asked
            order = await self.operations.lock(transaction, command.order_id)
            _check_desk(order, seen.desk)
            former = winner_of(await self.operations.book.verdicts(command.order_id), order.desk.round)

            async def crown(transaction: Transaction) -> None:
                await self._crown(transaction, order.desk, number)

            effect = self.operations.decided(order, linked(order.desk), "linked", operator, step="adopt", also=crown)
            return Plan(_changes(command.order_id, found, former), effect)

        return await self.operators.carry_out(command, call, plan, target=command.order_id)

    async def _linkable(self, desk: OrderDesk, number: int) -> FoundOrder:
        """Read the order to be linked and compare it; no other order of ours may be Active already."""
        found = await self.orders.read(desk.client_id, number) if desk.client_id else None
        if found is None:
            difference = "it does not exist or is another client's"
            raise Refused("WHMCS_ORDER_NOT_OURS", facts={"whmcs_order_id": number, "difference": difference})
        invoice = None if found.invoice_id is None else await self.orders.invoice(desk.client_id, found.invoice_id)
        check_linkable(desk.order_id, found, desk.units(), invoice)
        others = await self.orders.search(desk.client_id, desk.order_id)
        active = next((one.id for one in others if one.state == "active" and one.id != number), None)
        if active is not None:
            difference = f"order {active} is Active already and carries this order's marker"
            raise Refused("WHMCS_ORDER_NOT_OURS", facts={"whmcs_order_id": number, "difference": difference})
        return found

    async def _crown(self, transaction: Transaction, desk: OrderDesk, number: int) -> None:
        operations = self.operations
        await operations.book.crown(transaction, desk.order_id, desk.round, number)
        until = operations.clock.now() + self.settings.sweep_for
        await start_sweep(operations.processes, operations.book, desk.order_id, until)(transaction)


def _check_desk(order: OperatedOrder, seen: OrderDesk) -> None:
    """Refuse when what is wanted has changed since it was compared with WHMCS, or is being taken back."""
    desk = order.desk
    if desk.goal == "release" or (desk.round, desk.client_id, list(desk.lines)) != (
        seen.round,
        seen.client_id,
        list(seen.lines),
    ):
        raise Refused("PROVISIONING_ENDED", facts={"status": "released"})


def _changes(order_id: str, found: FoundOrder, former: int | None) -> tuple[str, ...]:
    changes = [f"WHMCS order {found.id} ({found.state}) becomes the order of {order_id}."]
    changes += [f"Write the marker to service {one.id}." for one in found.services if one.order_id is None]
    if former not in (None, found.id):
        changes.append(f"WHMCS order {former} is cancelled if it is Pending.")
    return tuple(changes)
