"""One SQLite file for all stand-ins, so that an effect and its ledger row commit together."""

import asyncio
import hashlib
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_LOOKING_AT: ContextVar[sqlite3.Connection | None] = ContextVar("looking_at", default=None)
_TABLE = re.compile(r"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", re.IGNORECASE)


class Store:
    """The sandbox's only state: one SQLite connection in WAL mode, or `:memory:` for a sandbox that forgets.

    Transactions are synchronous: no `await` may happen inside one, because every coroutine shares the connection.
    A second task that finds a transaction open is a mistake in the sandbox and raises RuntimeError.
    """

    def __init__(self, path: Path | str) -> None:
        self._connection = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        # A power cut may lose the last writes of a stand-in; a killed process loses nothing.
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS store_migration (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL)"
        )
        self._connection.execute("CREATE TABLE IF NOT EXISTS store_seeded (yes INTEGER PRIMARY KEY)")
        self._lock = threading.RLock()
        self._depth = 0
        self._owner: object | None = None
        self._reseeds: list[Callable[[], None]] = []
        self._after_commit: list[Callable[[], None]] = []

    def migrate(self, name: str, statements: str) -> None:
        """Creates a vendor's tables. Statements that changed since the file was made: these tables are made anew."""
        fingerprint = hashlib.sha256(statements.encode()).hexdigest()
        with self._lock:
            known = self._connection.execute(
                "SELECT fingerprint FROM store_migration WHERE name = ?", (name,)
            ).fetchone()
            if known is not None and known["fingerprint"] != fingerprint:
                for table in _TABLE.findall(statements):
                    self._connection.execute(f'DROP TABLE IF EXISTS "{table}"')
                self._connection.execute("DELETE FROM store_seeded")
            self._connection.executescript(statements)
            self._connection.execute("INSERT OR REPLACE INTO store_migration VALUES (?, ?)", (name, fingerprint))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction; an inner one joins the outer one; any exception rolls everything back."""
        with self._lock:
            owner = _current_task()
            if self._depth and owner is not self._owner:
                raise RuntimeError("a sandbox transaction was left open across an await")
            outermost = self._depth == 0
            connection = _LOOKING_AT.get() or self._connection
            if outermost:
                self._owner = owner
                connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield connection
            except BaseException:
                self._depth -= 1
                if outermost:
                    self._after_commit.clear()
                    connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if not outermost:
                return
            connection.execute("COMMIT")
            callbacks, self._after_commit = self._after_commit, []
        for callback in callbacks:
            callback()

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Calls back once the open transaction committed (never when it rolled back); at once when none is open."""
        if self._depth:
            self._after_commit.append(callback)
        else:
            callback()

    def changes(self) -> int:
        """Grows with every row written: equal numbers mean equal state."""
        return self._connection.total_changes

    def picture(self) -> sqlite3.Connection:
        """A copy of the present state, apart from the store; about a millisecond."""
        return _copy(self._connection)

    @contextmanager
    def looking_at(self, picture: sqlite3.Connection, live_tables: Iterable[str]) -> Iterator[None]:
        """Lets the running task see an earlier state; what it writes meanwhile is lost. `live_tables` stay as now."""
        seen = _copy(picture)
        for table in live_tables:
            seen.execute(f'DELETE FROM "{table}"')  # noqa: S608 - the vendors' own table names
            for row in self._connection.execute(f'SELECT * FROM "{table}"').fetchall():  # noqa: S608 - the same
                seen.execute(f'INSERT INTO "{table}" VALUES ({",".join("?" * len(row))})', tuple(row))  # noqa: S608 - the same
        token = _LOOKING_AT.set(seen)
        try:
            yield
        finally:
            _LOOKING_AT.reset(token)
            seen.close()

    def on_reset(self, reseed: Callable[[], None]) -> None:
        """Registers what fills a vendor's tables again; called in the order of registration, in one transaction."""
        self._reseeds.append(reseed)

    def seed_if_new(self) -> None:
        """Fills a file that was never seeded; keeps the state of a restarted sandbox."""
        if self._connection.execute("SELECT 1 FROM store_seeded").fetchone() is None:
            self.reset()

    def reset(self) -> None:
        """Empties every table and seeds it again: all or nothing."""
        with self.transaction() as db:
            tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                if not table.startswith("store_migration"):
                    db.execute(f'DELETE FROM "{table}"')  # noqa: S608 - the name comes from the database's own catalogue
            for reseed in self._reseeds:
                reseed()
            db.execute("INSERT INTO store_seeded VALUES (1)")

    def close(self) -> None:
        """Closes the file; the store cannot be used afterwards."""
        self._connection.close()


def _copy(connection: sqlite3.Connection) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    copy.row_factory = sqlite3.Row
    connection.backup(copy)
    return copy


def _current_task() -> object | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
