"""Recording and publishing on real Postgres and JetStream (architecture §4, §5)."""

import asyncio
import random

import nats
import pytest

from portal_chassis.bus import BusPace
from portal_chassis.outbox import Outbox
from portal_chassis.relay import Relay, RelayPace


@pytest.fixture
async def client(nats_url):
    opened = await nats.connect(nats_url, reconnect_time_wait=0.1)
    yield opened
    await opened.close()


async def stored(client):
    try:
        return (await client.jetstream().stream_info("PORTAL_SHOP")).state.messages
    except nats.js.errors.NotFoundError:
        return 0


async def record(database, event):
    async with database.transaction() as transaction:
        await transaction.record(event)


async def record_and_fail(database, event):
    async with database.transaction() as transaction:
        await transaction.record(event)
        raise ZeroDivisionError


async def test_an_event_exists_only_if_its_transaction_commits(running, names, database, provision, client, eventually):
    await provision()
    await running("shop", database=database)
    with pytest.raises(ZeroDivisionError):
        await record_and_fail(database, names.ThingSold(number=1))
    await record(database, names.ThingSold(number=2))
    await eventually(lambda: stored(client))
    message = await client.jetstream().get_msg("PORTAL_SHOP", 1)
    assert message.data == b'{"number":2}'
    assert message.headers["Nats-Msg-Id"] == str(await database.fetchval("SELECT message_id FROM portal_outbox"))
    assert await database.fetchval("SELECT count(*) FROM portal_outbox") == 1


async def test_what_need_not_be_published_soon_waits_until_the_relay_looks_by_itself(
    running, names, database, provision, client, eventually
):
    await provision()
    await running("shop", database=database, pace=BusPace(relay=RelayPace(poll=60)))
    await record(database, names.ThingSold(number=1))
    await eventually(lambda: stored(client))
    await asyncio.sleep(0.5)  # it may look once more, for having been called while it started
    async with database.transaction() as transaction:
        await transaction.record(names.ThingSold(number=2), soon=False)
    await asyncio.sleep(0.5)
    assert await stored(client) == 1
    await record(database, names.ThingSold(number=3))
    await eventually(lambda: _all_stored(client, 3))


async def test_sixty_four_writers_with_random_commit_delays_lose_nothing(
    running, names, database, provision, client, eventually
):
    """Ids are drawn before commits happen, so a relay that remembered a position would skip the late ones."""
    await provision()
    await running("shop", database=database)
    source = random.Random(20261121)  # noqa: S311 - a seeded schedule

    async def write(number):
        async with database.transaction() as transaction:
            await transaction.record(names.ThingSold(number=number))
            await asyncio.sleep(source.random() * 0.05)

    async def writer(first):
        for number in range(first, first + 5):
            await write(number)

    await asyncio.gather(*(writer(index * 5) for index in range(64)))
    await eventually(lambda: _all_stored(client, 320))
    found = set()
    for sequence in range(1, 321):
        found.add((await client.jetstream().get_msg("PORTAL_SHOP", sequence)).data)
    assert found == {names.ThingSold(number=number).model_dump_json().encode() for number in range(320)}


async def test_events_of_one_transaction_keep_their_order(running, names, database, provision, client, eventually):
    await provision()
    await running("shop", database=database)
    async with database.transaction() as transaction:
        for number in range(150):
            await transaction.record(names.ThingSold(number=number))
    await eventually(lambda: _all_stored(client, 150))
    bodies = [(await client.jetstream().get_msg("PORTAL_SHOP", sequence)).data for sequence in range(1, 151)]
    assert bodies == [names.ThingSold(number=number).model_dump_json().encode() for number in range(150)]


async def test_a_relay_that_dies_between_publishing_and_marking_publishes_again_and_the_effect_is_one(
    running, names, database, second_database, provision, client, eventually
):
    await provision()

    def wire(bus):
        @bus.consumes(names.ThingSold)
        async def sold(event, delivery):
            await delivery.transaction.execute("INSERT INTO effect VALUES ($1, 'x')", event.number)

    await running("desk", wire, database=database)
    jetstream = client.jetstream()
    config = (await jetstream.stream_info("PORTAL_SHOP")).config
    await jetstream.update_stream(config.evolve(duplicate_window=0.1))
    second_database.record_with(Outbox("shop", names.SHOP.records).record)
    await record(second_database, names.ThingSold(number=1))
    row = await second_database.fetchrow("SELECT message_id, body FROM portal_outbox")
    await jetstream.publish(
        names.ThingSold.subject, row["body"], headers={"Nats-Msg-Id": str(row["message_id"])}
    )  # what the dead relay managed to do
    await eventually(lambda: database.fetchval("SELECT count(*) > 0 FROM effect"))
    await asyncio.sleep(0.15)
    await running("shop", database=second_database)
    await record(second_database, names.ThingSold(number=2))
    await eventually(lambda: database.fetchval("SELECT count(*) > 0 FROM effect WHERE number = 2"))
    assert await stored(client) == 3
    assert await database.fetchval("SELECT count(*) FROM effect WHERE number = 1") == 1


async def test_a_stream_wiped_in_mid_flight_is_filled_again_and_inboxes_absorb_it(
    running, names, database, second_database, provision, client, eventually, nats_server
):
    """Architecture §5: wipe the NATS store and nothing is lost."""
    await provision()

    def wire(bus):
        @bus.consumes(names.ThingSold)
        async def sold(event, delivery):
            await delivery.transaction.execute("INSERT INTO effect VALUES ($1, 'x')", event.number)

    desk = await running("desk", wire, database=database)
    shop = await running("shop", database=second_database)
    for number in range(10):
        await record(second_database, names.ThingSold(number=number))
    await eventually(lambda: database.fetchval("SELECT count(*) = 10 FROM effect"))
    await second_database.execute(
        "UPDATE portal_outbox SET recorded_at = recorded_at - interval '8 days' WHERE body = $1", b'{"number":0}'
    )
    await asyncio.to_thread(nats_server.wipe)
    for number in range(10, 15):
        await record(second_database, names.ThingSold(number=number))
    nats_server.start()
    await eventually(shop.connected)
    assert await stored(client) == 0
    await provision()
    await eventually(desk.consumers_ready)
    await eventually(lambda: database.fetchval("SELECT count(*) = 15 FROM effect"))
    await eventually(lambda: _all_stored(client, 14))
    assert await database.fetchval("SELECT count(DISTINCT number) FROM effect") == 15
    assert await second_database.fetchval("SELECT count(*) FROM portal_outbox WHERE published_at IS NULL") == 0


async def test_events_recorded_while_nats_is_away_are_published_when_it_is_back(
    running, names, database, provision, client, eventually, nats_server
):
    await provision()
    shop = await running("shop", database=database)
    await eventually(shop.connected)
    await asyncio.to_thread(nats_server.kill)
    await eventually(lambda: _not(shop.connected()))
    for number in range(20):
        await record(database, names.ThingSold(number=number))
    nats_server.start()
    await eventually(lambda: client.is_connected)
    await eventually(lambda: _all_stored(client, 20))


async def test_only_one_instance_publishes_at_a_time(running, names, database, provision, client, eventually):
    await provision()
    await running("shop", database=database)
    async with database.transaction() as holder:
        await holder.execute("SELECT pg_advisory_xact_lock(hashtextextended('portal_outbox_relay', 0))")
        await record(database, names.ThingSold(number=1))
        await asyncio.sleep(0.5)
        assert await stored(client) == 0
    await eventually(lambda: stored(client))


async def test_published_rows_are_forgotten_after_seven_days_and_unpublished_ones_never(names, database, nats_url):
    outbox = Outbox("shop", names.SHOP.records)
    database.record_with(outbox.record)
    for number in range(3):
        await record(database, names.ThingSold(number=number))
    await database.execute("UPDATE portal_outbox SET recorded_at = recorded_at - interval '30 days'")
    for body, days in ((b'{"number":0}', 8), (b'{"number":1}', 6)):
        await database.execute(
            "UPDATE portal_outbox SET published_at = now() - make_interval(days => $2) WHERE body = $1", body, days
        )
    await Relay(database, outbox, "PORTAL_SHOP").prune()
    bodies = [row["body"] for row in await database.fetch("SELECT body FROM portal_outbox ORDER BY id")]
    assert bodies == [b'{"number":1}', b'{"number":2}']


async def _all_stored(client, count):
    return await stored(client) >= count


async def _not(answer):
    return not await answer
