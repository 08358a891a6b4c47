from dataclasses import dataclass

from portal_billing.operated_order import Operations
from portal_billing.order_desk import retried
from portal_chassis.call import Call
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Transaction
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import Refused
from portal_contracts.whmcs_orders import RetryWhmcsOrder


@dataclass(frozen=True, slots=True)
class RetryOrder:
    """Lets the process of an order that waits for a person look again, and create once more if nothing is found."""

    operations: Operations
    operators: OperatorDesk

    async def __call__(self, command: RetryWhmcsOrder, call: Call) -> OperatorOutcome:
        """Refused NOT_FOUND, PROVISIONING_ENDED or PROVISIONING_NOT_STANDING."""
        operator = call.operator().operator

        async def plan(transaction: Transaction) -> Plan:
            order = await self.operations.lock(transaction, command.order_id)
            if order.code is None:
                raise Refused("PROVISIONING_NOT_STANDING")
            change = f"Look again at the order, which waits with {order.code}."
            if order.code == "WHMCS_ORDER_UNCLEAR":
                change = "Search WHMCS for the order, and allow one more AddOrder if nothing is found."
            return Plan((change,), self.operations.decided(order, retried(order.desk), "retried", operator))

        return await self.operators.carry_out(command, call, plan, target=command.order_id)
