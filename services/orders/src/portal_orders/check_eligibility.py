"""What a customer does about eligibility: looks, asks for a check, doubts the result (R181–R196, R132)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from portal_chassis.clocks import TOKYO, BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.eligibility import DisputeEligibility, Eligibility, RequestEligibility
from portal_contracts.problems import Refused
from portal_contracts.values import Address
from portal_orders import tell_staff
from portal_orders.check_out import Buyer
from portal_orders.eligibility import BELIEVED, CheckTerms, KeptEligibility, mark_of
from portal_orders.eligibility_ports import AccountEligibility, EligibilityBook, Shelf
from portal_orders.eligibility_process import CheckState, case_key
from portal_orders.eligibility_wording import STATUS, who_acts
from portal_orders.ports import Billing, CommandLog, Transactions
from portal_orders.take_eligibility import CHECK, TakeEligibility
from portal_orders.tell_staff import SUPERVISOR, CaseToOpen


@dataclass(frozen=True, slots=True)
class KnownEligibility:
    """An account's eligibility from the portal's copy, else live; a copy stands in while Salesforce is away (C24)."""

    transactions: Transactions
    book: EligibilityBook
    accounts: AccountEligibility
    take: TakeEligibility
    clock: BusinessClock

    async def __call__(self, account_id: str) -> KeptEligibility:
        """Refused NOT_FOUND for an account that does not exist; TryLater when nothing is known and nobody answers."""
        kept = await self.book.read(account_id)
        if kept is not None and self.clock.now() - kept.read_at < BELIEVED:
            return kept
        found = await self.accounts.read(account_id)
        if found is None:
            raise Refused("NOT_FOUND")
        async with self.transactions() as transaction:
            return await self.take(transaction, account_id, found)


@dataclass(frozen=True, slots=True)
class ShowEligibility:
    """Shows how a check stands and which plans its result allows (R190)."""

    known: KnownEligibility
    shelf: Shelf

    async def __call__(self, account_id: str) -> Eligibility:
        """Raise TryLater rather than show a result without its plans (R255)."""
        kept = await self.known(account_id)
        plans = await self.shelf.internet_plans() if kept.state == "eligible" else ()
        return Eligibility(
            state=kept.state,
            status=STATUS[kept.state],
            who_acts=who_acts(kept),
            types=kept.types,
            products=[plan for plan in plans if plan.eligibility is not None and kept.allows(plan.eligibility)],
            speed=kept.speed,
            requested_at=kept.requested_at,
            due_by=kept.due_by if kept.state == "pending" else None,
            checked_at=kept.checked_at,
            disputed=kept.disputed,
        )


@dataclass(frozen=True, slots=True)
class AskForCheck:
    """Asks staff what is available at an address: a case, the account's fields and an opportunity (R181–R185)."""

    transactions: Transactions
    log: CommandLog
    book: EligibilityBook
    known: KnownEligibility
    show: ShowEligibility
    billing: Billing
    processes: ProcessEngine
    clock: BusinessClock
    terms: CheckTerms
    new_id: Callable[[], str]

    async def __call__(self, command: RequestEligibility, buyer: Buyer) -> Eligibility:
        """Refused ELIGIBILITY_ALREADY_CHECKED or ADDRESS_NOT_CONFIRMED. While a check is open it stays the same one."""
        known = await self.known(buyer.account_id)
        profile = await self.billing.address(buyer.whmcs_client_id)
        address = command.address or profile
        if address is None:
            raise Refused("ADDRESS_NOT_CONFIRMED")
        async with self.transactions() as transaction:
            if not await self.log.answered(transaction, command, buyer.account_id):
                kept = await self.book.lock(transaction, buyer.account_id) or known
                checked = kept.address_mark or (mark_of(profile) if profile else None)
                if kept.has_result and mark_of(address) == checked:
                    raise Refused("ELIGIBILITY_ALREADY_CHECKED")
                if kept.state != "pending":
                    await self._begin(transaction, kept, command, address)
                await self.log.remember(transaction, command, buyer.account_id)
        return await self.show(buyer.account_id)

    async def _begin(
        self, transaction: Transaction, kept: KeptEligibility, command: RequestEligibility, address: Address
    ) -> None:
        """Keep the request, and start what writes it to Salesforce and tells staff."""
        check_id, now = self.new_id(), self.clock.now().replace(microsecond=0)
        due_by = self.terms.due_by(command.speed, now)
        asked = replace(
            kept,
            state="pending",
            types=(),
            requested_at=now,
            checked_at=None,
            address_failed=False,
            check_id=check_id,
            written=False,
            speed=command.speed,
            due_by=due_by,
            address_mark=mark_of(address),
            disputed=False,
        )
        await self.book.save(transaction, asked)
        state = CheckState(account_id=kept.account_id, speed=command.speed, requested_at=now, due_by=due_by)
        await self.processes.start(transaction, CHECK, check_id, state)
        await tell_staff.tell(transaction, self.processes, case_key(check_id), _case(asked, command, address, due_by))


@dataclass(frozen=True, slots=True)
class DoubtResult:
    """Has a supervisor look at a result (R132), once for each."""

    transactions: Transactions
    log: CommandLog
    book: EligibilityBook
    known: KnownEligibility
    show: ShowEligibility
    processes: ProcessEngine

    async def __call__(self, command: DisputeEligibility, account_id: str) -> Eligibility:
        """Refused ELIGIBILITY_NO_RESULT while there is no result."""
        known = await self.known(account_id)
        async with self.transactions() as transaction:
            if not await self.log.answered(transaction, command, account_id):
                kept = await self.book.lock(transaction, account_id) or known
                if not kept.has_result:
                    raise Refused("ELIGIBILITY_NO_RESULT")
                await self.book.save(transaction, replace(kept, disputed=True))
                case = CaseToOpen(
                    account_id=account_id,
                    type="eligibility_check",
                    title=f"{SUPERVISOR}disputed eligibility result",
                    description=f"Result: {', '.join(kept.types) or 'not eligible'}\nThe customer:\n{command.reason}",
                )
                await tell_staff.tell(transaction, self.processes, f"dispute-{kept.result_id}", case)
                await self.log.remember(transaction, command, account_id)
        return await self.show(account_id)


def _case(asked: KeptEligibility, command: RequestEligibility, address: Address, due_by: datetime) -> CaseToOpen:
    lines = [
        f"Speed: {command.speed}",
        f"Due by: {due_by.astimezone(TOKYO):%Y-%m-%d %H:%M} JST",
        f"Address: {address.postcode} {address.prefecture}{address.city}{address.street} {address.building}".rstrip(),
        *([f"The customer: {command.note}"] if command.note else []),
    ]
    return CaseToOpen(
        account_id=asked.account_id,
        type="eligibility_check",
        title=f"Internet eligibility check ({command.speed})",
        description="\n".join(lines),
        for_customer=True,
    )
