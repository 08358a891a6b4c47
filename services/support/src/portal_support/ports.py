"""What the use cases need from outside."""

from dataclasses import dataclass
from typing import Protocol

from portal_contracts.support import Case, CaseDetail, CaseType


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to open. `key` makes it one however often it is asked for; at most 80 characters."""

    key: str
    account_id: str | None
    type: CaseType
    title: str
    description: str


class Cases(Protocol):
    """The cases of the org. Raises TryLater when it does not answer, Misconfigured when it refuses our set-up."""

    async def open(self, case: NewCase) -> str:
        """Open a case, once for its key, and give its id."""

    async def of_account(self, account_id: str) -> list[Case]:
        """Give an account's cases, the newest first (R009), live (R220)."""

    async def comment(self, case_id: str, text: str) -> None:
        """Add a comment that its customer and staff can read. NOT safe to repeat."""

    async def read(self, case_id: str, account_id: str) -> CaseDetail | None:
        """Give one case with what staff published on it; None unless it is this account's."""
