"""Whether events are taken as fast as they are recorded: the outbox's way from commit to effect, saturated.

    python bench/outbox_drain.py [seconds]

Bounded: 16 writers for some seconds (5) on loopback, one relay, one consumer, Postgres with fsync. Prints transactions
and effects per second, their ratio (architecture §11 wants at least 0.85), and the time from commit to effect.
"""

import asyncio
import secrets
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median, quantiles
from time import monotonic, time
from typing import ClassVar, Final

import nats
import uvloop

from portal_bus_admin.provisioning import apply
from portal_chassis.bus import Bus, BusAddress, Delivery
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_contracts.message import Event
from portal_contracts.topology import ServiceTopology
from portal_local.servers import NatsServer, PostgresServer

WRITERS: Final = 16
TEXT: Final = "x" * 400


class Written(Event):
    """What a writer records, with the time it did."""

    subject: ClassVar[str] = "writer.thing.written.v1"
    at: float
    text: str = TEXT


SERVICES: Final = {
    "writer": ServiceTopology("writer", records=(Written,)),
    "reader": ServiceTopology("reader", consumes=(Written,)),
}


async def opened(url: str) -> Database:
    """Open a database with the chassis's tables and one for effects."""
    database = Database(url, connections=20)
    await migrate(database, "portal_chassis")
    await database.connect()
    await database.execute("CREATE TABLE IF NOT EXISTS thing (at float8, taken float8, text text)")
    return database


async def read(nats_url: str, database_url: str) -> None:
    """Be the consumer process until standard input ends."""
    database = await opened(database_url)
    bus = Bus("reader", BusAddress(nats_url), database=database, topology=SERVICES["reader"])
    await bus.connect()

    @bus.consumes(Written)
    async def written(event: Written, delivery: Delivery) -> None:
        await delivery.transaction.execute("INSERT INTO thing VALUES ($1, $2, $3)", event.at, time(), event.text)

    await bus.start()
    while not await bus.consumers_ready():  # noqa: ASYNC110 - a readiness check, asked as the probe does
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await bus.stop()
    await database.close()


async def write(database: Database, until: float) -> int:
    """Be one writer; give how many transactions it committed."""
    written = 0
    while monotonic() < until:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO thing VALUES ($1, 0, $2)", time(), TEXT)
            await transaction.record(Written(at=time()))
        written += 1
    return written


async def run(nats_url: str, writer_url: str, reader_url: str, seconds: float) -> None:
    """Measure."""
    client = await nats.connect(nats_url)
    await apply(client.jetstream(), SERVICES)
    await client.close()
    effects = await opened(reader_url)
    reader = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        "--read",
        nats_url,
        reader_url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if reader.stdout is None or reader.stdin is None:
        raise RuntimeError("no pipes")
    while await reader.stdout.readline() != b"ready\n":
        pass
    database = await opened(writer_url)
    bus = Bus("writer", BusAddress(nats_url), database=database, topology=SERVICES["writer"])
    await bus.connect()
    await bus.start()
    started = monotonic()
    counts = await asyncio.gather(*(write(database, started + seconds) for _ in range(WRITERS)))
    took = monotonic() - started
    written = sum(counts)
    drained = await effects.fetchval("SELECT count(*) FROM thing")
    for _ in range(600):
        if await effects.fetchval("SELECT count(*) FROM thing") >= written:
            break
        await asyncio.sleep(0.05)
    delays = sorted(row["delay"] for row in await effects.fetch("SELECT (taken - at) * 1000 AS delay FROM thing"))
    found = len(delays)
    reader.stdin.close()
    await bus.stop()
    await reader.wait()
    async with AsyncExitStack() as stack:
        for one in (database, effects):
            stack.push_async_callback(one.close)
    print(f"written {written / took:8.0f} /s   drained {drained / took:8.0f} /s   ratio {drained / written:.2f}")
    print(f"commit to effect: p50 {median(delays):.0f} ms   p99 {quantiles(delays, n=100)[98]:.0f} ms")
    print(f"effects in the end: {found} of {written}")


def main(seconds: float) -> None:
    """Start the servers and measure."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        nats_server = NatsServer(Path(folder) / "nats")
        postgres = PostgresServer(
            Path(folder) / "postgres", password=secrets.token_urlsafe(16), may_open=(Path(folder),)
        )
        nats_server.start()
        postgres.start()
        try:
            urls = [postgres.create_database(name) for name in ("writer", "reader")]
            uvloop.run(run(nats_server.url, urls[0], urls[1], seconds))
        finally:
            nats_server.kill()
            postgres.wipe()


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--read":
        uvloop.run(read(sys.argv[2], sys.argv[3]))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
