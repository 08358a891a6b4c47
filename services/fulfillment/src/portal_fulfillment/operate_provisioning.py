"""Operators' hands on provisioning: retry, cancel, activate now. Shown first, done once, written down (D13, R168)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from portal_chassis.call import Call
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Transaction
from portal_contracts.operators import OperatorCommand, OperatorOutcome
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import Refused
from portal_contracts.provisioning import ActivateNow, CancelProvisioning, RetryProvisioning
from portal_fulfillment.attempt import Attempt
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.provisioning_metrics import TOUCHES
from portal_fulfillment.provisioning_state import PROVISIONING
from portal_fulfillment.records import PAST_PIVOT, WAY_BACK

_A_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class OperateProvisioning:
    """Every command goes through the desk: a dry run unless told otherwise, once for each request, never unrecorded."""

    desk: OperatorDesk
    look: LookAtSignal

    async def retry(self, command: RetryProvisioning, call: Call) -> OperatorOutcome:
        """Look again now, or open another attempt. Refused NOT_FOUND or PROVISIONING_ENDED."""
        return await self.desk.carry_out(command, call, partial(self._retry, command, call), target=command.order_id)

    async def cancel(self, command: CancelProvisioning, call: Call) -> OperatorOutcome:
        """Have an attempt go the way back. Refused NOT_FOUND, PROVISIONING_ENDED or PROVISIONING_PAST_PIVOT."""
        return await self.desk.carry_out(command, call, partial(self._cancel, command, call), target=command.order_id)

    async def activate_now(self, command: ActivateNow, call: Call) -> OperatorOutcome:
        """Start a scheduled order before its time. Refused NOT_FOUND or PROVISIONING_NOT_SCHEDULED."""
        return await self.desk.carry_out(command, call, partial(self._start, command, call), target=command.order_id)

    async def _retry(self, command: RetryProvisioning, call: Call, transaction: Transaction) -> Plan:
        latest = await self._latest(transaction, command.order_id)
        if latest.state == "activated":
            raise Refused("PROVISIONING_ENDED", facts={"status": "done"})
        if latest.state == "open":
            change = f"Attempt {latest.number}, at {latest.stage}, looks again at once."
        else:
            change = f"Attempt {latest.number + 1} is opened; attempt {latest.number} has ended as {latest.state}."
        signal = self._signal(command, command.order_id, "retry", call, latest.ended_at)

        async def effect(held: Transaction) -> None:
            await self.look(signal, held)
            _touched(held, "retry")

        return Plan((change,), effect)

    async def _cancel(self, command: CancelProvisioning, call: Call, transaction: Transaction) -> Plan:
        latest = await self._latest(transaction, command.order_id)
        if latest.state != "open":
            raise Refused("PROVISIONING_ENDED", facts={"status": latest.state})
        view = await self.look.processes.read(PROVISIONING, command.order_id)
        if view is not None and view.step in PAST_PIVOT:
            raise Refused("PROVISIONING_PAST_PIVOT")
        if latest.cancelled_by is not None or (view is not None and view.step in WAY_BACK):
            return Plan((f"Attempt {latest.number} is on its way back already: nothing to do.",))
        operator = call.operator().operator

        async def effect(held: Transaction) -> None:
            await self.look.cancel(held, latest, operator)
            _touched(held, "cancel")

        return Plan(
            (
                f"Attempt {latest.number}, at {latest.stage}, goes the way back unless a line is asked for meanwhile.",
                "What is reserved in WHMCS is released.",
                "Salesforce shows Failed; only an explicit retry starts it again.",
            ),
            effect,
        )

    async def _start(self, command: ActivateNow, call: Call, transaction: Transaction) -> Plan:
        latest = await self._latest(transaction, command.order_id)
        if latest.scheduled_at is None or latest.state != "open":
            raise Refused("PROVISIONING_NOT_SCHEDULED")
        signal = self._signal(command, command.order_id, "activate_now", call, None)

        async def effect(held: Transaction) -> None:
            await self.look(signal, held, activate_now=True)
            _touched(held, "activate_now")

        change = f"Attempt {latest.number} starts now instead of at {latest.scheduled_at:%Y-%m-%d %H:%M} UTC."
        return Plan((change,), effect)

    async def _latest(self, transaction: Transaction, order_id: str) -> Attempt:
        latest, _ = await self.look.latest(transaction, order_id)
        if latest is None:
            raise Refused("NOT_FOUND")
        return latest

    def _signal(
        self, command: OperatorCommand[OperatorOutcome], order_id: str, what: str, call: Call, after: datetime | None
    ) -> ProvisionRequested:
        """Give the command as a signal; it is newer than the end it follows, whoever's clock wrote that."""
        now = self.look.clock.now()
        return ProvisionRequested(
            order_id=order_id,
            source="operator",
            request_id=f"{what}:{command.request_id}",
            requested_by=call.operator().operator,
            occurred_at=max(now, after + _A_MOMENT) if after is not None else now,
        )


def _touched(transaction: Transaction, action: str) -> None:
    transaction.after_commit(lambda: TOUCHES.labels(action).inc())
