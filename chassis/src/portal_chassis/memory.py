"""A database transaction without a database, for use cases and processes that run on fakes.

Rows of in-memory stores stay locked and invisible to others until the transaction ends, as in Postgres, when it comes
from `InMemoryDatabase.transaction()`. One that a test builds by hand has nobody to end it and so takes effect at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from portal_chassis.postgres import Transaction
from portal_contracts.message import Event

if TYPE_CHECKING:
    from portal_chassis.postgres import Connection, Row


class InMemoryTransaction(Transaction):
    """Collects the events recorded in it. SQL cannot be told the truth here, so it raises."""

    def __init__(self, *, immediate: bool = True, events: list[Event] | None = None) -> None:
        """`immediate` means that nobody will end it; `events` collects what is recorded once it is committed."""
        self.immediate = immediate
        self.events: list[Event] = []
        self.ended = asyncio.Event()
        self._committed_events = events
        self._callbacks: list[Callable[[], None]] = []
        self._undo: list[Callable[[], None]] = []
        self._endings: list[Callable[[], None]] = []

    @property
    def connection(self) -> "Connection":
        """There is none."""
        self._refuse()

    async def fetch(self, _sql: str, *_arguments: Any) -> "list[Row]":
        """Raise: there is no database."""
        self._refuse()

    async def fetchrow(self, _sql: str, *_arguments: Any) -> "Row | None":
        """Raise: there is no database."""
        self._refuse()

    async def fetchval(self, _sql: str, *_arguments: Any) -> Any:
        """Raise: there is no database."""
        self._refuse()

    async def execute(self, _sql: str, *_arguments: Any) -> str:
        """Raise: there is no database."""
        self._refuse()

    async def record(self, event: Event, *, soon: bool = True) -> None:  # noqa: ARG002 - nothing is published
        """Collect an event."""
        self.events.append(event)

    def on_rollback(self, undo: Callable[[], None]) -> None:
        """Say how to take back something this transaction did to an in-memory store."""
        self._undo.append(undo)

    def on_end(self, callback: Callable[[], None]) -> None:
        """Call back when the transaction ends, either way; used to give locks back."""
        self._endings.append(callback)

    def commit(self) -> None:
        """End the transaction: what it did holds."""
        if self._committed_events is not None:
            self._committed_events.extend(self.events)
        self._end()
        self.committed()

    def rollback(self) -> None:
        """End the transaction: nothing of it has happened."""
        for undo in reversed(self._undo):
            undo()
        self.events.clear()
        self._end()

    def _end(self) -> None:
        for callback in self._endings:
            callback()
        self.ended.set()

    @staticmethod
    def _refuse() -> NoReturn:
        raise TypeError("an in-memory transaction runs no SQL: give the use case a fake of its store")


class InMemoryDatabase:
    """Hands out transactions and keeps the events of those that were committed, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[InMemoryTransaction]:
        """Open a transaction: commits at the end of the block, rolls back on an exception."""
        transaction = InMemoryTransaction(immediate=False, events=self.events)
        try:
            yield transaction
        except BaseException:
            transaction.rollback()
            raise
        transaction.commit()
