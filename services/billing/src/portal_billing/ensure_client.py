from dataclasses import dataclass
from typing import Any

from portal_billing.client_process import CLIENT, FIELD, ClientProgress
from portal_billing.order_progress import problem_of
from portal_billing.work_on_order import Transactions, before
from portal_chassis.deadline import Deadline
from portal_chassis.process import ProcessEngine, ProcessView
from portal_chassis.telemetry import current_traceparent
from portal_contracts.billing import ClientEnsured, EnsureClient
from portal_contracts.problems import FieldError, Misconfigured, Refused, TryLater


@dataclass(frozen=True, slots=True)
class Ensure:
    """Makes the customer's WHMCS client, or gives the one the portal made before (D04, D05)."""

    transaction: Transactions
    processes: ProcessEngine

    async def __call__(self, command: EnsureClient, deadline: Deadline) -> ClientEnsured:
        """Work while the caller waits; a process that failed before is tried again with the new form."""
        key, progress = command.customer_number, ClientProgress(form=command)
        async with self.transaction() as transaction:
            trace = current_traceparent()
            if not await self.processes.start(transaction, CLIENT, key, progress, traceparent=trace, inline=True):
                known = await self.processes.read(CLIENT, key)
                if known is not None and known.status in ("failed", "cancelled"):
                    await self.processes.reopen(transaction, CLIENT, key, progress, "find_or_create")
                else:
                    await self.processes.wake(transaction, CLIENT, key)
        return _answer(await self.processes.run_inline(CLIENT, key, until=before(deadline)))


def _answer(view: ProcessView) -> ClientEnsured:
    """Tell the caller how it stands; raises what stands in the way, and TryLater IN_PROGRESS while it is worked on."""
    if view.status == "done":
        return ClientEnsured(whmcs_client_id=int(view.state["whmcs_client_id"]))
    if view.status == "failed" and view.code is not None:
        raise _failure(view.code, view.facts)
    if view.status == "blocked" and view.code is not None:
        problem = problem_of(view.code, view.facts)
        if isinstance(problem, Misconfigured):
            raise problem
    raise TryLater("IN_PROGRESS")


def _failure(code: str, facts: Any) -> Exception:
    field = facts.get(FIELD)
    if field is None:
        return problem_of(code, facts)
    return Refused(code, fields=[FieldError(field=str(field), code="FIELD_INVALID", facts={"reason": "WHMCS"})])
