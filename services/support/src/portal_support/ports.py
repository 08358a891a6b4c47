"""What the use cases need from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from portal_chassis.postgres import Transaction
from portal_contracts.customer_news import CaseUpdated
from portal_contracts.support import Case, CaseDetail, CaseType


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to open. `key` makes it one however often it is asked for; at most 80 characters."""

    key: str
    account_id: str | None
    type: CaseType
    title: str
    description: str
    opportunity_id: str | None = None


class Cases(Protocol):
    """The cases of the org that customers may see: all of their account but those staff keep among themselves.

    Raises TryLater when the org does not answer, Misconfigured when it refuses our set-up, Refused CASE_NOT_TAKEN when
    a rule of it refuses what is written.
    """

    async def open(self, case: NewCase) -> str:
        """Open a case, once for its key, and give its id. A repeat leaves alone what staff have made of it since."""

    async def page(self, account_id: str, after: str | None, most: int) -> list[Case]:
        """Give an account's cases after a cursor, the newest first (R009), live (R220): one call, however many."""

    async def read(self, case_id: str, account_id: str) -> CaseDetail | None:
        """Give one case with what was published on it, in one call; None unless it is this account's.

        Its description is what it was opened with: nothing that staff have written there since.
        """

    async def comment(self, case_id: str, text: str, *, reopen: bool = False) -> str:
        """Add a comment that its customer and staff can read, and give its id. NOT safe to repeat.

        With `reopen` the case is open afterwards: both happen or neither.
        """

    async def find_comment(self, case_id: str, text: str, since: datetime) -> str | None:
        """Give the id of the portal's own comment with these words, written since then."""

    async def close(self, keys: Sequence[str]) -> bool:
        """Close the case that was opened with one of these keys; False when there is none."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a case; `content` is None when it is larger than what was asked for."""

    name: str
    content: bytes | None


class CaseFiles(Protocol):
    """Files of cases, in the org and nowhere else (C41). Raises as `Cases` does."""

    async def keep(self, case_id: str, name: str, path: str, content: bytes) -> str:
        """Add a file to a case and give its id. NOT safe to repeat; `path` is the name it is found by."""

    async def find(self, path: str) -> str | None:
        """Give the id of the file with this path."""

    async def read(self, case_id: str, account_id: str, file_id: str, most_bytes: int) -> StoredFile | None:
        """Give a file that the customer may see; None unless it is of this case, and the case of this account."""


@dataclass(frozen=True, slots=True)
class About:
    """What a case is about. At least one of the two is there."""

    order_id: str | None = None
    service_id: int | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What staff see of an order or service: its words, and its opportunity where it has one."""

    words: str
    opportunity_id: str | None


class Belongings(Protocol):
    """Whether an order or a service is an account's own. Raises as `Cases` does."""

    async def order(self, account_id: str, order_id: str) -> Subject | None:
        """Give the account's order; None for anybody else's."""

    async def service(self, account_id: str, whmcs_client_id: int, service_id: int) -> Subject | None:
        """Give the customer's service; None for anybody else's."""


@dataclass(frozen=True, slots=True)
class WriteKey:
    """One wish to write, by its kind, whose it is, and the key that repeats of it carry."""

    kind: Literal["open", "comment", "file"]
    owner: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """How far a write is: `first` for whoever may go ahead, `record_id` once it is known to be done."""

    first: bool
    begun_at: datetime
    seconds_ago: float
    record_id: str | None = None


class Writes(Protocol):
    """What was begun and finished, kept for 30 days. Raises StoreUnavailable."""

    async def begin(self, key: WriteKey) -> Begun:
        """Note that a write begins, or tell how far an earlier one is; Refused IDEMPOTENCY_KEY_REUSED."""

    async def take_over(self, key: WriteKey, begun: Begun) -> bool:
        """Begin anew what was begun then; False when somebody else did or it is done."""

    async def finish(self, key: WriteKey, record_id: str) -> None:
        """Note that it is done."""

    async def give_up(self, key: WriteKey) -> None:
        """Forget a write that certainly had no effect."""


class Links(Protocol):
    """What cases are about. Raises StoreUnavailable."""

    async def keep(self, case_id: str, account_id: str, about: About) -> None:
        """Keep it; the first one stays."""

    async def of(self, case_ids: Sequence[str]) -> Mapping[str, About]:
        """Give it for those cases that have it."""


@dataclass(frozen=True, slots=True)
class ChangedCase:
    """A customer's case that changed in the org: its standing, or a comment that staff published."""

    case_id: str
    case_number: str
    account_id: str
    changed_at: datetime
    closed_at: datetime | None = None
    comment_id: str | None = None
    opened_at: datetime | None = None


class ChangedCases(Protocol):
    """What changed in the org. Raises as `Cases` does."""

    async def since(self, moment: datetime) -> Sequence[ChangedCase]:
        """Give what customers may know of and changed since then, oldest first; a comment is an entry of its own."""


class News(Protocol):
    """What was told of cases, in the transaction in which it is recorded."""

    async def tell(self, transaction: Transaction, update: CaseUpdated, opened_at: datetime | None) -> None:
        """Record it, unless it was told before or the case was opened for a customer who was forgotten since (D17)."""

    async def last_standing(self, case_ids: Sequence[str]) -> Mapping[str, str]:
        """Give the update by which each case was last told to be closed; those that are open again are left out."""

    async def reopened_by_customer(self, case_id: str, account_id: str, request_id: str) -> None:
        """Note what the customer knows already, so that it is not told."""
