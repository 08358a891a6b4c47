"""Events on a real JetStream: inbox, dead letters, outages (architecture §4; libraries.md §1.5-1.9)."""

import asyncio
import contextlib
import json
import resource

import asyncpg
import pytest
from nats.js.errors import NotFoundError

from portal_contracts.problems import Misconfigured, TryLater


def storing(names, *, before=None):
    """A consumer whose effect is a row."""

    def wire(bus):
        @bus.consumes(names.ThingSold)
        async def sold(event, delivery):
            if before is not None:
                await before(event, delivery)
            await delivery.transaction.execute("INSERT INTO effect VALUES ($1, $2)", event.number, delivery.message_id)

    return wire


async def numbers(database):
    return [row["number"] for row in await database.fetch("SELECT number FROM effect ORDER BY number")]


async def publish(client, names, number, message_id=None, body=None):
    headers = {"Nats-Msg-Id": message_id} if message_id else {}
    await client.jetstream().publish(
        names.ThingSold.subject, body or names.ThingSold(number=number).model_dump_json().encode(), headers=headers
    )


async def test_events_take_effect_once_each_and_are_acknowledged(
    running, names, database, provision, client, eventually
):
    await provision()
    desk = await running("desk", storing(names), database=database)
    for number in range(200):
        await publish(client, names, number, f"id-{number}")

    async def acknowledged():
        info = await client.jetstream().consumer_info("PORTAL_SHOP", "desk-shop-thing-sold-v1")
        return info.num_pending == 0 and info.num_ack_pending == 0

    await eventually(acknowledged)
    assert await numbers(database) == list(range(200))
    assert await desk.consumers_ready()


async def test_the_same_message_twenty_times_has_one_effect(running, names, database, provision, client, eventually):
    """The stream's own duplicate window is 2 minutes; here the ids arrive in two streams' lives."""
    await provision()
    await running("desk", storing(names), database=database)
    jetstream = client.jetstream()
    config = (await jetstream.stream_info("PORTAL_SHOP")).config
    await jetstream.update_stream(config.evolve(duplicate_window=0.1))
    for _ in range(20):
        await publish(client, names, 7, "the-same")
        await asyncio.sleep(0.12)
    await publish(client, names, 8, "another")
    await eventually(lambda: _has(database, 8))
    assert (await jetstream.stream_info("PORTAL_SHOP")).state.messages == 21
    assert await numbers(database) == [7, 8]


async def test_a_redelivery_after_a_lost_acknowledgement_has_no_second_effect(
    running, names, database, provision, client, eventually
):
    await provision()
    await database.execute("INSERT INTO portal_inbox (message_id, durable) VALUES ('seen', 'desk-shop-thing-sold-v1')")
    await running("desk", storing(names), database=database)
    await publish(client, names, 1, "seen")
    await publish(client, names, 2, "new")
    await eventually(lambda: _has(database, 2))
    assert await numbers(database) == [2]


async def test_a_poison_message_is_buried_with_its_raw_bytes_and_the_rest_goes_on(
    running, names, database, provision, client, eventually
):
    async def refuse_13(event, delivery):
        if event.number == 13:
            raise ValueError("thirteen is unlucky")

    await provision()
    for number in range(10, 20):
        await publish(client, names, number, f"id-{number}")
    await publish(client, names, 0, "id-raw", body=b"\xff\x00 no json")
    await running("desk", storing(names, before=refuse_13), database=database)
    await eventually(lambda: _count(database, "SELECT count(*) = 9 FROM effect"))
    await eventually(lambda: _count(database, "SELECT count(*) = 2 FROM portal_dead_letter"))
    rows = {row["message_id"]: row for row in await database.fetch("SELECT * FROM portal_dead_letter")}
    assert rows["id-13"]["body"] == b'{"number":13}'
    assert rows["id-13"]["problem"] == "ValueError: thirteen is unlucky"
    assert rows["id-13"]["subject"] == names.ThingSold.subject
    assert json.loads(rows["id-13"]["headers"])["Nats-Msg-Id"] == "id-13"
    assert rows["id-raw"]["body"] == b"\xff\x00 no json"
    assert rows["id-raw"]["problem"].startswith("ValidationError: ")
    info = await client.jetstream().consumer_info("PORTAL_SHOP", "desk-shop-thing-sold-v1")
    assert info.num_ack_pending == 0


async def test_a_database_that_is_away_loses_nothing(
    running, names, database, provision, client, eventually, postgres_server
):
    await provision()
    await running("desk", storing(names), database=database)
    await publish(client, names, 1, "before")
    await eventually(lambda: _has(database, 1))
    await asyncio.to_thread(postgres_server.stop)
    try:
        for number in range(2, 30):
            await publish(client, names, number, f"id-{number}")

        async def given_back():
            info = await client.jetstream().consumer_info("PORTAL_SHOP", "desk-shop-thing-sold-v1")
            return info.num_redelivered > 0

        await eventually(given_back)
    finally:
        postgres_server.start()
    await eventually(lambda: _count(database, "SELECT count(*) = 29 FROM effect"))
    assert await numbers(database) == list(range(1, 30))
    assert await database.fetchval("SELECT count(*) FROM portal_dead_letter") == 0


async def test_try_later_is_tried_again_and_never_buried(running, names, database, provision, client, eventually):
    tries = []

    async def later(event, delivery):
        tries.append(delivery.delivered)
        if len(tries) < 3:
            raise TryLater("IN_PROGRESS")

    await provision()
    await running("desk", storing(names, before=later), database=database)
    await publish(client, names, 1, "one")
    await eventually(lambda: _has(database, 1))
    assert tries == [1, 2, 3]
    assert await database.fetchval("SELECT count(*) FROM portal_dead_letter") == 0


async def test_misconfigured_stops_the_consumer_keeps_the_message_and_resumes_when_mended(
    running, names, database, provision, client, eventually
):
    mended = False

    async def misconfigured(event, delivery):
        if not mended:
            raise Misconfigured("WHMCS_MISCONFIGURED")

    await provision()
    desk = await running("desk", storing(names, before=misconfigured), database=database)
    await eventually(desk.consumers_ready)
    for number in range(5):
        await publish(client, names, number, f"id-{number}")
    await eventually(lambda: _not(desk.consumers_ready()))
    mended = True
    await eventually(lambda: _count(database, "SELECT count(*) = 5 FROM effect"))
    await eventually(desk.consumers_ready)
    assert await database.fetchval("SELECT count(*) FROM portal_dead_letter") == 0


async def test_a_missing_durable_turns_readiness_red_without_spinning_and_resumes_when_recreated(
    running, names, database, provision, client, eventually
):
    """libraries.md §1.5: FastStream's own loop spins at 70-80 % of a core and readiness stays green."""
    await provision()
    desk = await running("desk", storing(names), database=database)
    await eventually(desk.consumers_ready)
    await client.jetstream().delete_consumer("PORTAL_SHOP", "desk-shop-thing-sold-v1")
    await eventually(lambda: _not(desk.consumers_ready()))
    used = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.sleep(1.0)
    now = resource.getrusage(resource.RUSAGE_SELF)
    assert now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime < 0.3
    await publish(client, names, 1, "meanwhile")
    await provision()
    await eventually(desk.consumers_ready)
    await eventually(lambda: _has(database, 1))


async def test_a_service_starts_without_its_stream_and_begins_when_it_is_there(
    running, names, database, provision, client, eventually
):
    """libraries.md §1.17: FastStream raises out of start() with half of the subscribers running."""
    desk = await running("desk", storing(names), database=database)
    assert not await desk.consumers_ready()
    with pytest.raises(NotFoundError):
        await client.jetstream().stream_info("PORTAL_SHOP")
    await provision()
    await eventually(desk.consumers_ready)
    await publish(client, names, 1, "one")
    await eventually(lambda: _has(database, 1))


async def test_after_a_restart_of_nats_consuming_goes_on(
    running, names, database, provision, client, eventually, nats_server
):
    await provision()
    desk = await running("desk", storing(names), database=database)
    await publish(client, names, 1, "before")
    await eventually(lambda: _has(database, 1))
    await asyncio.to_thread(nats_server.kill)
    await eventually(lambda: _not(desk.consumers_ready()))
    nats_server.start()
    await eventually(desk.consumers_ready)
    await eventually(lambda: client.is_connected)
    await publish(client, names, 2, "after")
    await eventually(lambda: _has(database, 2))


async def test_two_instances_share_the_events_and_one_that_stops_gives_back_what_it_had_not_begun(
    running, names, database, provision, client, eventually
):
    begun = asyncio.Event()

    async def slow(event, delivery):
        begun.set()
        await asyncio.sleep(0.005)

    await provision()
    for number in range(300):
        await publish(client, names, number, f"id-{number}")
    first = await running("desk", storing(names, before=slow), database=database)
    await begun.wait()
    await running("desk", storing(names, before=slow), database=database)
    await first.stop(within=2)
    await eventually(lambda: _count(database, "SELECT count(*) = 300 FROM effect"), within=20)
    assert await numbers(database) == list(range(300))


async def test_a_handler_that_is_rolled_back_leaves_neither_effect_nor_inbox_row(
    running, names, database, provision, client, eventually
):
    def wire(bus):
        @bus.consumes(names.ThingSold)
        async def sold(event, delivery):
            await delivery.transaction.execute("INSERT INTO effect VALUES ($1, 'x')", event.number)
            raise ValueError("after the effect")

    await provision()
    await running("desk", wire, database=database)
    await publish(client, names, 1, "one")
    await eventually(lambda: _count(database, "SELECT count(*) = 1 FROM portal_dead_letter"))
    assert await numbers(database) == []
    assert await database.fetchval("SELECT count(*) FROM portal_inbox") == 0


async def test_an_error_of_postgres_that_a_handler_swallowed_is_a_dead_letter_and_not_a_silent_loss(
    running, names, database, provision, client, eventually
):
    """A COMMIT of a failed transaction rolls back and says nothing."""

    def wire(bus):
        @bus.consumes(names.ThingSold)
        async def sold(event, delivery):
            await delivery.transaction.execute("INSERT INTO effect VALUES ($1, 'x')", event.number)
            with contextlib.suppress(asyncpg.PostgresError):
                await delivery.transaction.execute("SELECT 1 / 0")

    await provision()
    await running("desk", wire, database=database)
    await publish(client, names, 1, "one")
    await eventually(lambda: _count(database, "SELECT count(*) = 1 FROM portal_dead_letter"))
    assert await numbers(database) == []


async def _has(database, number):
    return await database.fetchval("SELECT count(*) > 0 FROM effect WHERE number = $1", number)


async def _count(database, sql):
    return await database.fetchval(sql)


async def _not(answer):
    return not await answer
