"""A cancellation as a durable process, from the customer's wish to the stage Cancelled (R207-R214, C22, C27).

    open_case ─ mark ─ await_date ─ end ─ end_line ─ settle ─ close
                           └ taken back ─ take_back

Until its date anybody may take it back: the customer in the portal, staff in Salesforce, which is looked at once a day.
Staff may give another date there, and end the service earlier by hand: both are taken as they are found (C33). In both
modes of C22 the service is over when WHMCS says so, and the stages are the same. The line of a SIM ends after that:
nobody is billed for longer because the operator is away, and what cannot be undone is done to a service that certainly
is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from portal_chassis.clocks import TOKYO
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import (
    Done,
    Effect,
    NeedsHuman,
    Next,
    Outcome,
    ProcessDefinition,
    ProcessEngine,
    Run,
    Step,
    Wait,
)
from portal_contracts.billing import SubscriptionState
from portal_contracts.cancellation import CancellationState
from portal_contracts.customer_news import CancellationProgressed, ServiceCancellationProgressed
from portal_orders import cancellation_wording as wording
from portal_orders import tell_staff
from portal_orders.cancellation_ports import (
    Cancellations,
    Contract,
    Contracts,
    RequestCases,
    ServiceBilling,
    ServiceLines,
)
from portal_orders.cancellation_settings import CancellationSettings
from portal_orders.cancellation_work import CancellationWork
from portal_orders.ports import NewEntry
from portal_orders.settlement import unused_of
from portal_orders.take_reading import TakeReading
from portal_orders.tell_staff import SUPERVISOR, CaseToOpen

KIND: Final = "cancellation"
TAKE_BACK: Final = "take_back"
MARK: Final = "mark_cancelling"
SERVICE_OVER: Final = frozenset({"terminated", "cancelled", "fraud"})
_MAY_LAND: Final = timedelta(minutes=3)
"""How long a write to Salesforce whose answer was lost may still arrive."""
_SHORTEST: Final = timedelta(seconds=1)
_LOOK_EVERY: Final = timedelta(days=1)
"""How often staff's side of a cancellation is looked at before its date."""
_ANOTHER: Final = timedelta(minutes=1)
"""What staff's date must be away from ours to count as another one."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CancellationProcess:
    """The steps. Every outside write looks first and is harmless to repeat."""

    contracts: Contracts
    cancellations: Cancellations
    billing: ServiceBilling
    lines: ServiceLines
    cases: RequestCases
    take_reading: TakeReading
    processes: ProcessEngine
    settings: CancellationSettings

    def definition(self) -> ProcessDefinition[CancellationWork]:
        """Give the process as a list."""
        steps = (
            Step("open_case", self.open_case),
            Step("mark", self.mark),
            Step("await_date", self.await_date),
            Step("end", self.end),
            Step("end_line", self.end_line),
            Step("settle", self.settle),
            Step("close", self.close),
            Step(TAKE_BACK, self.take_back),
        )
        return ProcessDefinition(KIND, CancellationWork, steps)

    async def open_case(self, run: Run[CancellationWork]) -> Outcome:
        """Give staff their task: what to check, to end, to invoice and to refund (R207, R211, R214)."""
        work = run.state
        contract = await self._contract(run)
        automatic = self.settings.cancellation_automatic
        text = wording.request_text(work, automatic=automatic)
        await self.cases.open_cancellation(
            case_key(run.key),
            work.account_id,
            wording.case_title(work.name, work.service_id),
            text,
            contract.opportunity_id if contract else None,
        )
        work.reason = ""
        return Next()

    async def mark(self, run: Run[CancellationWork]) -> Outcome:
        """Write the stage Cancelling with its date (R209, R210, R218)."""
        contract = await self._contract(run)
        if contract is not None and contract.stage not in ("cancelling", "cancelled"):
            async with run.outside(MARK, fingerprint=run.key):
                await self.contracts.write_cancelling(contract, run.state.effective_at, equipment=run.state.equipment)
        return Next()

    async def await_date(self, run: Run[CancellationWork]) -> Outcome:
        """Wait for the date, and look every day whether staff have ended it, taken it back or moved it."""
        work = run.state
        ends = Next(effects=(self._moved(run, ("requested",), "ending"),))
        contract = await self._contract(run)
        if await self._state(work) in SERVICE_OVER:
            return ends
        if contract is not None and contract.stage == "active":
            _log.info("staff took a cancellation back", cancellation=run.key)
            return self._withdrawn(run, by_staff=True)
        if contract is not None and contract.ends_at is not None and _differ(contract.ends_at, work.effective_at):
            return self._rescheduled(run, contract.ends_at)
        now = run.clock.now()
        if now < work.effective_at:
            until = min(work.effective_at, now + _LOOK_EVERY)
            return Wait(until=until, because="the service works until its date")
        return ends

    def _rescheduled(self, run: Run[CancellationWork], ends_at: datetime) -> Outcome:
        """Take the end that staff wrote, and tell the customer."""
        work = run.state
        work.effective_at = ends_at
        work.ends_on = (ends_at - timedelta(seconds=1)).astimezone(TOKYO).date()
        entry = wording.rescheduled(work.ends_on, run.clock.now())

        async def rescheduled(transaction: Transaction) -> None:
            await self.cancellations.reschedule(transaction, run.key, work.ends_on, ends_at)
            await announce(self.take_reading, run.key, work, "rescheduled", entry)(transaction)

        return Wait(after=_SHORTEST, because="staff gave another date", effects=(rescheduled,))

    async def _state(self, work: CancellationWork) -> SubscriptionState:
        """Give how WHMCS shows the service; one that it does not list any more is gone."""
        services = await self.billing.services(work.whmcs_client_id)
        return next((one.state for one in services if one.service_id == work.service_id), "terminated")

    async def end(self, run: Run[CancellationWork]) -> Outcome:
        """Have the service off in WHMCS: by ourselves, or by staff while we look (C22, R212)."""
        work = run.state
        if self.settings.cancellation_automatic:
            ending = await self.billing.end(run.key, work.whmcs_client_id, work.service_id)
            state, over = ending.state, ending.ended
        else:
            state = await self._state(work)
            over = state in SERVICE_OVER
        if over:
            return Next()
        if run.clock.now() < work.effective_at + self.settings.overdue:
            return Wait(after=self.settings.look_again, because="WHMCS still shows the service on")
        facts = {"effective_at": work.effective_at.isoformat(), "state": state, "service_id": work.service_id}
        return self._overdue(run, "CANCELLATION_OVERDUE", facts)

    async def end_line(self, run: Run[CancellationWork]) -> Outcome:
        """Have the SIM line off at the operator, once; one from before the portal is staff's task (C22)."""
        work = run.state
        if not self.settings.cancellation_automatic or work.category != "sim":
            return Next()
        ending = await self.lines.end(run.key, work.account_id, work.service_id)
        if ending is None:
            await self._task(run, "line", wording.line_task(work))
            return Next()
        if ending.state == "done":
            return Next()
        overdue = run.clock.now() >= work.effective_at + self.settings.overdue
        if ending.state == "working" and not overdue:
            return Wait(after=self._pause(run, ending.again_at), because="the operator ends the line")
        facts = {
            "service_id": work.service_id,
            "effective_at": work.effective_at.isoformat(),
            "why": ending.code or "the operator is still at it",
            "cancellation_id": run.key,
        }
        return self._overdue(run, "CANCELLATION_LINE_STANDS", facts)

    def _overdue(self, run: Run[CancellationWork], code: str, facts: Mapping[str, object]) -> Outcome:
        """Park it, and have a supervisor told once: the customer was promised its end (C22)."""
        words = "\n".join(f"{name}: {value}" for name, value in facts.items())
        case = CaseToOpen(
            account_id=run.state.account_id,
            type="cancellation_request",
            title=f"{SUPERVISOR}{wording.case_title(run.state.name, run.state.service_id)} is overdue"[:255],
            description=f"{code}\n{words}",
        )

        async def told(transaction: Transaction) -> None:
            await tell_staff.tell(transaction, self.processes, f"{code.lower()}-{run.key}", case)

        return NeedsHuman(code, facts, recheck=self.settings.look_again, effects=(told,))

    def _pause(self, run: Run[CancellationWork], again_at: datetime | None) -> timedelta:
        wanted = again_at - run.clock.now() if again_at is not None else _SHORTEST
        return min(max(wanted, _SHORTEST), self.settings.look_again)

    async def settle(self, run: Run[CancellationWork]) -> Outcome:
        """Give staff what no call of WHMCS's does, with the figures: pay back what is paid beyond the end (R214)."""
        work = run.state
        services = await self.billing.services(work.whmcs_client_id)
        service = next((one for one in services if one.service_id == work.service_id), None)
        unused = unused_of(service, work.ends_on) if service is not None else None
        if unused is not None or work.initial:
            await self._task(run, "settlement", wording.settlement_task(work, service, unused))
        return Next()

    async def _task(self, run: Run[CancellationWork], what: str, text: str) -> None:
        contract = await self._contract(run)
        await self.cases.open_task(
            f"cancellation-{what}:{run.key}",
            run.state.account_id,
            wording.task_title(what, run.state),
            text,
            contract.opportunity_id if contract else None,
        )

    async def close(self, run: Run[CancellationWork]) -> Outcome:
        """Write the stage Cancelled, close the case and tell (R213)."""
        contract = await self._contract(run)
        if contract is not None and contract.stage != "cancelled":
            await self.contracts.write_cancelled(contract)
        await self.cases.close(case_key(run.key))
        moved = self._moved(run, ("requested", "ending"), "completed", wording.completed(run.clock.now()))
        return Done(effects=(moved,))

    async def take_back(self, run: Run[CancellationWork]) -> Outcome:
        """Write Active again; a mark whose answer was lost is waited for, so that it cannot land afterwards."""
        contract = await self._contract(run)
        if contract is not None and contract.stage == "cancelling":
            await self.contracts.write_active(contract)
        else:
            lost = [entry.at for entry in await run.journal(MARK) if entry.state in ("started", "unknown")]
            if lost and run.clock.now() < lost[-1] + _MAY_LAND:
                return Wait(until=lost[-1] + _MAY_LAND, because="a lost write may still land")
        await self.cases.close(case_key(run.key))
        return self._withdrawn(run, by_staff=False)

    def _withdrawn(self, run: Run[CancellationWork], *, by_staff: bool) -> Outcome:
        entry = wording.withdrawn(run.clock.now(), by_staff=by_staff)
        return Done(effects=(self._moved(run, ("requested", "withdrawing"), "withdrawn", entry),))

    async def _contract(self, run: Run[CancellationWork]) -> Contract | None:
        return await self.contracts.of_service(run.state.account_id, run.state.service_id)

    def _moved(
        self,
        run: Run[CancellationWork],
        before: tuple[CancellationState, ...],
        to: CancellationState,
        entry: NewEntry | None = None,
    ) -> Effect:
        async def moved(transaction: Transaction) -> None:
            if not await self.cancellations.move(transaction, run.key, before, to) or entry is None:
                return
            await announce(self.take_reading, run.key, run.state, to, entry)(transaction)

        return moved


def announce(
    take_reading: TakeReading,
    cancellation_id: str,
    work: CancellationWork,
    stage: CancellationState | Literal["rescheduled"],
    entry: NewEntry,
) -> Effect:
    """Add to the timeline of the service's order, where it has one, and announce it for the mail."""

    async def announced(transaction: Transaction) -> None:
        facts = {
            "cancellation_id": cancellation_id,
            "account_id": work.account_id,
            "stage": stage,
            "ends_on": work.ends_on,
        }
        if work.order_id is None:
            without = {"service_id": work.service_id, "name": work.name}
            await transaction.record(ServiceCancellationProgressed.model_validate({**facts, **without}))
            return
        await take_reading.tell(transaction, work.order_id, entry)
        await transaction.record(CancellationProgressed.model_validate({**facts, "order_id": work.order_id}))

    return announced


def _differ(one: datetime, other: datetime) -> bool:
    return abs(one - other) > _ANOTHER


def case_key(cancellation_id: str) -> str:
    """Give the key of staff's case."""
    return f"cancellation:{cancellation_id}"
