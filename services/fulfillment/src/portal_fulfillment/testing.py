"""Fakes of what fulfillment keeps. Nothing outside of tests imports this."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from portal_chassis.memory import InMemoryTransaction
from portal_chassis.postgres import Transaction
from portal_contracts.orders import ProvisionRequested
from portal_fulfillment.attempt import Attempt, AttemptState, Stage, Verdict
from portal_fulfillment.kept_lines import OwnedLine
from portal_fulfillment.ports import OperationKind, OperationState
from portal_fulfillment.sim import Line

OPEN_OPERATIONS = frozenset({"requested", "accepted", "unknown"})
STANDING_OPERATIONS = OPEN_OPERATIONS | {"confirmed"}


def _undo(transaction: Transaction, undo: Callable[[], None]) -> None:
    if isinstance(transaction, InMemoryTransaction):
        transaction.on_rollback(undo)


class InMemoryAttempts:
    """The `Attempts` port; what a rolled back transaction did is undone."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], Attempt] = {}
        self.codes: dict[tuple[str, int], str | None] = {}
        self.signals: dict[tuple[str, str], tuple[ProvisionRequested, Verdict, int, datetime]] = {}
        self.opened_by: dict[tuple[str, int], tuple[ProvisionRequested, datetime]] = {}
        self.accounts: dict[tuple[str, int], str] = {}
        self._early: set[tuple[str, int]] = set()

    async def lock(self, transaction: Transaction, order_id: str) -> Attempt | None:
        """Give the latest; one task at a time needs no lock."""
        numbers = [number for known, number in self.rows if known == order_id]
        return self.rows[order_id, max(numbers)] if numbers else None

    async def note_signal(
        self,
        transaction: Transaction,
        signal: ProvisionRequested,
        key: str,
        *,
        verdict: Verdict,
        number: int,
        seen_at: datetime,
    ) -> bool:
        """Keep the signal."""
        place = (signal.order_id, key)
        if place in self.signals:
            return False
        self.signals[place] = (signal, verdict, number, seen_at)
        _undo(transaction, lambda: self._forget(place))
        return True

    async def belongs(self, transaction: Transaction, order_id: str, number: int, account_id: str) -> None:
        """Keep the account."""
        self.accounts[order_id, number] = account_id

    async def request_cancel(self, transaction: Transaction, order_id: str, number: int, operator: str) -> None:
        """Change an open attempt."""
        row = self.rows[order_id, number]
        if row.state == "open":
            asked = replace(row, cancelled_by=row.cancelled_by or operator)
            self._put(transaction, asked, self.codes.get((order_id, number)))

    async def cancelled_by(self, order_id: str, number: int) -> str | None:
        """Give who asked."""
        return self.rows[order_id, number].cancelled_by

    async def first_opened(self, order_id: str) -> datetime | None:
        """Give the oldest."""
        return min((at for (known, _), (_, at) in self.opened_by.items() if known == order_id), default=None)

    async def open(
        self, transaction: Transaction, number: int, signal: ProvisionRequested, opened_at: datetime
    ) -> None:
        """Keep the attempt; raises LookupError where the unique index would."""
        place = (signal.order_id, number)
        if place in self.rows or any(
            row.state == "open" for row in self.rows.values() if row.order_id == signal.order_id
        ):
            raise LookupError("an attempt is open")
        self.rows[place] = Attempt(signal.order_id, number, "open", "started", opened_at)
        self.opened_by[place] = (signal, opened_at)
        _undo(transaction, lambda: self._drop(place))

    async def start_early(self, transaction: Transaction, order_id: str, number: int) -> None:
        """Keep the mark."""
        self._early.add((order_id, number))

    async def is_early(self, order_id: str, number: int) -> bool:
        """Give the mark."""
        return (order_id, number) in self._early

    async def reached(
        self,
        transaction: Transaction,
        order_id: str,
        number: int,
        stage: Stage,
        *,
        code: str | None,
        at: datetime,
        scheduled_at: datetime | None = None,
    ) -> None:
        """Change an open attempt."""
        row = self.rows[order_id, number]
        if row.state == "open":
            since = row.standing_since if row.stage == stage else at
            self._put(transaction, replace(row, stage=stage, standing_since=since, scheduled_at=scheduled_at), code)

    async def end(
        self,
        transaction: Transaction,
        order_id: str,
        number: int,
        state: AttemptState,
        *,
        code: str | None,
        at: datetime,
    ) -> None:
        """End an open attempt."""
        row = self.rows[order_id, number]
        if row.state == "open":
            self._put(transaction, replace(row, state=state, ended_at=at), code)

    def _put(self, transaction: Transaction, row: Attempt, code: str | None) -> None:
        place = (row.order_id, row.number)
        before = (self.rows[place], self.codes.get(place))
        self.rows[place], self.codes[place] = row, code
        _undo(transaction, lambda: self._restore(place, *before))

    def _restore(self, place: tuple[str, int], row: Attempt, code: str | None) -> None:
        self.rows[place], self.codes[place] = row, code

    def _forget(self, place: tuple[str, str]) -> None:
        del self.signals[place]

    def _drop(self, place: tuple[str, int]) -> None:
        del self.rows[place]


@dataclass
class InMemoryOperations:
    """The `Operations` port: (kind, order, attempt) to line and state."""

    rows: dict[tuple[str, str, int], tuple[str, OperationState]] = field(default_factory=dict)
    remembered: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    sent: dict[tuple[str, str, int], datetime] = field(default_factory=dict)

    async def claim(self, kind: OperationKind, order_id: str, attempt: int, line: str) -> bool:
        """Keep the operation unless another one is open for the line."""
        place = (kind, order_id, attempt)
        others = [row for known, row in self.rows.items() if known != place]
        is_free = not any(known == line and state in OPEN_OPERATIONS for known, state in others)
        held = self.rows.get(place)
        is_ours = held is None or held[1] in {"failed", "withdrawn"} or (held[0] != line and held[1] in OPEN_OPERATIONS)
        if is_free and is_ours:
            held = self.rows[place] = (line, "requested")
        return held is not None and held[0] == line and held[1] in OPEN_OPERATIONS

    async def note_sent(self, kind: OperationKind, order_id: str, attempt: int, at: datetime) -> None:
        """Keep the time."""
        self.sent[kind, order_id, attempt] = at

    async def last_sent(
        self, line: str, kinds: Sequence[OperationKind], but_for: tuple[OperationKind, str, int]
    ) -> datetime | None:
        """Give the newest time."""
        rows = [place for place, (known, state) in self.rows.items() if known == line and state in STANDING_OPERATIONS]
        times = [self.sent[place] for place in rows if place in self.sent and place[0] in kinds and place != but_for]
        return max(times, default=None)

    async def give_up(self, kind: OperationKind, order_id: str, attempt: int) -> None:
        """Close it."""
        line, state = self.rows[kind, order_id, attempt]
        if state in OPEN_OPERATIONS:
            self.rows[kind, order_id, attempt] = (line, "failed")

    async def remember(self, order_id: str, attempt: int, before: Mapping[str, str]) -> None:
        """Keep the lines."""
        self.remembered[order_id, attempt] = dict(before)

    async def before(self, order_id: str, attempt: int) -> Mapping[str, str]:
        """Give the lines."""
        return self.remembered.get((order_id, attempt), {})

    async def settle(
        self, transaction: Transaction, kind: OperationKind, order_id: str, attempt: int, state: OperationState
    ) -> None:
        """Change an open operation."""
        place = (kind, order_id, attempt)
        held = self.rows.get(place)
        if held is None or held[1] not in OPEN_OPERATIONS:
            return
        self.rows[place] = (held[0], state)
        _undo(transaction, lambda: self.rows.__setitem__(place, held))


@dataclass
class InMemoryLines:
    """The `Lines` port."""

    kept: dict[str, tuple[str, Line]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    services: dict[str, int] = field(default_factory=dict)
    renewed: list[Line] = field(default_factory=list)

    async def serves(self, transaction: Transaction, order_id: str, service_id: int) -> None:
        """Keep the service."""
        self.services[order_id] = service_id

    async def renew(self, transaction: Transaction, line: Line) -> None:
        """Keep the profile."""
        self.renewed.append(line)

    async def belongs(self, transaction: Transaction, order_id: str, account_id: str) -> None:
        """Keep whose it is."""
        self.owners[order_id] = account_id

    async def keep(self, transaction: Transaction, order_id: str, line: Line, *, activated_at: datetime) -> None:
        """Keep it."""
        self.kept[line.account] = (order_id, line)

    async def adopt(self, transaction: Transaction, owned: OwnedLine, line: Line) -> bool:
        """Keep it with its owner, unless its number is kept."""
        if owned.account in self.kept:
            return False
        self.kept[owned.account] = (owned.order_id, line)
        self.owners[owned.order_id], self.services[owned.order_id] = owned.account_id, owned.service_id
        return True

    async def holder(self, account: str) -> str | None:
        """Give whose it is."""
        order_id, _ = self.kept.get(account, (None, None))
        return order_id
