"""Fakes of the ports of eligibility, reviews and kept carts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_contracts.catalog import Product
from portal_contracts.identity_verification import VerificationCheck, VerificationMethod, VerifiedCommodity
from portal_contracts.orders_of_customers import KeptCart, KeptCartLine
from portal_contracts.problems import TryLater
from portal_contracts.support import CaseType
from portal_contracts.values import long_salesforce_id
from portal_orders.eligibility import FoundEligibility, KeptEligibility
from portal_orders.rows_in_memory import rolled_back


class InMemoryAccounts:
    """The accounts of a small org. `lost_answers` is how many submissions work while their caller hears TryLater."""

    def __init__(self, clock: BusinessClock) -> None:
        self.found: dict[str, FoundEligibility] = {}
        self.submitted: list[str] = []
        self.concluded: list[str] = []
        self.opportunities: dict[str, str] = {}
        """The stage of each account's enquiry."""
        self.away = False
        self.lost_answers = 0
        self.reads = 0
        self._clock = clock
        self._changes = 0

    def staff_say(self, account_id: str, **facts: object) -> None:
        """Change the account as staff do."""
        self._changes += 1
        changed_at = self._clock.now() + timedelta(microseconds=self._changes)
        before = self.found.get(account_id) or FoundEligibility("not_requested", changed_at)
        self.found[account_id] = replace(before, changed_at=changed_at, **facts)  # type: ignore[arg-type]  # facts are named as the fields are

    async def read(self, account_id: str) -> FoundEligibility | None:
        """Look it up."""
        self._look()
        return self.found.get(account_id)

    async def submit(self, account_id: str, key: str, at: datetime) -> None:
        """Write it unless a later one stands there."""
        self._look()
        found = self.found.get(account_id)
        if found is not None and (found.requested_at is None or found.requested_at < at):
            self.staff_say(account_id, state="pending", types=(), requested_at=at, checked_at=None)
            self.submitted.append(key)
            self.opportunities[account_id] = "introduction"
        self._answer()

    async def conclude(self, account_id: str, key: str, *, eligible: bool, on: date) -> None:  # noqa: ARG002 - the port's signature
        """Move it on."""
        self._look()
        if self.opportunities.get(account_id) == "introduction":
            self.opportunities[account_id] = "ready" if eligible else "void"
            self.concluded.append(account_id)
        self._answer()

    def concerns(self, fields: Collection[str]) -> bool:
        """Know two of the fields."""
        return not fields or not {"Internet_Eligibility__c", "Internet_Eligibility_Status__c"}.isdisjoint(fields)

    def _answer(self) -> None:
        if self.lost_answers:
            self.lost_answers -= 1
            raise TryLater("SALESFORCE_UNAVAILABLE")

    def _look(self) -> None:
        self.reads += 1
        if self.away:
            raise TryLater("SALESFORCE_UNAVAILABLE")


class InMemoryEligibility:
    """The copy in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, KeptEligibility] = {}

    async def read(self, account_id: str) -> KeptEligibility | None:
        """Look it up."""
        return self.rows.get(account_id)

    async def lock(self, _transaction: Transaction, account_id: str) -> KeptEligibility | None:
        """Look it up; one task at a time runs here."""
        return self.rows.get(account_id)

    async def save(self, transaction: Transaction, kept: KeptEligibility) -> None:
        """Replace it."""
        before = self.rows.get(kept.account_id)
        self.rows[kept.account_id] = kept
        rolled_back(transaction, lambda: self._restore(kept.account_id, before))

    def _restore(self, account_id: str, before: KeptEligibility | None) -> None:
        if before is None:
            self.rows.pop(account_id, None)
        else:
            self.rows[account_id] = before


class FixedShelf:
    """What is on sale."""

    def __init__(self, *plans: Product) -> None:
        self.plans = plans

    async def internet_plans(self) -> Sequence[Product]:
        """Give the plans."""
        return self.plans


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A case as staff see it."""

    account_id: str
    kind: CaseType
    title: str
    description: str
    for_customer: bool


class RecordedCases:
    """Support's cases by key. `away` lets no call through."""

    def __init__(self) -> None:
        self.opened: dict[str, OpenedCase] = {}
        self.closed: list[str] = []
        self.away = False

    @property
    def titles(self) -> list[str]:
        """Give the titles, in order."""
        return [case.title for case in self.opened.values()]

    async def open(
        self, key: str, account_id: str, kind: CaseType, title: str, description: str, *, for_customer: bool
    ) -> str:
        """Open it once."""
        if self.away:
            raise TryLater("SALESFORCE_UNAVAILABLE")
        self.opened.setdefault(key, OpenedCase(account_id, kind, title, description, for_customer))
        return long_salesforce_id(f"500{list(self.opened).index(key) + 1:012d}")

    async def close(self, key: str) -> None:
        """Close it once."""
        if self.away:
            raise TryLater("SALESFORCE_UNAVAILABLE")
        if key in self.opened and key not in self.closed:
            self.closed.append(key)


class FixedVerifications:
    """Identity's judgement, the same for everybody."""

    def __init__(self, *, passed: bool = True, method: VerificationMethod = "document_upload") -> None:
        self.passed = passed
        self.method: VerificationMethod = method
        self.asked: list[VerifiedCommodity] = []

    async def check(self, account_id: str, commodity: VerifiedCommodity) -> VerificationCheck:  # noqa: ARG002 - the port's signature
        """Give it."""
        self.asked.append(commodity)
        status = "verified" if self.passed else "pending"
        return VerificationCheck(method=self.method, status=status, passed=self.passed)


@dataclass
class FakeCart:
    """A row."""

    lines: tuple[KeptCartLine, ...]
    until: datetime
    account_id: str | None = None


class InMemoryKeptCarts:
    """Carts in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, FakeCart] = {}
        self.forgotten_users: set[str] = set()

    async def keep(
        self, _transaction: Transaction, cart_id: str, lines: Sequence[KeptCartLine], until: datetime
    ) -> bool:
        """Replace it while nobody has it."""
        held = self.rows.get(cart_id)
        if held is not None and held.account_id is not None:
            return False
        self.rows[cart_id] = FakeCart(tuple(lines), until)
        return True

    async def give(
        self, _transaction: Transaction, cart_id: str, account_id: str, now: datetime, *, user_id: str
    ) -> None:
        """Write the account, once."""
        held = None if user_id in self.forgotten_users else self.rows.get(cart_id)
        if held is not None and held.account_id is None and held.until > now:
            held.account_id = account_id

    async def of_account(self, account_id: str, now: datetime) -> KeptCart | None:
        """Filter."""
        mine = [row for row in self.rows.values() if row.account_id == account_id and row.until > now]
        newest = max(mine, key=lambda row: row.until, default=None)
        return KeptCart(lines=newest.lines, kept_until=newest.until) if newest else None

    async def spend(self, _transaction: Transaction, account_id: str) -> None:
        """Forget them."""
        self.rows = {key: row for key, row in self.rows.items() if row.account_id != account_id}

    async def prune(self, _transaction: Transaction, now: datetime) -> None:
        """Forget old ones."""
        self.rows = {key: row for key, row in self.rows.items() if row.until > now}
