"""A cancellation as a durable process, from the customer's wish to the stage Cancelled (R207-R214, C22, C27).

    open_case ─ mark ─ await_date ─ end ─ close
                           └ taken back ─ take_back

Until its date anybody may take it back: the customer in the portal, staff in Salesforce. Staff may give a later date
there; an earlier one than the customer was told is theirs to carry out by hand. In both modes of C22 the service is
over when WHMCS says so, and the stages are the same.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.clocks import TOKYO
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Effect, NeedsHuman, Next, Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.cancellation import CancellationState
from portal_contracts.catalog import LocalizedText
from portal_contracts.customer_news import CancellationProgressed
from portal_orders import cancellation_wording as wording
from portal_orders.cancellation_ports import Cancellations, Contract, Contracts, RequestCases, ServiceBilling
from portal_orders.cancellation_settings import CancellationSettings
from portal_orders.ports import NewEntry
from portal_orders.take_reading import TakeReading

KIND: Final = "cancellation"
TAKE_BACK: Final = "take_back"
MARK: Final = "mark_cancelling"
SERVICE_OVER: Final = frozenset({"terminated", "cancelled", "fraud"})
_MAY_LAND: Final = timedelta(minutes=3)
"""How long a write to Salesforce whose answer was lost may still arrive."""
_LATER: Final = timedelta(minutes=1)
"""What staff's date must be later than ours to count as another one."""

_log = get_logger(__name__)


class CancellationWork(BaseModel):
    """What is cancelled. `reason` are the customer's words: forgotten once staff have them."""

    account_id: str
    whmcs_client_id: int
    service_id: int
    order_id: str | None
    name: LocalizedText
    equipment: bool
    initial: bool
    ends_on: date
    effective_at: datetime
    reason: str = ""
    refund: bool = False


@dataclass(frozen=True, slots=True)
class CancellationProcess:
    """The steps. Every outside write looks first and is harmless to repeat."""

    contracts: Contracts
    cancellations: Cancellations
    billing: ServiceBilling
    cases: RequestCases
    take_reading: TakeReading
    settings: CancellationSettings

    def definition(self) -> ProcessDefinition[CancellationWork]:
        """Give the process as a list."""
        steps = (
            Step("open_case", self.open_case),
            Step("mark", self.mark),
            Step("await_date", self.await_date),
            Step("end", self.end),
            Step("close", self.close),
            Step(TAKE_BACK, self.take_back),
        )
        return ProcessDefinition(KIND, CancellationWork, steps)

    async def open_case(self, run: Run[CancellationWork]) -> Outcome:
        """Give staff their task: what to check, to end, to invoice and to refund (R207, R211, R214)."""
        work = run.state
        contract = await self._contract(run)
        text = wording.case_text(
            {
                "WHMCS service": str(work.service_id),
                "Last day": work.ends_on.isoformat(),
                "Off from (UTC)": work.effective_at.isoformat(),
                "Initial cancellation (no remaining fees)": "yes" if work.initial else "no",
                "Equipment to come back": "yes" if work.equipment else "no",
                "Refund to check": "yes" if work.refund else "no",
                "WHMCS": "ended by the portal"
                if self.settings.cancellation_automatic
                else "end it by hand on that day",
                "Opportunity": contract.opportunity_id if contract else "none found for this service",
                "The customer says": work.reason,
            }
        )
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
        """Wait for the date, and look then whether staff have taken it back or moved it."""
        work, now = run.state, run.clock.now()
        if now < work.effective_at:
            return Wait(until=work.effective_at, because="the service works until its date")
        contract = await self._contract(run)
        if contract is not None and contract.stage == "active":
            _log.info("staff took a cancellation back", cancellation=run.key)
            return self._withdrawn(run, by_staff=True)
        if contract is not None and contract.ends_at is not None and contract.ends_at > work.effective_at + _LATER:
            return self._postponed(run, contract.ends_at)
        return Next(effects=(self._moved(run, ("requested",), "ending"),))

    def _postponed(self, run: Run[CancellationWork], ends_at: datetime) -> Outcome:
        """Take the later end that staff wrote."""
        work = run.state
        work.effective_at = ends_at
        work.ends_on = (ends_at - timedelta(seconds=1)).astimezone(TOKYO).date()

        async def postponed(transaction: Transaction) -> None:
            await self.cancellations.postpone(transaction, run.key, work.ends_on, ends_at)

        return Wait(until=ends_at, because="staff gave a later date", effects=(postponed,))

    async def end(self, run: Run[CancellationWork]) -> Outcome:
        """Have the service off in WHMCS: by ourselves, or by staff while we look (C22, R212)."""
        work = run.state
        if self.settings.cancellation_automatic:
            ending = await self.billing.end(run.key, work.whmcs_client_id, work.service_id)
            state, over = ending.state, ending.ended
        else:
            services = await self.billing.services(work.whmcs_client_id)
            state = next((one.state for one in services if one.service_id == work.service_id), "terminated")
            over = state in SERVICE_OVER
        if over:
            return Next()
        if run.clock.now() < work.effective_at + self.settings.overdue:
            return Wait(after=self.settings.look_again, because="WHMCS still shows the service on")
        facts = {"effective_at": work.effective_at.isoformat(), "state": state, "service_id": work.service_id}
        return NeedsHuman("CANCELLATION_OVERDUE", facts, recheck=self.settings.look_again)

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
    take_reading: TakeReading, cancellation_id: str, work: CancellationWork, state: CancellationState, entry: NewEntry
) -> Effect:
    """Add to the timeline of the service's order and announce it for the mail; a service without an order has none."""

    async def announced(transaction: Transaction) -> None:
        if work.order_id is None:
            return
        await take_reading.tell(transaction, work.order_id, entry)
        await transaction.record(
            CancellationProgressed.model_validate(
                {
                    "cancellation_id": cancellation_id,
                    "account_id": work.account_id,
                    "order_id": work.order_id,
                    "stage": state,
                    "ends_on": work.ends_on,
                }
            )
        )

    return announced


def case_key(cancellation_id: str) -> str:
    """Give the key of staff's case."""
    return f"cancellation:{cancellation_id}"
