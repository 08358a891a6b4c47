"""Postgres: one pool per process, transactions that carry the outbox, and one word for "the server is away".

Plain asyncpg (reference/libraries.md §7). The pool's reset query after each use is left out, because nothing here
changes a session: it would cost one more round trip per statement. Who needs session state takes `Database.session()`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from portal_chassis.logs import get_logger
from portal_contracts.message import Event
from portal_contracts.problems import TryLater

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Row = asyncpg.Record

ACQUIRE_SECONDS: Final = 5.0
"""How long a caller waits for a connection before the store counts as unavailable."""
CONNECT_SECONDS: Final = 5.0
COMMAND_SECONDS: Final = 30.0
"""Longest statement; a longer one is cancelled and raises TimeoutError."""

_log = get_logger(__name__)

_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InternalClientError,  # a connection that was cut in the middle of its protocol; the next one is fresh
)


class StoreUnavailable(TryLater):
    """The database server cannot be reached. Whether a COMMIT that was under way took effect is unknown."""

    def __init__(self) -> None:
        super().__init__("DATABASE_UNAVAILABLE")


class RolledBack(Exception):  # noqa: N818 - it says what happened
    """COMMIT rolled back: a statement had failed before, and somebody swallowed its error."""


@contextmanager
def _translated(*, connecting: bool = False) -> Iterator[None]:
    """Raise StoreUnavailable for everything that means "the server is away" and let all else through."""
    try:
        yield
    except _AWAY as error:
        raise StoreUnavailable from error
    except asyncpg.InterfaceError as error:
        if "clos" in str(error) or connecting:  # "connection is closed", "pool is closing"
            raise StoreUnavailable from error
        raise
    except OSError as error:
        if isinstance(error, TimeoutError) and not connecting:
            raise  # a statement took longer than COMMAND_SECONDS: the server is there
        raise StoreUnavailable from error


Recorder = Callable[["Transaction", Event, bool], Awaitable[None]]
"""Writes an event into the outbox inside the given transaction; whether it is to be published soon."""


class Transaction:
    """An open database transaction: what is recorded and written in it happens together or not at all."""

    def __init__(self, connection: "Connection", recorder: Recorder | None = None) -> None:
        self._connection = connection
        self._recorder = recorder
        self._callbacks: list[Callable[[], None]] = []

    @property
    def connection(self) -> "Connection":
        """The connection, for statements that the short forms do not cover."""
        return self._connection

    async def fetch(self, sql: str, *arguments: Any) -> "list[Row]":
        """Give all rows."""
        with _translated():
            return await self._connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> "Row | None":
        """Give the first row."""
        with _translated():
            return await self._connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        """Give the first column of the first row; None when there is no row."""
        with _translated():
            return await self._connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        """Run a statement and give its command tag, such as `UPDATE 1`."""
        with _translated():
            return await self._connection.execute(sql, *arguments)

    async def executemany(self, sql: str, arguments: Sequence[Sequence[Any]]) -> None:
        """Run a statement once per row of arguments, in one round trip."""
        with _translated():
            await self._connection.executemany(sql, arguments)

    async def record(self, event: Event, *, soon: bool = True) -> None:
        """Write an event into the outbox; it is published after this transaction commits, at least once.

        Otherwise than `soon` it waits until the relay looks by itself, within a second: what it sets going does not run
        beside the answer, which could then be timed.
        """
        if self._recorder is None:
            raise RuntimeError("this database has no outbox, so nothing can be recorded in it")
        await self._recorder(self, event, soon)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once the transaction is committed; never when it is rolled back."""
        self._callbacks.append(callback)

    def committed(self) -> None:
        """Run the callbacks. A failing one is logged: what was committed stays so."""
        for callback in self._callbacks:
            try:
                callback()
            except Exception:  # noqa: BLE001 - the reason stands above
                _log.exception("a callback after a commit failed")


class Database:
    """A service's own database. Built by the chassis before `wire` runs; nobody else's is ever read."""

    def __init__(self, url: str, *, name: str = "portal", connections: int = 10) -> None:
        """Take `url` as a libpq URL; `name` is what the server's activity view shows."""
        self._url = url
        self._settings = {"application_name": name, "timezone": "UTC", "jit": "off"}
        self._connections = connections
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._recorder: Recorder | None = None

    def record_with(self, recorder: Recorder) -> None:
        """Give the outbox that `Transaction.record` writes to."""
        self._recorder = recorder

    async def connect(self) -> None:
        """Open the pool; raises StoreUnavailable when the server cannot be reached."""
        with _translated(connecting=True):
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=0,
                init_size=1,
                max_size=self._connections,
                timeout=CONNECT_SECONDS,
                command_timeout=COMMAND_SECONDS,
                server_settings=self._settings,
                reset=_leave_no_transaction,
            )

    async def close(self) -> None:
        """Close the pool, waiting two seconds at most for those who still use it."""
        if self._pool is not None:
            try:
                async with asyncio.timeout(2):
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()

    @asynccontextmanager
    async def _acquired(self) -> "AsyncIterator[Connection]":
        if self._pool is None:
            raise RuntimeError("the database is not connected yet")
        with _translated(connecting=True):
            connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction (READ COMMITTED): commits at the end of the block, rolls back on an exception."""
        async with self._acquired() as connection:
            with _translated():
                await connection.execute("BEGIN")
            transaction = Transaction(connection, self._recorder)
            try:
                yield transaction
            except BaseException as error:
                await _roll_back(connection)
                if isinstance(error, _AWAY):
                    raise StoreUnavailable from error
                raise
            with _translated():
                ended = await connection.execute("COMMIT")
            if ended != "COMMIT":
                raise RolledBack
        transaction.committed()

    @asynccontextmanager
    async def session(self) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        """Open a connection outside the pool, for session state such as an advisory lock held for long."""
        with _translated(connecting=True):
            connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS, server_settings=self._settings)
        try:
            yield connection
        finally:
            try:
                await connection.close(timeout=2)
            except (OSError, asyncpg.InterfaceError, *_AWAY):
                connection.terminate()

    async def fetch(self, sql: str, *arguments: Any) -> "list[Row]":
        """Give all rows of a statement that is its own transaction."""
        async with self._acquired() as connection:
            with _translated():
                return await connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> "Row | None":
        """Give the first row of a statement that is its own transaction."""
        async with self._acquired() as connection:
            with _translated():
                return await connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        """Give the first column of the first row of a statement that is its own transaction."""
        async with self._acquired() as connection:
            with _translated():
                return await connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        """Run a statement that is its own transaction and give its command tag."""
        async with self._acquired() as connection:
            with _translated():
                return await connection.execute(sql, *arguments)

    async def answers(self) -> bool:
        """Whether the server answers a trivial question within two seconds; used by readiness."""
        try:
            async with asyncio.timeout(2):
                return bool(await self.fetchval("SELECT true"))
        except (StoreUnavailable, TimeoutError):
            return False


async def _leave_no_transaction(connection: "Connection") -> None:
    """Clean a connection up only when its user was cancelled in the middle of something."""
    if connection.is_in_transaction():
        await connection.reset(timeout=2)


async def _roll_back(connection: "Connection") -> None:
    """Roll back; a server that is away has rolled back by itself, and the first error is the one to tell."""
    try:
        await connection.execute("ROLLBACK")
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError):
        _log.debug("a rollback found no server")
