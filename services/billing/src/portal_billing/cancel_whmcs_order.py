from collections.abc import Sequence
from dataclasses import dataclass

from portal_billing.operated_order import OperatedOrder, Operations
from portal_billing.order import FoundOrder
from portal_billing.order_desk import given_up
from portal_billing.ports import Orders
from portal_chassis.call import Call
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Transaction
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import Refused
from portal_contracts.whmcs_orders import CancelWhmcsOrder


@dataclass(frozen=True, slots=True)
class GiveOrderUp:
    """Takes a reservation back before the pivot. Nothing is reserved anew until the caller has released it, too."""

    operations: Operations
    orders: Orders
    operators: OperatorDesk

    async def __call__(self, command: CancelWhmcsOrder, call: Call) -> OperatorOutcome:
        """Refused NOT_FOUND, PROVISIONING_ENDED or PROVISIONING_PAST_PIVOT; TryLater WHMCS_UNAVAILABLE."""
        operator = call.operator().operator

        async def plan(transaction: Transaction) -> Plan:
            client_id = (await self.operations.read(command.order_id)).desk.client_id
            found = await self.orders.search(client_id, command.order_id) if client_id else ()
            order = await self.operations.lock(transaction, command.order_id)
            _check_before_pivot(order, found)
            effect = self.operations.decided(order, given_up(order.desk), "cancelled", operator, step="decide")
            return Plan(_changes(found), effect)

        return await self.operators.carry_out(command, call, plan, target=command.order_id)


def _check_before_pivot(order: OperatedOrder, found: Sequence[FoundOrder]) -> None:
    """Refuse once the caller asks for acceptance, or somebody has accepted the order by hand: only forward then."""
    if order.desk.goal == "accept" or any(one.state == "active" for one in found):
        raise Refused("PROVISIONING_PAST_PIVOT")


def _changes(found: Sequence[FoundOrder]) -> tuple[str, ...]:
    pending = [one.id for one in found if one.state == "pending"]
    cancels = [f"Cancel WHMCS order {number} and its unpaid invoice." for number in pending]
    return ("Give the reservation up.", *cancels)
