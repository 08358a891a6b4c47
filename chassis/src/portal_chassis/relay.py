"""Publishes the outbox to JetStream, in order, one instance of a service at a time.

A row is found by not being published, never by "after the last id": transactions commit in another order than they draw
their ids, and whoever remembers a position skips the late ones. Published rows stay seven days; when the stream turns
out to have been created anew, they are published again and the consumers' inboxes absorb what they know.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NoStreamResponseError, NotFoundError

from portal_chassis import bus_metrics
from portal_chassis.logs import get_logger
from portal_chassis.outbox import Outbox
from portal_chassis.postgres import Database, StoreUnavailable, Transaction
from portal_chassis.telemetry import PRODUCER, adopt, current_traceparent, span

if TYPE_CHECKING:
    from asyncpg import Record

KEPT: Final = timedelta(days=7)
"""How long a published event can be published again."""

_ONE_AT_A_TIME: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('portal_outbox_relay', 0))"
_NEXT: Final = """
SELECT id, message_id, subject, body, traceparent, extract(epoch FROM clock_timestamp() - recorded_at)::float8 AS age
FROM portal_outbox WHERE published_at IS NULL ORDER BY id LIMIT $1
"""
_MARK: Final = "UPDATE portal_outbox SET published_at = clock_timestamp() WHERE id = ANY($1::bigint[])"
_PRUNE: Final = """
DELETE FROM portal_outbox WHERE published_at IS NOT NULL AND published_at < clock_timestamp() - $1::interval
"""
_STREAM_SEEN: Final = "SELECT created_at FROM portal_outbox_stream WHERE stream = $1"
_REMEMBER_STREAM: Final = """
INSERT INTO portal_outbox_stream (stream, created_at) VALUES ($1, $2)
ON CONFLICT (stream) DO UPDATE SET created_at = excluded.created_at
"""
_REPUBLISH: Final = """
UPDATE portal_outbox SET published_at = NULL
WHERE published_at IS NOT NULL AND recorded_at > clock_timestamp() - $1::interval
"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RelayPace:
    """How eagerly the relay works; times in seconds."""

    batch: int = 256
    poll: float = 1.0
    pause_after_failure: float = 1.0
    look_at_stream_every: float = 10.0
    acknowledged_within: float = 5.0
    prune_every: float = 3600.0


class Relay:
    """One service's way from its outbox table to its stream."""

    def __init__(self, database: Database, outbox: Outbox, stream: str, pace: RelayPace | None = None) -> None:
        self._database = database
        self._stream = stream
        self._pace = pace or RelayPace()
        self._wake = asyncio.Event()
        self._stream_due = True
        self._last_look = 0.0
        self._last_prune = float("-inf")
        self._connection: Client | None = None
        self._jetstream: JetStreamContext | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._failing = False
        outbox.listen(self._wake.set)

    def open(self, connection: Client) -> None:
        """Start publishing in the background."""
        self._connection = connection
        self._jetstream = connection.jetstream(timeout=self._pace.acknowledged_within)
        self._task = asyncio.create_task(self._run(), name="portal-outbox-relay")

    def reconnected(self) -> None:
        """Look at the stream again: the server that is back may have lost it."""
        self._stream_due = True
        self._wake.set()

    async def close(self, within: float) -> None:
        """Publish what is committed, for at most that many seconds, and stop."""
        self._stop.set()
        self._wake.set()
        if self._task is None:
            return
        _, late = await asyncio.wait({self._task}, timeout=within)
        for task in late:
            task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def prune(self) -> None:
        """Forget what was published more than seven days ago."""
        await self._database.execute(_PRUNE, KEPT)

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            self._wake.clear()
            full = await self._turn(clock())
            if self._stop.is_set():
                return
            if self._failing:
                await _wait(self._stop, self._pace.pause_after_failure)
            elif not full:
                await _wait(self._wake, self._pace.poll)

    async def _turn(self, now: float) -> bool:
        """Do one round and say whether there is probably more to publish."""
        if not self._connected():  # publishing now would only fill the client's buffer
            return False
        try:
            if self._stream_due or now - self._last_look > self._pace.look_at_stream_every:
                await self._look_at_stream()
                self._stream_due, self._last_look = False, now
            published = await self._publish_batch()
            if now - self._last_prune > self._pace.prune_every:
                await self.prune()
                self._last_prune = now
        except (StoreUnavailable, NatsError, TimeoutError) as error:
            self._report(error)
            return False
        except Exception:
            log.exception("the outbox relay failed")
            self._failing = True
            return False
        self._failing = False
        return published == self._pace.batch

    def _report(self, error: Exception) -> None:
        """Say once that publishing does not work; the rows wait."""
        if isinstance(error, NotFoundError | NoStreamResponseError):
            self._stream_due = True
        if not self._failing:
            log.warning(
                "the outbox waits: publishing does not work",
                stream=self._stream,
                error=f"{type(error).__name__}: {error}",
            )
        self._failing = True

    async def _publish_batch(self) -> int:
        async with self._database.transaction() as transaction:
            if not await transaction.fetchval(_ONE_AT_A_TIME):
                return 0
            rows = await transaction.fetch(_NEXT, self._pace.batch)
            bus_metrics.OUTBOX_OLDEST.set(rows[0]["age"] if rows else 0)
            if not rows:
                return 0
            failure = await self._publish(transaction, rows)
        if failure is not None:
            raise failure
        return len(rows)

    async def _publish(self, transaction: Transaction, rows: "Sequence[Record]") -> BaseException | None:
        """Publish all rows at once, mark those the stream has acknowledged, and give the first failure."""
        results = await asyncio.gather(*(self._publish_one(row) for row in rows), return_exceptions=True)
        done = [row["id"] for row, result in zip(rows, results, strict=True) if result is None]
        if done:
            await transaction.execute(_MARK, done)
            bus_metrics.OUTBOX_PUBLISHED.inc(len(done))
        return next((result for result in results if result is not None), None)

    async def _publish_one(self, row: Any) -> None:
        """Publish one row; runs in a task of its own, so the trace of its cause can be continued for good."""
        subject, traceparent = row["subject"], row["traceparent"]
        headers = {"Nats-Msg-Id": str(row["message_id"])}
        if traceparent is None:
            await self._send(subject, row["body"], headers)
            return
        adopt(traceparent)
        with span(f"publish {subject}", PRODUCER):
            headers["traceparent"] = current_traceparent() or traceparent
            await self._send(subject, row["body"], headers)

    async def _send(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        await self._require_jetstream().publish(subject, body, stream=self._stream, headers=headers)

    async def _look_at_stream(self) -> None:
        """Notice a stream that was created anew and queue the last seven days for it."""
        info = await self._require_jetstream().stream_info(self._stream)
        created = str(info.created)
        async with self._database.transaction() as transaction:
            seen = await transaction.fetchval(_STREAM_SEEN, self._stream)
            if seen == created:
                return
            await transaction.execute(_REMEMBER_STREAM, self._stream, created)
            if seen is not None:
                tag = await transaction.execute(_REPUBLISH, KEPT)
                log.warning(
                    "the stream was created anew, so the outbox is published again",
                    stream=self._stream,
                    republished=tag.rpartition(" ")[2],
                )

    def _connected(self) -> bool:
        return self._connection is not None and self._connection.is_connected

    def _require_jetstream(self) -> JetStreamContext:
        if self._jetstream is None:
            raise RuntimeError("the relay is not open")
        return self._jetstream


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most that many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
