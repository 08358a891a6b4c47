"""Processes in Postgres (reference/libraries.md §3): SKIP LOCKED, leases on the server's time, fenced writes.

A commit whose connection was lost may or may not have happened. Every write raises the generation, so repeating it is
safe: when the row has moved on by exactly one and the lease is still ours, it was our own write.
"""

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import asyncpg

from portal_chassis.postgres import Database, StoreUnavailable, Transaction
from portal_chassis.process_model import TERMINAL, JournalEntry, JournalState, ProcessView, Proof, StaleLease
from portal_chassis.process_port import LEASE, Change, Claim, Committed, Load, NewProcess

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

COMMIT_TRIES: Final = 120
"""How often the end of a step is written again while the server is away, once a second."""

_CONFLICTS: Final = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

_INSERT: Final = """
INSERT INTO portal_process (kind, key, status, step, state, due_at, started_at, updated_at, traceparent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8) ON CONFLICT (kind, key) DO NOTHING RETURNING id
"""
_WAKE: Final = """
UPDATE portal_process SET
    due_at = CASE WHEN lease IS NULL THEN $3::timestamptz ELSE due_at END,
    step = CASE WHEN lease IS NULL THEN coalesce($4::text, step) ELSE step END,
    wake_at = CASE
        WHEN lease IS NULL THEN NULL WHEN $5::boolean OR failing_since IS NULL THEN $3 ELSE wake_at END,
    wake_step = CASE
        WHEN lease IS NULL THEN NULL WHEN $5 OR failing_since IS NULL THEN coalesce($4, wake_step) ELSE wake_step END,
    attempts = CASE WHEN $5 THEN 0 ELSE attempts END,
    failures = CASE WHEN $5 THEN 0 ELSE failures END,
    failing_since = CASE WHEN $5 THEN NULL ELSE failing_since END
WHERE kind = $1 AND key = $2 AND status NOT IN ('done', 'failed', 'cancelled') RETURNING id
"""
_REOPEN: Final = """
UPDATE portal_process SET
    status = $3, step = $4, state = $5, due_at = $6, started_at = $7, updated_at = $7, traceparent = $8,
    generation = generation + 1, attempts = 0, failures = 0, failing_since = NULL,
    code = NULL, facts = '{}', because = '', failure_code = NULL, failure_facts = '{}',
    wake_at = NULL, wake_step = NULL, reduced_at = NULL
WHERE kind = $1 AND key = $2 AND status IN ('failed', 'cancelled') RETURNING id
"""
_CANCEL: Final = """
UPDATE portal_process SET
    status = 'cancelled', code = $3, due_at = NULL, updated_at = $4, generation = generation + 1,
    lease = NULL, lease_until = NULL, wake_at = NULL, wake_step = NULL
WHERE kind = $1 AND key = $2 AND status NOT IN ('done', 'failed', 'cancelled') RETURNING id
"""
_CLAIM: Final = """
WITH due AS (
    SELECT id, lease IS NOT NULL AS crashed FROM portal_process
    WHERE due_at <= $1::timestamptz AND kind = ANY ($2::text[]) AND ($5::text IS NULL OR key = $5)
        AND (lease_until IS NULL OR lease_until < clock_timestamp())
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE portal_process p SET
    generation = p.generation + 1, lease = p.generation + 1, lease_until = clock_timestamp() + $4::interval,
    step = coalesce(p.wake_step, p.step), wake_at = NULL, wake_step = NULL,
    attempts = p.attempts + due.crashed::integer, failures = p.failures + due.crashed::integer,
    failing_since = CASE WHEN due.crashed THEN coalesce(p.failing_since, $1::timestamptz) ELSE p.failing_since END
FROM due WHERE p.id = due.id
RETURNING p.id, p.kind, p.key, p.step, p.state, p.lease, p.generation, p.attempts, p.failures, p.failing_since,
    due.crashed, p.failure_code, p.failure_facts, p.started_at, p.traceparent
"""
_RENEW: Final = """
UPDATE portal_process p SET lease_until = clock_timestamp() + $3::interval
FROM unnest($1::bigint[], $2::bigint[]) AS held (id, lease) WHERE p.id = held.id AND p.lease = held.lease RETURNING p.id
"""
_COMMIT: Final = """
UPDATE portal_process SET
    generation = generation + 1, status = $3,
    step = CASE WHEN $4::boolean THEN $5::text ELSE coalesce(wake_step, $5) END,
    due_at = CASE WHEN $4 OR $17::boolean THEN $6::timestamptz ELSE coalesce(wake_at, $6) END,
    updated_at = $7, state = coalesce($8::jsonb, state),
    attempts = CASE WHEN wake_at IS NULL THEN $9::integer ELSE 0 END,
    failures = CASE WHEN wake_at IS NULL THEN $10::integer ELSE 0 END,
    failing_since = CASE WHEN wake_at IS NULL THEN $11::timestamptz END,
    code = $12, facts = $13, because = $14, failure_code = $15, failure_facts = $16,
    lease = CASE WHEN $17 THEN lease END,
    lease_until = CASE WHEN $17 THEN clock_timestamp() + $18::interval END,
    wake_at = NULL, wake_step = NULL
WHERE id = $1 AND generation = $2 RETURNING generation, step, due_at
"""
_RELEASE: Final = """
UPDATE portal_process SET generation = generation + 1, lease = NULL, lease_until = NULL
WHERE id = $1 AND generation = $2
"""
_JOURNAL_START: Final = """
WITH held AS (SELECT id FROM portal_process WHERE id = $1 AND generation = $2 FOR SHARE)
INSERT INTO portal_process_journal (process, step, call, state, fingerprint, attempt, generation, at)
SELECT id, $3, $4, 'started', $5, $6, $2, $7 FROM held RETURNING id
"""
_JOURNAL_FINISH: Final = """
WITH held AS (SELECT id FROM portal_process WHERE id = $1 AND generation = $2 FOR SHARE)
UPDATE portal_process_journal j SET state = $4, external_id = $5, evidence = $6
FROM held WHERE j.id = $3 AND j.process = held.id RETURNING j.id
"""
_REDUCE: Final = """
WITH old AS (
    SELECT id FROM portal_process
    WHERE kind = $1 AND started_at < $2 AND updated_at < $2
        AND status IN ('done', 'failed', 'cancelled') AND reduced_at IS NULL
    ORDER BY started_at LIMIT $3 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM portal_process_journal j USING old WHERE j.process = old.id AND j.call <> ALL ($6::text[])
), bare AS (
    UPDATE portal_process_journal j SET evidence = coalesce(
        (SELECT jsonb_object_agg(key, value) FROM jsonb_each(j.evidence) WHERE key = ANY ($7::text[])), '{}')
    FROM old WHERE j.process = old.id AND j.call = ANY ($6)
)
UPDATE portal_process p SET
    state = coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(p.state) WHERE key = ANY ($5::text[])), '{}'),
    facts = '{}', because = '', failure_facts = '{}', traceparent = NULL, reduced_at = $4
FROM old WHERE p.id = old.id
"""


class PostgresProcessStore:
    """The process table of a service's own database."""

    def __init__(self, database: Database, lease: timedelta = LEASE) -> None:
        self._database = database
        self._lease = lease

    @property
    def lease(self) -> timedelta:
        """How long a silent worker keeps a process, on the server's time."""
        return self._lease

    async def insert(self, transaction: Transaction, process: NewProcess) -> bool:
        """Create a process; False when its kind and key exist already."""
        return await transaction.fetchval(_INSERT, *_new(process)) is not None

    async def wake(
        self, transaction: Transaction, kind: str, key: str, *, due: datetime, step: str | None, fresh: bool
    ) -> bool:
        """Move the due time of an unfinished process, and its step when given; False when there is none."""
        return await transaction.fetchval(_WAKE, kind, key, due, step, fresh) is not None

    async def reopen(self, transaction: Transaction, process: NewProcess) -> bool:
        """Start a failed or cancelled process again with a new state; False when there is none."""
        return await transaction.fetchval(_REOPEN, *_new(process)) is not None

    async def cancel(self, transaction: Transaction, kind: str, key: str, code: str, now: datetime) -> bool:
        """End an unfinished process and fence off whoever runs it; False when there is none."""
        return await transaction.fetchval(_CANCEL, kind, key, code, now) is not None

    async def claim(
        self, kinds: Collection[str], now: datetime, limit: int, *, key: str | None = None
    ) -> Sequence[Claim]:
        """Take due processes that nobody holds, the oldest first; with `key` only the one of that key."""
        rows = await self._database.fetch(_CLAIM, now, list(kinds), limit, self.lease, key)
        return [
            Claim(
                id=row["id"],
                kind=row["kind"],
                key=row["key"],
                step=row["step"],
                state=row["state"],
                lease=row["lease"],
                generation=row["generation"],
                attempts=row["attempts"],
                failures=row["failures"],
                failing_since=row["failing_since"],
                crashed=row["crashed"],
                failure_code=row["failure_code"],
                failure_facts=json.loads(row["failure_facts"]),
                started_at=row["started_at"],
                traceparent=row["traceparent"],
            )
            for row in rows
        ]

    async def renew(self, leases: Mapping[int, int]) -> Collection[int]:
        """Extend leases, given as process id to lease, and give the ids of those that still hold."""
        rows = await self._database.fetch(_RENEW, list(leases), list(leases.values()), self.lease)
        return {row["id"] for row in rows}

    async def commit(self, claim: Claim, change: Change) -> Committed:
        """Write the end of a step and its effects in one transaction; raises StaleLease.

        While the server is away or another transaction is in the way, the write is repeated, never the step.
        """
        for tries in range(COMMIT_TRIES):
            try:
                return await self._write(claim, change)
            except StaleLease:
                found = await self._own_write(claim) if tries and change.keep else None
                if found is None:
                    raise
                return found
            except (StoreUnavailable, *_CONFLICTS) as error:
                if tries + 1 == COMMIT_TRIES:
                    raise
                await asyncio.sleep(1 if isinstance(error, StoreUnavailable) else 0.01)
        raise StoreUnavailable

    async def _write(self, claim: Claim, change: Change) -> Committed:
        arguments = (
            claim.id,
            claim.generation,
            change.status,
            change.status in TERMINAL,
            change.step,
            change.due,
            change.now,
            change.state,
            change.attempts,
            change.failures,
            change.failing_since,
            change.code,
            json.dumps(change.facts, default=str),
            change.because,
            change.failure_code,
            json.dumps(change.failure_facts, default=str),
            change.keep,
            self.lease,
        )
        if not change.effects:
            return _committed(await self._database.fetchrow(_COMMIT, *arguments))
        async with self._database.transaction() as transaction:
            # Effects first, the process row last: the order in which a consumer that writes a row and then wakes its
            # process takes its locks, so that the two do not lock each other out.
            for effect in change.effects:
                await effect(transaction)
            return _committed(await transaction.fetchrow(_COMMIT, *arguments))

    async def _own_write(self, claim: Claim) -> Committed | None:
        """Tell whether the row that does not match any more is what our own lost commit left behind."""
        row = await self._database.fetchrow(
            "SELECT generation, step, due_at FROM portal_process WHERE id = $1 AND lease = $2 AND generation = $3",
            claim.id,
            claim.lease,
            claim.generation + 1,
        )
        return _committed(row) if row is not None else None

    async def release(self, claim: Claim) -> None:
        """Give a process back as if it had not been claimed; nothing when it is not ours any more."""
        await self._database.execute(_RELEASE, claim.id, claim.generation)

    async def journal_start(self, claim: Claim, call: str, fingerprint: str, now: datetime) -> int:
        """Commit that an outside call begins and give its number; raises StaleLease."""
        entry = await self._database.fetchval(
            _JOURNAL_START, claim.id, claim.generation, claim.step, call, fingerprint, claim.attempts + 1, now
        )
        if entry is None:
            raise StaleLease
        return cast("int", entry)

    async def journal_finish(
        self, claim: Claim, entry: int, state: JournalState, external_id: str | None, evidence: Mapping[str, Any]
    ) -> None:
        """Commit how an outside call ended; raises StaleLease."""
        written = await self._database.fetchval(
            _JOURNAL_FINISH, claim.id, claim.generation, entry, state, external_id, json.dumps(evidence, default=str)
        )
        if written is None:
            raise StaleLease

    async def journal(self, process: int, call: str | None = None) -> list[JournalEntry]:
        """Give a process's outside calls, the oldest first."""
        rows = await self._database.fetch(
            "SELECT * FROM portal_process_journal WHERE process = $1 AND ($2::text IS NULL OR call = $2) ORDER BY id",
            process,
            call,
        )
        return [
            JournalEntry(
                id=row["id"],
                step=row["step"],
                call=row["call"],
                state=row["state"],
                fingerprint=row["fingerprint"],
                external_id=row["external_id"],
                evidence=json.loads(row["evidence"]),
                attempt=row["attempt"],
                generation=row["generation"],
                at=row["at"],
            )
            for row in rows
        ]

    async def read(self, kind: str, key: str) -> ProcessView | None:
        """Give a process as others see it."""
        row = await self._database.fetchrow("SELECT * FROM portal_process WHERE kind = $1 AND key = $2", kind, key)
        return _view(row) if row is not None else None

    async def reduce(
        self, transaction: Transaction, kind: str, proof: Proof, *, ended_before: datetime, now: datetime, limit: int
    ) -> int:
        """Reduce finished processes of a kind to their proof, the oldest first, and give how many."""
        kept = (list(proof.state), list(proof.calls), list(proof.evidence))
        tag = await transaction.execute(_REDUCE, kind, ended_before, limit, now, *kept)
        return int(tag.rsplit(" ", 1)[-1])

    async def load(self) -> list[Load]:
        """Give how much there is to do, for metrics."""
        rows = await self._database.fetch(
            "SELECT kind, status, count(*) AS count, min(due_at) AS oldest_due FROM portal_process "
            "WHERE status NOT IN ('done', 'failed', 'cancelled') GROUP BY kind, status"
        )
        return [Load(row["kind"], row["status"], row["count"], row["oldest_due"]) for row in rows]


def _new(process: NewProcess) -> tuple[Any, ...]:
    return (
        process.kind,
        process.key,
        process.status,
        process.step,
        process.state,
        process.due,
        process.now,
        process.traceparent,
    )


def _committed(row: "Row | None") -> Committed:
    if row is None:
        raise StaleLease
    return Committed(row["generation"], row["step"], row["due_at"])


def _view(row: "Row") -> ProcessView:
    return ProcessView(
        kind=row["kind"],
        key=row["key"],
        status=row["status"],
        step=row["step"],
        state=json.loads(row["state"]),
        code=row["code"],
        facts=json.loads(row["facts"]),
        because=row["because"],
        due_at=row["due_at"],
        attempts=row["attempts"],
        started_at=row["started_at"],
        updated_at=row["updated_at"],
        traceparent=row["traceparent"],
    )
