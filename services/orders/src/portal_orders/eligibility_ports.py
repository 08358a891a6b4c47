"""What the eligibility use cases need from outside, in our words.

Everything may raise TryLater while the other side is away, and Misconfigured when it refuses our set-up.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Protocol

from portal_chassis.postgres import Transaction
from portal_contracts.catalog import Product
from portal_contracts.identity_verification import VerificationCheck, VerifiedCommodity
from portal_contracts.support import CaseType
from portal_orders.eligibility import FoundEligibility, KeptEligibility


class AccountEligibility(Protocol):
    """The account's eligibility fields and the opportunity of an enquiry (Salesforce: one writer, this service)."""

    async def read(self, account_id: str) -> FoundEligibility | None:
        """Read the account live; None when there is none."""

    async def submit(self, account_id: str, key: str, at: datetime) -> None:
        """Write that a check was asked for at a whole second, and see to an opportunity in Introduction (R182-R185).

        Harmless to repeat: one that arrives late changes nothing.
        """

    async def conclude(self, account_id: str, key: str, *, eligible: bool, on: date) -> None:
        """Move the enquiry, an open opportunity without orders, from Introduction to Ready or to Void (R189).

        Harmless to repeat; an opportunity somebody moved on stays where it is.
        """

    def concerns(self, fields: Collection[str]) -> bool:
        """Say whether a change of these fields may be about eligibility; without names anything may have changed."""


class EligibilityBook(Protocol):
    """The portal's own copy, with what only the portal knows."""

    async def read(self, account_id: str) -> KeptEligibility | None:
        """Give an account's row."""

    async def lock(self, transaction: Transaction, account_id: str) -> KeptEligibility | None:
        """Give the row and keep everybody else from an account's row, made or not, until the transaction ends."""

    async def save(self, transaction: Transaction, kept: KeptEligibility) -> None:
        """Insert or replace the row."""


class Shelf(Protocol):
    """What is on sale."""

    async def internet_plans(self) -> Sequence[Product]:
        """Give the Internet plans on sale."""


class StaffCases(Protocol):
    """Support, which opens cases for staff."""

    async def open(
        self, key: str, account_id: str, kind: CaseType, title: str, description: str, *, for_customer: bool
    ) -> str:
        """Open a case once for a key and give its id. `for_customer`: its customer asked for it and may see it."""

    async def close(self, key: str) -> None:
        """Close the case of a key; nothing when there is none or it is closed."""


class Verifications(Protocol):
    """Identity, which judges verifications (C26)."""

    async def check(self, account_id: str, commodity: VerifiedCommodity) -> VerificationCheck:
        """Judge an account's verification for a commodity. Refused NOT_FOUND for an account that does not exist."""
