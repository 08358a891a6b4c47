"""Whole services with their own keys: the least permissions suffice for all the bus does, and a denial is heard."""

import asyncio
import sys
from dataclasses import replace
from typing import ClassVar

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_bus_admin import create_keys
from portal_bus_admin.provisioning import apply
from portal_chassis.actor import ActorVerifier, sign_actor
from portal_chassis.bus import Bus, BusAddress, BusPace
from portal_chassis.durable_pull import PullPace
from portal_chassis.metrics import rendered
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_chassis.relay import RelayPace
from portal_chassis.testing import operator_actor
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.message import Event, Message, ServiceCommand, ServiceQuery
from portal_contracts.problems import TryLater
from portal_contracts.topology import ServiceTopology


class Amount(Message):
    yen: int


class ReadPrice(ServiceQuery[Amount]):
    subject: ClassVar[str] = "till.price.read.v1"
    thing: str


class RefundAll(ServiceCommand[Amount]):
    subject: ClassVar[str] = "till.refund.all.v1"
    key: ClassVar[str] = "thing"
    thing: str


class Paid(Event):
    subject: ClassVar[str] = "till.thing.paid.v1"
    yen: int


TILL = ServiceTopology("till", serves=(ReadPrice, RefundAll), records=(Paid,))
BOOK = ServiceTopology("book", asks=(ReadPrice,), consumes=(Paid,))
SHELF = ServiceTopology("shelf", asks=(ReadPrice,), watches=(Paid,), database=False)
SERVICES = {service.name: service for service in (TILL, BOOK, SHELF)}
PACE = BusPace(
    pull=PullPace(batch=16, expires=5, heartbeat=0.5, look_again=0.1),
    relay=RelayPace(poll=0.1, look_at_stream_every=0.3),
)


async def until(condition):
    async with asyncio.timeout(10):
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def databases(postgres_server):
    opened = {}
    for name in ("till", "book"):
        postgres_server.start()
        database = Database(postgres_server.create_database(f"permissions_{name}"))
        await migrate(database, "portal_chassis")
        await database.connect()
        opened[name] = database
    yield opened
    for name, database in opened.items():
        await database.close()
        postgres_server.drop_database(f"permissions_{name}")


async def test_the_least_permissions_suffice_for_everything_the_bus_does(  # noqa: C901 - one scene with four services
    guarded_nats, identity, keys_folder, databases
):
    server = guarded_nats(SERVICES)
    admin = await identity(server.url, "bus-admin")
    await apply(admin.client.jetstream(), SERVICES)

    key = Ed25519PrivateKey.generate()
    verifier = ActorVerifier({"test": key.public_key()})
    signed_in = sign_actor(key, "test", operator_actor())

    def bus_of(name):
        address = BusAddress(server.url, keys_folder / f"{name}.seed")
        return Bus(name, address, database=databases.get(name), verifier=verifier, topology=SERVICES[name], pace=PACE)

    letters = dead_letter_messages("book")
    operator = Bus(
        "operator",
        BusAddress(server.url, keys_folder / "operator.seed"),
        topology=ServiceTopology("operator", asks=letters, database=False),
    )
    till, book, shelf = (bus_of(name) for name in SERVICES)
    for bus in (till, book, shelf, operator):
        await bus.connect()
    taken, seen = [], []

    @till.answers(ReadPrice)
    async def price(message, call):
        return Amount(yen=100)

    @till.answers(RefundAll)
    async def refund(message, call):
        return Amount(yen=0)

    @book.consumes(Paid)
    async def paid(event, delivery):
        if event.yen == 13:
            raise ValueError("unlucky")
        taken.append(event.yen)

    @shelf.watches(Paid)
    async def hint(event):
        seen.append(event.yen)

    for bus in (till, book, shelf, operator):
        await bus.start()
    await until(book.consumers_ready)
    assert (await book.ask(ReadPrice(thing="a"))).yen == 100
    async with databases["till"].transaction() as transaction:
        for yen in (1, 13, 2):
            await transaction.record(Paid(yen=yen))
    await until(lambda: sorted(set(taken)) == [1, 2] and sorted(seen) == [1, 2, 13])

    async def one_letter():
        return (await operator.ask(letters.list(), actor=signed_in)).total == 1

    await until(one_letter)
    info = await admin.client.jetstream().consumer_info("PORTAL_TILL", "book-till-thing-paid-v1")
    assert info.num_ack_pending == 0
    assert [bus.violations for bus in (till, book, shelf, operator)] == [0, 0, 0, 0]
    for bus in (operator, shelf, book, till):
        await bus.stop(within=1)


async def test_a_denied_call_looks_like_a_timeout_and_is_logged_as_an_error_and_counted(
    guarded_nats, keys_folder, databases
):
    """libraries.md §2 (f): only the error callback tells."""
    server = guarded_nats(SERVICES)
    mistaken = replace(SHELF, asks=(ReadPrice, RefundAll), watches=())
    bus = Bus("shelf", BusAddress(server.url, keys_folder / "shelf.seed"), topology=mistaken)
    await bus.connect()
    await bus.start()
    with structlog.testing.capture_logs() as lines, pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await bus.ask(RefundAll(thing="everything"), timeout=0.3)
    errors = [line for line in lines if line["log_level"] == "error"]
    assert [error["event"] for error in errors] == ["the bus denied a call of ours: see the topology and the bus admin"]
    assert "till.refund.all.v1" in errors[0]["reason"]
    assert bus.violations == 1
    assert b"portal_bus_permission_violations_total" in rendered()
    await bus.stop(within=1)


_CONNECT = """
import asyncio, sys
from pathlib import Path
from portal_chassis.actor import ActorVerifier, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_contracts.topology import ServiceTopology
bus = Bus("shelf", BusAddress(sys.argv[1], Path(sys.argv[2])), topology=ServiceTopology("shelf", database=False))
asyncio.run(bus.connect())
"""


async def test_a_service_with_an_unknown_key_ends_its_start_with_the_reason(guarded_nats, tmp_path):
    server = guarded_nats(SERVICES)
    create_keys(tmp_path / "strangers", ["shelf"])
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _CONNECT,
        server.url,
        str(tmp_path / "strangers" / "shelf.seed"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"authorization violation" in said.lower()
