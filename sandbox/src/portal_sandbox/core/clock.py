import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from portal_sandbox.core.store import Store

_TABLES = """
CREATE TABLE IF NOT EXISTS core_clock (
    only INTEGER PRIMARY KEY CHECK (only = 1), offset_seconds INTEGER NOT NULL, version INTEGER NOT NULL
);
"""


class Clock:
    """The business time of all stand-ins: real time plus an offset that only a reset takes back (architecture §5)."""

    def __init__(self, store: Store, real_now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._store = store
        self._real_now = real_now
        store.migrate("clock", _TABLES)
        with store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO core_clock VALUES (1, 0, 0)")
            row = db.execute("SELECT offset_seconds, version FROM core_clock").fetchone()
        self._offset: int = row["offset_seconds"]
        self._version: int = row["version"]
        self._waiters: set[asyncio.Future[None]] = set()
        self._callbacks: list[Callable[[], None]] = []
        store.on_reset(self._start_again)

    def now(self) -> datetime:
        """Business time, aware, UTC."""
        return self._real_now() + timedelta(seconds=self._offset)

    def offset_seconds(self) -> int:
        """How far business time is ahead of real time."""
        return self._offset

    def version(self) -> int:
        """Grows with every move; a watcher that knows the version knows whether it missed a move."""
        return self._version

    def advance(self, seconds: int) -> None:
        """Moves forward. ValueError for zero or less: time that ran backwards would undo promises already kept."""
        if seconds <= 0:
            raise ValueError("the sandbox clock only moves forward")
        with self._store.transaction():
            self._set(self._offset + seconds)

    async def wait_for_move(self, version: int, timeout: float) -> int:  # noqa: ASYNC109 - a long poll's own limit
        """Waits until the version differs from the given one, at most `timeout` seconds; returns the version."""
        if self._version == version:
            moved = asyncio.get_running_loop().create_future()
            self._waiters.add(moved)
            try:
                await asyncio.wait([moved], timeout=timeout)
            finally:
                self._waiters.discard(moved)
        return self._version

    def release_waiters(self) -> None:
        """Ends all waits at once: the sandbox stops."""
        for waiter in list(self._waiters):
            waiter.get_loop().call_soon_threadsafe(_wake, waiter)

    def on_move(self, callback: Callable[[], None]) -> None:
        """Calls back after every committed move, also after a reset."""
        self._callbacks.append(callback)

    def _start_again(self) -> None:
        # At once, so that the vendors seed their rows with today's real date in the same transaction.
        self._offset = 0
        self._set(0)

    def _set(self, offset: int) -> None:
        version = self._version + 1
        with self._store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO core_clock VALUES (1, ?, ?)", (offset, version))
            self._store.after_commit(lambda: self._moved(offset, version))

    def _moved(self, offset: int, version: int) -> None:
        self._offset, self._version = offset, version
        self.release_waiters()
        for callback in self._callbacks:
            callback()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
