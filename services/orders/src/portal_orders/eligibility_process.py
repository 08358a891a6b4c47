"""The durable part of an eligibility check: asked for, watched until its result, escalated when late, concluded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Effect, Next, Outcome, ProcessDefinition, ProcessEngine, Run, Step, Wait
from portal_contracts.eligibility import EligibilitySpeed
from portal_orders import tell_staff
from portal_orders.eligibility import FoundEligibility, KeptEligibility
from portal_orders.eligibility_ports import AccountEligibility, EligibilityBook, StaffCases
from portal_orders.metrics import DEADLINES_MISSED
from portal_orders.ports import Customers
from portal_orders.take_eligibility import CHECK, TakeEligibility
from portal_orders.tell_staff import SUPERVISOR, CaseToOpen

LOOK: Final = "eligibility_look"
LOOK_AGAIN: Final = timedelta(hours=24)
"""How often an open check is looked at without a word from the org: an event may be lost (C24)."""
CASE_SOON: Final = timedelta(minutes=1)
"""How soon a check with a result looks again whether its own case has been opened meanwhile."""

_log = get_logger(__name__)


class CheckState(BaseModel):
    """A check under way. Address and words of the customer are in its case alone."""

    account_id: str
    speed: EligibilitySpeed
    requested_at: datetime
    due_by: datetime
    late: bool = False


@dataclass(frozen=True, slots=True)
class EligibilityCheck:
    """Writes the request, looks until somebody has come to a result, and closes what was opened (R181-R192)."""

    accounts: AccountEligibility
    cases: StaffCases
    book: EligibilityBook
    take: TakeEligibility
    processes: ProcessEngine
    clock: BusinessClock

    def definition(self) -> ProcessDefinition[CheckState]:
        """Give the process as a list."""
        steps = (Step("submit", self.submit), Step("watch", self.watch), Step("conclude", self.conclude))
        return ProcessDefinition(CHECK, CheckState, steps)

    async def submit(self, run: Run[CheckState]) -> Outcome:
        """Write the account's fields and see to the opportunity."""
        state = run.state
        async with run.outside("submit_check", fingerprint=run.key):
            await self.accounts.submit(state.account_id, run.key, state.requested_at)
        found = await self.accounts.read(state.account_id)
        return Next(effects=self._taking(state.account_id, found))

    async def watch(self, run: Run[CheckState]) -> Outcome:
        """Look for a result; say so once when it is late."""
        state = run.state
        if not _is_open(await self.book.read(state.account_id), run.key):
            return Next()
        found = await self.accounts.read(state.account_id)
        effects = self._taking(state.account_id, found)
        if found is None or found.state != "pending":
            return Next(effects=effects)
        now = self.clock.now()
        if now >= state.due_by and not state.late:
            state.late = True
            DEADLINES_MISSED.labels(f"eligibility_{state.speed}").inc()
            _log.error("an eligibility check is late", alert=True, account_id=state.account_id, speed=state.speed)
            effects = (*effects, self._escalation(run.key, state))
        due = min(state.due_by, now + LOOK_AGAIN) if now < state.due_by else now + LOOK_AGAIN
        return Wait(until=due, because="staff check the address", effects=effects)

    async def conclude(self, run: Run[CheckState]) -> Outcome:
        """Move the enquiry on and close its case (R189); a check that ended without a result leaves both to staff."""
        kept = await self.book.read(run.state.account_id)
        if kept is None or (kept.check_id == run.key and not kept.has_result):
            return Done()
        opening = await self.processes.read(tell_staff.KIND, case_key(run.key))
        if opening is not None and not opening.ended:
            return Wait(after=CASE_SOON, because="its case is not open yet")
        if kept.check_id == run.key:  # a later check has the enquiry for its own
            async with run.outside("conclude_check", fingerprint=run.key):
                await self.accounts.conclude(
                    run.state.account_id, run.key, eligible=kept.state == "eligible", on=self.clock.today()
                )
        async with run.outside("close_case", fingerprint=run.key):
            await self.cases.close(case_key(run.key))
        return Done()

    def _taking(self, account_id: str, found: FoundEligibility | None) -> tuple[Effect, ...]:
        if found is None:
            return ()

        async def effect(transaction: Transaction) -> None:
            await self.take(transaction, account_id, found)

        return (effect,)

    def _escalation(self, key: str, state: CheckState) -> Effect:
        async def effect(transaction: Transaction) -> None:
            case = CaseToOpen(
                account_id=state.account_id,
                type="eligibility_check",
                title=f"{SUPERVISOR}{state.speed} eligibility check is late",
                description=f"It was due by {state.due_by.isoformat()} (R191, R192) and has no result yet.",
            )
            await tell_staff.tell(transaction, self.processes, f"late-{key}", case)

        return effect


def case_key(check_id: str) -> str:
    """Give the key of the case staff work a check off by (R181)."""
    return f"eligibility-{check_id}"


def _is_open(kept: KeptEligibility | None, key: str) -> bool:
    return kept is not None and kept.check_id == key and kept.state == "pending"


class LookState(BaseModel):
    """Whose fields changed."""

    account_id: str


@dataclass(frozen=True, slots=True)
class EligibilityLook:
    """Reads an account whose eligibility somebody changed; accounts nobody signs in with are left alone."""

    accounts: AccountEligibility
    book: EligibilityBook
    take: TakeEligibility
    customers: Customers

    def definition(self) -> ProcessDefinition[LookState]:
        """Give the process as a list."""
        return ProcessDefinition(LOOK, LookState, (Step("look", self.look),))

    async def look(self, run: Run[LookState]) -> Outcome:
        """Read it and take what is found."""
        account_id = run.state.account_id
        known = await self.book.read(account_id) is not None
        if not known and await self.customers.link(account_id) is None:
            return Done()
        found = await self.accounts.read(account_id)
        if found is None:
            return Done()

        async def effect(transaction: Transaction) -> None:
            await self.take(transaction, account_id, found)

        return Done(effects=(effect,))
