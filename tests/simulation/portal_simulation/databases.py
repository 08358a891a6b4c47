"""A service's database in memory, and what each of its workers sees of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from portal_chassis.clocks import MachineClock
from portal_chassis.memory import InMemoryDatabase, InMemoryTransaction
from portal_chassis.postgres import Transaction
from portal_chassis.process_model import JournalEntry, JournalState, ProcessView
from portal_chassis.process_port import Change, Claim, Committed, Load, NewProcess
from portal_contracts.message import Event
from portal_simulation.mutated import process_store_of
from portal_simulation.rules import Rules
from portal_simulation.workers import Worker, current_worker

_MOMENT: Final = 0.005
Published = Callable[[int, Event], None]
"""Takes an event that was committed, with its number in the outbox."""


class ServiceDatabase(InMemoryDatabase):
    """One service's rows. What a committed transaction recorded is handed to the relay, in order."""

    def __init__(self, published: Published, rules: Rules) -> None:
        super().__init__()
        self._published = published
        self._rules = rules
        self._relayed = 0
        self.inbox: set[str] = set()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[InMemoryTransaction]:
        """Open a transaction."""
        async with super().transaction() as transaction:
            yield transaction
        if self._rules.outbox_in_transaction:
            self.relay()
        else:
            self._send_from_memory()

    def _send_from_memory(self) -> None:
        """Publish from the worker's memory a moment after the commit (a mutant): a worker that dies takes it along."""
        kept, self._relayed = range(self._relayed, len(self.events)), len(self.events)
        worker = current_worker()

        def send() -> None:
            for number in kept if worker is None or worker.alive else ():
                self._published(number + 1, self.events[number])

        asyncio.get_running_loop().call_later(_MOMENT, send)

    def relay(self) -> None:
        """Publish what has been committed since."""
        while self._relayed < len(self.events):
            self._relayed += 1
            self._published(self._relayed, self.events[self._relayed - 1])

    def admit(self, transaction: InMemoryTransaction, message_id: str) -> bool:
        """Insert into the inbox; False when the message has taken effect before."""
        if message_id in self.inbox:
            return not self._rules.inbox_is_unique
        self.inbox.add(message_id)
        transaction.on_rollback(lambda: self.inbox.discard(message_id))
        return True


class WorkerDatabase:
    """The database as one worker reaches it: the worker may die before a transaction, and after its commit."""

    def __init__(self, worker: Worker, database: ServiceDatabase) -> None:
        self._worker = worker
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[InMemoryTransaction]:
        """Open a transaction."""
        await self._worker.reach("before transaction")
        async with self._database.transaction() as transaction:
            yield transaction
            self._worker.check()
        await self._worker.reach("after transaction")


@dataclass(frozen=True, slots=True)
class StoreHooks:
    """What the world hears from a worker's store."""

    due: Callable[[datetime], None]
    """When a process will be due."""
    pause: Callable[[], Awaitable[None]]
    """The way to the database and back."""
    claimed: Callable[..., None]
    """`(worker, claim, while_held=…)`: a process was taken."""
    wrote_late: Callable[[Worker, Claim], None]
    """A worker wrote the end of a step of a process that somebody else had taken over."""


class WorkerStore:
    """The process store as one worker reaches it: it may die before and after each of its own writes."""

    def __init__(self, worker: Worker, rows: "ServiceRows", hooks: StoreHooks) -> None:
        self.lease = rows.processes.lease
        self._worker = worker
        self._rows = rows
        self._store = rows.processes
        self._due = hooks.due
        self._pause = hooks.pause
        self._claimed = hooks.claimed
        self._wrote_late = hooks.wrote_late

    async def insert(self, transaction: Transaction, process: NewProcess) -> bool:
        """Create a process."""
        self._worker.check()
        self._due(process.due)
        return await self._store.insert(transaction, process)

    async def wake(
        self, transaction: Transaction, kind: str, key: str, *, due: datetime, step: str | None, fresh: bool
    ) -> bool:
        """Move a process's due time."""
        self._worker.check()
        self._due(due)
        return await self._store.wake(transaction, kind, key, due=due, step=step, fresh=fresh)

    async def reopen(self, transaction: Transaction, process: NewProcess) -> bool:
        """Start a process again."""
        self._worker.check()
        self._due(process.due)
        return await self._store.reopen(transaction, process)

    async def cancel(self, transaction: Transaction, kind: str, key: str, code: str, now: datetime) -> bool:
        """End a process."""
        self._worker.check()
        return await self._store.cancel(transaction, kind, key, code, now)

    async def claim(
        self, kinds: Collection[str], now: datetime, limit: int, *, key: str | None = None
    ) -> Sequence[Claim]:
        """Take due processes."""
        await self._worker.thaw()
        held = self._rows.held()
        claims = await self._store.claim(kinds, now, limit, key=key)
        for claim in claims:
            self._claimed(self._worker, claim, while_held=claim.id in held)
        if claims:
            await self._worker.reach("after claim")
        return claims

    async def renew(self, leases: Mapping[int, int]) -> Collection[int]:
        """Extend leases."""
        await self._worker.thaw()
        return await self._store.renew(leases)

    async def commit(self, claim: Claim, change: Change) -> Committed:
        """Write the end of a step."""
        await self._worker.reach(f"before commit of {claim.kind}.{claim.step}")
        await self._pause()
        taken_over = self._store._by_id[claim.id].generation != claim.generation
        committed = await self._store.commit(claim, change)
        if taken_over:
            self._wrote_late(self._worker, claim)
        if committed.due is not None:
            self._due(committed.due)
        await self._pause()
        await self._worker.reach(f"after commit of {claim.kind}.{claim.step}")
        return committed

    async def release(self, claim: Claim) -> None:
        """Give a process back."""
        self._worker.check()
        await self._store.release(claim)

    async def journal_start(self, claim: Claim, call: str, fingerprint: str, now: datetime) -> int:
        """Write an intent."""
        await self._worker.reach(f"before intent of {call}")
        number = await self._store.journal_start(claim, call, fingerprint, now)
        await self._pause()
        await self._worker.reach(f"after intent of {call}")
        return number

    async def journal_finish(
        self, claim: Claim, entry: int, state: JournalState, external_id: str | None, evidence: Mapping[str, Any]
    ) -> None:
        """Write how an outside call ended."""
        await self._worker.reach("before the end of an intent")
        await self._store.journal_finish(claim, entry, state, external_id, evidence)
        await self._pause()
        await self._worker.reach("after the end of an intent")

    async def journal(self, process: int, call: str | None = None) -> list[JournalEntry]:
        """Read outside calls."""
        return await self._store.journal(process, call)

    async def read(self, kind: str, key: str) -> ProcessView | None:
        """Read a process."""
        return await self._store.read(kind, key)

    async def load(self) -> list[Load]:
        """Count processes."""
        return await self._store.load()


class ServiceRows:
    """Everything a service keeps: its database, its processes, and whatever tables its wiring adds."""

    def __init__(self, published: Published, machine: MachineClock, rules: Rules) -> None:
        self.database = ServiceDatabase(published, rules)
        self.processes = process_store_of(machine, self.database, rules)
        self.tables: dict[str, Any] = {}
        self._machine = machine

    def held(self) -> set[int]:
        """Give the processes whose lease holds now."""
        now = self._machine.monotonic()
        return {row.id for row in self.processes._rows.values() if row.lease is not None and row.lease_until >= now}

    def table(self, name: str, make: Callable[[], Any]) -> Any:
        """Give a table, made empty at its first use."""
        if name not in self.tables:
            self.tables[name] = make()
        return self.tables[name]
