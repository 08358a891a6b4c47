"""Takes a fresh reading of an account's eligibility into the portal's row, with everything that follows from it."""

from dataclasses import dataclass
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.customer_news import EligibilityChanged
from portal_orders import tell_staff
from portal_orders.eligibility import FoundEligibility, KeptEligibility, is_news, taken
from portal_orders.eligibility_ports import EligibilityBook
from portal_orders.tell_staff import SUPERVISOR, CaseToOpen

CHECK: Final = "eligibility_check"
"""The process of a check, which ends with its result."""


@dataclass(frozen=True, slots=True)
class TakeEligibility:
    """Brings the row up to date, tells of a new result and escalates an address that could not be verified (R135)."""

    book: EligibilityBook
    processes: ProcessEngine
    clock: BusinessClock

    async def __call__(self, transaction: Transaction, account_id: str, found: FoundEligibility) -> KeptEligibility:
        """Give the row as it stands then; an older reading than the one held changes nothing."""
        before = await self.book.lock(transaction, account_id)
        now = self.clock.now()
        after = taken(before, account_id, found, now)
        if after == before:
            return after
        await self.book.save(transaction, after)
        if is_news(before, after, now):
            await self._tell(transaction, after)
        if after.has_result and after.check_id is not None:
            await self.processes.wake(transaction, CHECK, after.check_id)
        return after

    async def _tell(self, transaction: Transaction, kept: KeptEligibility) -> None:
        status = "eligible" if kept.state == "eligible" else "not_eligible"
        await transaction.record(
            EligibilityChanged(change_id=kept.result_id, account_id=kept.account_id, status=status)
        )
        if kept.address_failed:
            case = CaseToOpen(
                account_id=kept.account_id,
                type="eligibility_check",
                title=f"{SUPERVISOR}address could not be verified",
                description="The eligibility check ended because the address could not be verified (R135). "
                "Please clear the address up with the customer and check again.",
            )
            await tell_staff.tell(transaction, self.processes, f"address-{kept.result_id}", case)
