"""Fakes of support's ports."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from portal_chassis.clocks import MachineClock, SystemMachineClock
from portal_chassis.postgres import Transaction
from portal_contracts.customer_news import CaseUpdated
from portal_contracts.problems import Refused, TryLater
from portal_contracts.support import Case, CaseComment, CaseDetail, CaseFile
from portal_contracts.values import long_salesforce_id
from portal_support.case_words import WORDS
from portal_support.customers_text import before_end_line, with_end_line
from portal_support.open_staff_case import STAFF_ONLY
from portal_support.ports import About, Begun, ChangedCase, NewCase, StoredFile, Subject, WriteKey
from portal_support.read_cases import cursor

AN_INSTANT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


class InMemoryCases:
    """Cases in a dictionary, one for each key. The answers of the next `answers_lost` comments are lost.

    The next `comments_late` comments are lost as well, and come into being when `arrive` is called.
    """

    def __init__(self, clock: MachineClock | None = None) -> None:
        self.clock = clock or SystemMachineClock()
        self.answers_lost = 0
        self.comments_late = 0
        self.late: list[tuple[str, str]] = []
        self.by_key: dict[str, tuple[str, NewCase]] = {}
        self.comments: dict[str, list[CaseComment]] = {}
        self.files: dict[str, list[CaseFile]] = {}
        self.closed: set[str] = set()
        self.descriptions: dict[str, str] = {}

    async def open(self, case: NewCase) -> str:
        """Keep the case under its key; a repeat changes nothing."""
        if case.key not in self.by_key:
            case_id = long_salesforce_id(f"500{len(self.by_key) + 1:012d}")
            self.by_key[case.key] = (case_id, case)
            self.descriptions[case_id] = with_end_line(case.description)
        return self.by_key[case.key][0]

    async def page(self, account_id: str, after: str | None, most: int) -> list[Case]:
        """Give the account's cases, the newest first."""
        found = [self._detail(*one) for one in reversed(self._shown()) if one[1].account_id == account_id]
        cases = [Case.model_validate(case.model_dump()) for case in found]
        return [case for case in cases if after is None or cursor(case) < after][:most]

    async def comment(self, case_id: str, text: str, *, reopen: bool = False) -> str:
        """Keep the comment."""
        await asyncio.sleep(0)
        if self.comments_late:
            self.comments_late -= 1
            self.late.append((case_id, text))
            raise TryLater("SALESFORCE_UNAVAILABLE")  # before the effect, which comes nevertheless
        if reopen:
            self.closed.discard(case_id)
        self._keep(case_id, text)
        if self.answers_lost:
            self.answers_lost -= 1
            raise TryLater("SALESFORCE_UNAVAILABLE")  # after the effect
        return f"00a-{case_id}-{len(self.comments[case_id])}"

    def arrive(self) -> None:
        """Let the comments come into being that were under way."""
        for case_id, text in self.late:
            self._keep(case_id, text)
        self.late.clear()

    async def find_comment(self, case_id: str, text: str, since: datetime) -> str | None:
        """Look at what customers wrote since then."""
        own = [one for one in self.comments.get(case_id, []) if one.by == "customer" and one.text == text]
        return next((f"00a-{case_id}-{text}" for one in own if one.written_at >= since - timedelta(minutes=10)), None)

    async def close(self, keys: Sequence[str]) -> bool:
        """Close what has one of the keys."""
        found = {self.by_key[key][0] for key in keys if key in self.by_key}
        self.closed |= found
        return bool(found)

    async def read(self, case_id: str, account_id: str) -> CaseDetail | None:
        """Give one of the account's cases."""
        for found_id, case in self._shown():
            if found_id == case_id and case.account_id == account_id:
                return self._detail(case_id, case)
        return None

    def _keep(self, case_id: str, text: str) -> None:
        comment = CaseComment(text=text, written_at=self.clock.now(), by="customer")
        self.comments[case_id] = [*self.comments.get(case_id, []), comment]

    def _shown(self) -> list[tuple[str, NewCase]]:
        return [one for key, one in self.by_key.items() if not key.startswith(STAFF_ONLY)]

    def _detail(self, case_id: str, case: NewCase) -> CaseDetail:
        closed = case_id in self.closed
        words = WORDS["closed" if closed else "new"]
        return CaseDetail(
            case_id=case_id,
            case_number=case_id[-8:-3],
            subject=case.title,
            type=case.type,
            status=words.en,
            state="closed" if closed else "new",
            state_text=words,
            closed=closed,
            opened_at=AN_INSTANT,
            updated_at=AN_INSTANT,
            description=before_end_line(self.descriptions[case_id]),
            comments=self.comments.get(case_id, []),
            files=self.files.get(case_id, []),
        )


class InMemoryFiles:
    """Files in a dictionary by path, shown on the cases of `cases`."""

    def __init__(self, cases: InMemoryCases) -> None:
        self._cases = cases
        self.by_path: dict[str, bytes] = {}
        self.answers_lost = 0

    async def keep(self, case_id: str, name: str, path: str, content: bytes) -> str:
        """Keep it."""
        file_id = long_salesforce_id(f"069{len(self.by_path) + 1:012d}")
        self.by_path[path] = content
        shown = CaseFile(file_id=file_id, name=name, size=len(content), added_at=AN_INSTANT, by="customer")
        self._cases.files[case_id] = [*self._cases.files.get(case_id, []), shown]
        if self.answers_lost:
            self.answers_lost -= 1
            raise TryLater("SALESFORCE_UNAVAILABLE")
        return file_id

    async def find(self, path: str) -> str | None:
        """Look for the path."""
        return path if path in self.by_path else None

    async def read(self, case_id: str, account_id: str, file_id: str, most_bytes: int) -> StoredFile | None:
        """Give the file of that id."""
        case = await self._cases.read(case_id, account_id)
        index = int(file_id[3:15]) - 1
        shown = [file for file in (case.files if case else ()) if file.file_id == file_id]
        if not shown:
            return None
        content = list(self.by_path.values())[index]
        return StoredFile(shown[0].name, content if len(content) <= most_bytes else None)


class InMemoryBelongings:
    """Whose orders and services are, by account."""

    def __init__(self) -> None:
        self.orders: dict[tuple[str, str], Subject] = {}
        self.services: dict[tuple[str, int], Subject] = {}

    async def order(self, account_id: str, order_id: str) -> Subject | None:
        """Give the account's order."""
        return self.orders.get((account_id, order_id))

    async def service(self, account_id: str, _whmcs_client_id: int, service_id: int) -> Subject | None:
        """Give the account's service."""
        return self.services.get((account_id, service_id))


class InMemoryWrites:
    """Writes in a dictionary; ages run on the clock."""

    def __init__(self, clock: MachineClock | None = None) -> None:
        self._clock = clock or SystemMachineClock()
        self.rows: dict[tuple[str, str, str], tuple[bytes, datetime, str | None]] = {}

    async def begin(self, key: WriteKey) -> Begun:
        """Keep the key, or tell how far it is."""
        now, name = self._clock.now(), (key.kind, key.owner, key.key)
        if name not in self.rows:
            self.rows[name] = (key.fingerprint, now, None)
            return Begun(True, now, 0.0)
        fingerprint, begun_at, record_id = self.rows[name]
        if fingerprint != key.fingerprint:
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return Begun(False, begun_at, (now - begun_at).total_seconds(), record_id)

    async def take_over(self, key: WriteKey, begun: Begun) -> bool:
        """Begin anew."""
        name = (key.kind, key.owner, key.key)
        if self.rows.get(name, (b"", None, None))[1:] != (begun.begun_at, None):
            return False
        self.rows[name] = (key.fingerprint, self._clock.now(), None)
        return True

    async def finish(self, key: WriteKey, record_id: str) -> None:
        """Keep the id."""
        name = (key.kind, key.owner, key.key)
        if name in self.rows:
            self.rows[name] = (*self.rows[name][:2], record_id)

    async def give_up(self, key: WriteKey) -> None:
        """Forget the key."""
        self.rows.pop((key.kind, key.owner, key.key), None)


class InMemoryLinks:
    """Links in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, About] = {}

    async def keep(self, case_id: str, _account_id: str, about: About) -> None:
        """Keep the first."""
        self.rows.setdefault(case_id, about)

    async def of(self, case_ids: Sequence[str]) -> Mapping[str, About]:
        """Give those of the cases."""
        return {case_id: self.rows[case_id] for case_id in case_ids if case_id in self.rows}


class InMemoryNews:
    """What was told, in order; one that takes part in a transaction keeps its rows at once."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, str]] = {}
        self.told: list[CaseUpdated] = []
        self.forgotten: dict[str, datetime] = {}

    async def tell(self, transaction: Transaction, update: CaseUpdated, opened_at: datetime | None) -> None:
        """Record what is new."""
        until = self.forgotten.get(update.account_id)
        if until is not None and opened_at is not None and opened_at <= until:
            return
        if self._note(update.update_id, update.case_id, update.change):
            self.told.append(update)
            await transaction.record(update)

    async def last_standing(self, case_ids: Sequence[str]) -> Mapping[str, str]:
        """Give the last row of each case that is closed."""
        last = {case_id: (name, change) for name, (case_id, change) in self.rows.items() if change != "answered"}
        return {one: last[one][0] for one in case_ids if one in last and last[one][1] == "closed"}

    async def reopened_by_customer(self, case_id: str, _account_id: str, request_id: str) -> None:
        """Note it."""
        self._note(f"{case_id}:customer:{request_id}", case_id, "reopened")

    def _note(self, update_id: str, case_id: str, change: str) -> bool:
        new = update_id not in self.rows
        self.rows.setdefault(update_id, (case_id, change))
        return new


class ScriptedChanges:
    """Changes as a test says; `away` makes the next look fail."""

    def __init__(self) -> None:
        self.changes: list[ChangedCase] = []
        self.asked: list[datetime] = []
        self.away = False

    async def since(self, moment: datetime) -> Sequence[ChangedCase]:
        """Give those since then."""
        self.asked.append(moment)
        if self.away:
            self.away = False
            raise TryLater("SALESFORCE_UNAVAILABLE")
        return [one for one in self.changes if one.changed_at >= moment]
