"""Processes in memory, for tests and for thousands of virtual-time schedules in one process.

It stands under the same test suite as `process_store.py`: rows touched by an open transaction are locked, unseen by
readers and skipped by claims, until it ends.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from portal_chassis.clocks import MachineClock, SystemMachineClock
from portal_chassis.memory import InMemoryDatabase, InMemoryTransaction
from portal_chassis.postgres import Transaction
from portal_chassis.process_model import (
    TERMINAL,
    JournalEntry,
    JournalState,
    ProcessView,
    Proof,
    StaleLease,
    Status,
)
from portal_chassis.process_port import LEASE, Change, Claim, Committed, Load, NewProcess


@dataclass(slots=True)
class _Row:
    id: int
    kind: str
    key: str
    status: Status
    step: str
    state: str
    due: datetime | None
    started_at: datetime
    updated_at: datetime
    traceparent: str | None
    generation: int = 0
    lease: int | None = None
    lease_until: float = 0.0
    wake_at: datetime | None = None
    wake_step: str | None = None
    attempts: int = 0
    failures: int = 0
    failing_since: datetime | None = None
    code: str | None = None
    facts: str = "{}"
    because: str = ""
    failure_code: str | None = None
    failure_facts: str = "{}"
    reduced: bool = False
    journal: list[JournalEntry] = field(default_factory=list)


class InMemoryProcessStore:
    """The process table as a dictionary. Leases run on the given machine clock, so that a test can let them pass."""

    def __init__(
        self,
        clock: MachineClock | None = None,
        database: InMemoryDatabase | None = None,
        lease: timedelta = LEASE,
    ) -> None:
        self.lease = lease
        self.database = database or InMemoryDatabase()
        self._clock = clock or SystemMachineClock()
        self._rows: dict[tuple[str, str], _Row] = {}
        self._by_id: dict[int, _Row] = {}
        self._locks: dict[tuple[str, str], tuple[InMemoryTransaction, _Row | None]] = {}
        self._entries = 0

    async def insert(self, transaction: Transaction, process: NewProcess) -> bool:
        """Create a process; False when its kind and key exist already."""
        held = _in_memory(transaction)
        place = (process.kind, process.key)
        await self._lock(held, place)
        if place in self._rows:
            return False
        row = _Row(
            id=len(self._by_id) + 1,
            kind=process.kind,
            key=process.key,
            status=process.status,
            step=process.step,
            state=process.state,
            due=process.due,
            started_at=process.now,
            updated_at=process.now,
            traceparent=process.traceparent,
        )
        self._rows[place] = self._by_id[row.id] = row
        return True

    async def wake(
        self, transaction: Transaction, kind: str, key: str, *, due: datetime, step: str | None, fresh: bool
    ) -> bool:
        """Move the due time of an unfinished process, and its step when given; False when there is none."""
        row = await self._open_row(transaction, kind, key)
        if row is None:
            return False
        if row.lease is None:
            row.due, row.step = due, step or row.step
        elif fresh or row.failing_since is None:
            row.wake_at, row.wake_step = due, step or row.wake_step
        if fresh:
            row.attempts, row.failures, row.failing_since = 0, 0, None
        return True

    async def reopen(self, transaction: Transaction, process: NewProcess) -> bool:
        """Start a failed or cancelled process again with a new state; False when there is none."""
        await self._lock(_in_memory(transaction), (process.kind, process.key))
        row = self._rows.get((process.kind, process.key))
        if row is None or row.status not in {"failed", "cancelled"}:
            return False
        row.status, row.step, row.state, row.due = process.status, process.step, process.state, process.due
        row.started_at = row.updated_at = process.now
        row.traceparent = process.traceparent
        row.generation += 1
        row.attempts, row.failures, row.failing_since = 0, 0, None
        row.code, row.facts, row.because, row.failure_code, row.failure_facts = None, "{}", "", None, "{}"
        row.wake_at = row.wake_step = None
        row.reduced = False
        return True

    async def cancel(self, transaction: Transaction, kind: str, key: str, code: str, now: datetime) -> bool:
        """End an unfinished process and fence off whoever runs it; False when there is none."""
        row = await self._open_row(transaction, kind, key)
        if row is None:
            return False
        row.status, row.code, row.due, row.updated_at = "cancelled", code, None, now
        row.generation += 1
        row.lease = row.wake_at = row.wake_step = None
        return True

    async def claim(
        self, kinds: Collection[str], now: datetime, limit: int, *, key: str | None = None
    ) -> Sequence[Claim]:
        """Take due processes that nobody holds, the oldest first; with `key` only the one of that key."""
        due = [
            (row.due, row.id, row)
            for place, row in self._rows.items()
            if row.due is not None
            and row.due <= now
            and row.kind in kinds
            and (key is None or row.key == key)
            and (row.lease is None or row.lease_until < self._clock.monotonic())
            and place not in self._locks
        ]
        return [self._claimed(row, now) for _, _, row in sorted(due, key=lambda entry: entry[:2])[:limit]]

    def _claimed(self, row: _Row, now: datetime) -> Claim:
        crashed = row.lease is not None
        row.generation += 1
        row.lease = row.generation
        row.lease_until = self._clock.monotonic() + self.lease.total_seconds()
        row.step = row.wake_step or row.step
        row.wake_at = row.wake_step = None
        if crashed:
            row.attempts += 1
            row.failures += 1
            row.failing_since = row.failing_since or now
        return Claim(
            id=row.id,
            kind=row.kind,
            key=row.key,
            step=row.step,
            state=row.state,
            lease=row.lease,
            generation=row.generation,
            attempts=row.attempts,
            failures=row.failures,
            failing_since=row.failing_since,
            crashed=crashed,
            failure_code=row.failure_code,
            failure_facts=json.loads(row.failure_facts),
            started_at=row.started_at,
            traceparent=row.traceparent,
        )

    async def renew(self, leases: Mapping[int, int]) -> Collection[int]:
        """Extend leases, given as process id to lease, and give the ids of those that still hold."""
        held = {id_ for id_, lease in leases.items() if self._by_id[id_].lease == lease}
        for id_ in held:
            self._by_id[id_].lease_until = self._clock.monotonic() + self.lease.total_seconds()
        return held

    async def commit(self, claim: Claim, change: Change) -> Committed:
        """Write the end of a step and its effects in one transaction; raises StaleLease."""
        async with self.database.transaction() as transaction:
            for effect in change.effects:
                await effect(transaction)
            await self._lock(transaction, (claim.kind, claim.key))
            return self._write(self._held(claim), change)

    @staticmethod
    def _write(row: _Row, change: Change) -> Committed:
        terminal = change.status in TERMINAL
        woken = row.wake_at is not None
        row.generation += 1
        row.status = change.status
        row.step = change.step if terminal else row.wake_step or change.step
        row.due = change.due if terminal or change.keep else row.wake_at or change.due
        row.updated_at = change.now
        row.state = change.state if change.state is not None else row.state
        row.attempts = 0 if woken else change.attempts
        row.failures = 0 if woken else change.failures
        row.failing_since = None if woken else change.failing_since
        row.code, row.facts, row.because = change.code, json.dumps(change.facts, default=str), change.because
        row.failure_code, row.failure_facts = change.failure_code, json.dumps(change.failure_facts, default=str)
        if not change.keep:
            row.lease = None
        row.wake_at = row.wake_step = None
        return Committed(row.generation, row.step, row.due)

    async def release(self, claim: Claim) -> None:
        """Give a process back as if it had not been claimed; nothing when it is not ours any more."""
        row = self._by_id[claim.id]
        if row.generation == claim.generation:
            row.generation += 1
            row.lease = None

    async def journal_start(self, claim: Claim, call: str, fingerprint: str, now: datetime) -> int:
        """Commit that an outside call begins and give its number; raises StaleLease."""
        row = self._held(claim)
        self._entries += 1
        row.journal.append(
            JournalEntry(
                id=self._entries,
                step=claim.step,
                call=call,
                state="started",
                fingerprint=fingerprint,
                external_id=None,
                evidence={},
                attempt=claim.attempts + 1,
                generation=claim.generation,
                at=now,
            )
        )
        return self._entries

    async def journal_finish(
        self, claim: Claim, entry: int, state: JournalState, external_id: str | None, evidence: Mapping[str, Any]
    ) -> None:
        """Commit how an outside call ended; raises StaleLease."""
        row = self._held(claim)
        plain = json.loads(json.dumps(evidence, default=str))
        row.journal = [
            replace(known, state=state, external_id=external_id, evidence=plain) if known.id == entry else known
            for known in row.journal
        ]

    async def journal(self, process: int, call: str | None = None) -> list[JournalEntry]:
        """Give a process's outside calls, the oldest first."""
        return [entry for entry in self._by_id[process].journal if call is None or entry.call == call]

    async def read(self, kind: str, key: str) -> ProcessView | None:
        """Give a process as others see it: while a transaction holds it, as it was before."""
        place = (kind, key)
        row = self._locks[place][1] if place in self._locks else self._rows.get(place)
        if row is None:
            return None
        return ProcessView(
            kind=row.kind,
            key=row.key,
            status=row.status,
            step=row.step,
            state=json.loads(row.state),
            code=row.code,
            facts=json.loads(row.facts),
            because=row.because,
            due_at=row.due,
            attempts=row.attempts,
            started_at=row.started_at,
            updated_at=row.updated_at,
            traceparent=row.traceparent,
        )

    async def reduce(
        self, transaction: Transaction, kind: str, proof: Proof, *, ended_before: datetime, now: datetime, limit: int
    ) -> int:
        """Reduce finished processes of a kind to their proof, the oldest first, and give how many."""
        del now
        old = [
            (row.started_at, row.id, place)
            for place, row in self._rows.items()
            if row.kind == kind and row.status in TERMINAL and row.updated_at < ended_before
            if not row.reduced and place not in self._locks
        ]
        for _, _, place in sorted(old)[:limit]:
            await self._lock(_in_memory(transaction), place)
            _reduce(self._rows[place], proof)
        return min(len(old), limit)

    async def load(self) -> list[Load]:
        """Give how much there is to do, for metrics."""
        groups: dict[tuple[str, Status], list[_Row]] = {}
        for row in self._rows.values():
            if row.status not in TERMINAL:
                groups.setdefault((row.kind, row.status), []).append(row)
        return [
            Load(kind, status, len(rows), min((row.due for row in rows if row.due is not None), default=None))
            for (kind, status), rows in groups.items()
        ]

    def next_due(self) -> datetime | None:
        """Give when the next process is due, so that a virtual clock can jump there."""
        return min((row.due for row in self._rows.values() if row.due is not None), default=None)

    def held_for(self) -> float | None:
        """Give the seconds until the last lease that somebody holds has run out, so that a test can outlive it."""
        ends = [row.lease_until for row in self._rows.values() if row.lease is not None]
        return max(0.0, max(ends) - self._clock.monotonic()) + 1.0 if ends else None

    async def _open_row(self, transaction: Transaction, kind: str, key: str) -> _Row | None:
        await self._lock(_in_memory(transaction), (kind, key))
        row = self._rows.get((kind, key))
        return row if row is not None and row.status not in TERMINAL else None

    def _held(self, claim: Claim) -> _Row:
        row = self._by_id.get(claim.id)
        if row is None or row.generation != claim.generation:
            raise StaleLease
        return row

    async def _lock(self, transaction: InMemoryTransaction, place: tuple[str, str]) -> None:
        """Lock a row until the transaction ends, waiting for whoever has it, and remember how to restore it."""
        if transaction.immediate:
            return
        while place in self._locks:
            holder = self._locks[place][0]
            if holder is transaction:
                return
            await holder.ended.wait()
        row = self._rows.get(place)
        before = replace(row, journal=list(row.journal)) if row is not None else None
        self._locks[place] = (transaction, before)
        transaction.on_rollback(lambda: self._restore(place, before))
        transaction.on_end(lambda: self._unlock(place))

    def _unlock(self, place: tuple[str, str]) -> None:
        del self._locks[place]

    def _restore(self, place: tuple[str, str], before: _Row | None) -> None:
        row = self._rows.get(place)
        if before is None:
            if row is not None:
                del self._rows[place]
        elif row is not None:
            self._rows[place] = self._by_id[before.id] = before


def _reduce(row: _Row, proof: Proof) -> None:
    state = json.loads(row.state)
    row.state = json.dumps({name: state[name] for name in proof.state if name in state})
    row.facts = row.failure_facts = "{}"
    row.because, row.traceparent, row.reduced = "", None, True
    row.journal = [
        replace(entry, evidence={name: entry.evidence[name] for name in proof.evidence if name in entry.evidence})
        for entry in row.journal
        if entry.call in proof.calls
    ]


def _in_memory(transaction: Transaction) -> InMemoryTransaction:
    if not isinstance(transaction, InMemoryTransaction):
        raise TypeError("processes in memory are started in an InMemoryTransaction")
    return transaction
