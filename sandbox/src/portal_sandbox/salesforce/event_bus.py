"""The org-wide event bus: positions with gaps, opaque replay ids, retention on the business clock."""

import asyncio
import os
import secrets
import sqlite3
import time
from dataclasses import dataclass
from datetime import timedelta

from portal_sandbox.core import Core
from portal_sandbox.salesforce.switches import SalesforceSwitches

TABLES = """
CREATE TABLE IF NOT EXISTS salesforce_event (
    position INTEGER PRIMARY KEY, kind TEXT NOT NULL, entity TEXT NOT NULL, event_id TEXT NOT NULL,
    schema_id TEXT NOT NULL, payload BLOB NOT NULL, at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS salesforce_event_topic ON salesforce_event (kind, entity, position);
CREATE TABLE IF NOT EXISTS salesforce_mark (position INTEGER PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS salesforce_avro (schema_id TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
RETENTION = timedelta(hours=72)
LARGEST_GAP = 16
GENERATION_OFFSET = 0x1_0000_0000
REPLAY_BYTES = 8
MARK_EVERY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Topic:
    """A channel: all change events, one object's, or a platform event's."""

    kind: str
    entity: str | None


@dataclass(frozen=True, slots=True)
class BusEvent:
    """A stored event."""

    position: int
    event_id: str
    schema_id: str
    payload: bytes


class EventBus:
    """Appends in the caller's transaction; wakes streams after the commit."""

    def __init__(self, core: Core, switches: SalesforceSwitches) -> None:
        self._store = core.store
        self._clock = core.clock
        self._switches = switches
        self._waiters: set[asyncio.Future[None]] = set()
        core.store.migrate("salesforce events", TABLES)
        core.switches.on_change(self.wake)
        core.clock.on_move(self.wake)

    def append(
        self,
        db: sqlite3.Connection,
        *,
        kind: str,
        entity: str,
        event_id: str,
        schema: tuple[str, str],
        payload: bytes,
        age: timedelta = timedelta(0),
    ) -> int:
        """Publishes an event when the transaction commits; answers its position. `age` dates it back."""
        position = self._last_position(db) + 1 + secrets.randbelow(LARGEST_GAP)
        noise = self._switches.is_on("undecodableEvents")
        db.execute("INSERT OR IGNORE INTO salesforce_avro VALUES (?, ?)", schema)
        sent = b"\xff" + os.urandom(12) if noise else payload
        at = self._now() - age.total_seconds()
        db.execute(
            "INSERT INTO salesforce_event VALUES (?, ?, ?, ?, ?, ?, ?)",
            (position, kind, entity, event_id, schema[0], sent, at),
        )
        self._store.after_commit(self.wake)
        return position

    def latest_position(self) -> int:
        """The newest position: where a subscription from now on starts."""
        with self._store.transaction() as db:
            return self._last_position(db)

    def find_schema(self, schema_id: str) -> str | None:
        """The schema JSON of an id that was ever announced."""
        with self._store.transaction() as db:
            row = db.execute("SELECT body FROM salesforce_avro WHERE schema_id = ?", (schema_id,)).fetchone()
        return None if row is None else str(row["body"])

    def announce_schema(self, schema: tuple[str, str]) -> str:
        """Makes a schema fetchable before its first event; answers its id."""
        with self._store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO salesforce_avro VALUES (?, ?)", schema)
        return schema[0]

    def after(self, topic: Topic, position: int, limit: int) -> list[BusEvent]:
        """Retained events of a topic strictly after a position, in bus order."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT position, event_id, schema_id, payload FROM salesforce_event WHERE kind = ?"
                " AND (? IS NULL OR entity = ?) AND position > ? AND at > ? ORDER BY position LIMIT ?",
                (topic.kind, topic.entity, topic.entity, position, self._oldest(), limit),
            ).fetchall()
        return [BusEvent(row["position"], row["event_id"], row["schema_id"], bytes(row["payload"])) for row in rows]

    def latest_mark(self) -> int:
        """The newest position, for clients that hear of no event.

        An idle org's bus moves on all the same, so that a waiting client's position does not grow old.
        """
        with self._store.transaction() as db:
            row = db.execute(
                "SELECT position, at FROM salesforce_event UNION ALL SELECT position, at FROM salesforce_mark"
                " ORDER BY position DESC LIMIT 1"
            ).fetchone()
            if row is not None and row["at"] > self._now() - MARK_EVERY_SECONDS:
                return int(row["position"])
            position = self._last_position(db) + 1
            db.execute("INSERT INTO salesforce_mark VALUES (?, ?)", (position, self._now()))
            db.execute("DELETE FROM salesforce_mark WHERE at < ?", (self._oldest(),))
        return position

    def encode(self, position: int) -> bytes:
        """The opaque replay id: eight bytes of position and two zero bytes."""
        shifted = position + int(self._switches.number("replayGeneration")) * GENERATION_OFFSET
        return shifted.to_bytes(REPLAY_BYTES, "big") + b"\x00\x00"

    def decode(self, replay_id: bytes) -> int | None:
        """The position behind a replay id; None when it was never handed out, is invalidated or too old."""
        if len(replay_id) not in (REPLAY_BYTES, REPLAY_BYTES + 2):
            return None
        shifted = int.from_bytes(replay_id[:REPLAY_BYTES], "big")
        position = shifted - int(self._switches.number("replayGeneration")) * GENERATION_OFFSET
        if not 0 < position < 1 << 62:
            return None
        with self._store.transaction() as db:
            row = db.execute(
                "SELECT 1 FROM salesforce_event WHERE position = ? AND at > ?"
                " UNION SELECT 1 FROM salesforce_mark WHERE position = ? AND at > ?",
                (position, self._oldest(), position, self._oldest()),
            ).fetchone()
        return position if row is not None else None

    async def wait(self, seconds: float) -> None:
        """Waits for a publication, a switch or a clock move, at most so long."""
        moved = asyncio.get_running_loop().create_future()
        self._waiters.add(moved)
        try:
            await asyncio.wait([moved], timeout=seconds)
        finally:
            self._waiters.discard(moved)

    def wake(self) -> None:
        """Lets every waiting stream look again."""
        for waiter in list(self._waiters):
            waiter.get_loop().call_soon_threadsafe(_resolve, waiter)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _oldest(self) -> float:
        return self._now() - RETENTION.total_seconds()

    def _last_position(self, db: sqlite3.Connection) -> int:
        row = db.execute(
            "SELECT MAX(position) AS last FROM (SELECT MAX(position) AS position FROM salesforce_event"
            " UNION ALL SELECT MAX(position) FROM salesforce_mark)"
        ).fetchone()
        # Microseconds of the machine clock: an emptied bus never hands out a position twice.
        return int(row["last"]) if row["last"] is not None else time.time_ns() // 1000


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
