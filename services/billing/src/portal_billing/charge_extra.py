from dataclasses import dataclass
from typing import Any

from portal_billing.charge_process import CHARGE, ChargeProgress
from portal_billing.order_progress import problem_of
from portal_billing.work_on_order import Transactions, before
from portal_chassis.deadline import Deadline
from portal_chassis.process import ProcessEngine, ProcessView
from portal_chassis.telemetry import current_traceparent
from portal_contracts.billing_services import ChargeExtra, ChargeState
from portal_contracts.problems import Refused


@dataclass(frozen=True, slots=True)
class Charge:
    """Invoices something extra once for a key, and answers repeats from the same process (C18)."""

    transaction: Transactions
    processes: ProcessEngine

    async def __call__(self, command: ChargeExtra, deadline: Deadline) -> ChargeState:
        """Work while the caller waits. Refused NOT_FOUND, WHMCS_CHARGE_UNCLEAR or IDEMPOTENCY_KEY_REUSED."""
        progress = ChargeProgress(
            client_id=command.whmcs_client_id,
            service_id=command.service_id,
            amount=command.amount,
            description=command.description,
        )
        key = command.charge_key
        async with self.transaction() as transaction:
            trace = current_traceparent()
            await self.processes.start(transaction, CHARGE, key, progress, traceparent=trace, inline=True)
        view = await self.processes.run_inline(CHARGE, key, until=before(deadline))
        if _terms(view.state) != _terms(progress.model_dump()):
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return _answer(view)


def _terms(state: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(state[name] for name in ("client_id", "service_id", "amount"))


def _answer(view: ProcessView) -> ChargeState:
    if view.status == "done":
        return ChargeState(state="done", invoice_id=view.state["invoice_id"])
    if view.status in ("failed", "needs_human") and view.code is not None:
        raise problem_of(view.code, view.facts)
    return ChargeState(state="working", again_at=view.due_at)
