"""A command's repeat gets the same answer and no second effect, on a real Postgres (C16)."""

import asyncio

import pytest

from portal_chassis.bus import Encoded
from portal_chassis.idempotency import answered, remember
from portal_chassis.pruning import Pruning
from portal_chassis.retention import keep_messages
from portal_contracts.problems import Refused


@pytest.fixture
def putting(names, database):
    def wire(bus):
        @bus.answers(names.Put)
        async def put(message, call):
            async with database.transaction() as transaction:
                if (known := await answered(transaction, message)) is not None:
                    return Encoded(known)
                await transaction.execute("INSERT INTO effect VALUES (1, $1)", message.thing_id)
                count = await transaction.fetchval("SELECT count(*) FROM effect")
                reply = names.Greeting(text=f"put {message.thing_id} as number {count}")
                await remember(transaction, message, reply)
                return reply

    return wire


async def test_a_repeat_is_answered_from_its_row_also_when_all_come_at_once(running, names, database, putting):
    await running("desk", putting, database=database)
    shop = await running("shop")
    command = names.Put(thing_id="t1", colour="red")
    replies = await asyncio.gather(*(shop.ask(command) for _ in range(10)))
    assert {reply.text for reply in replies} == {"put t1 as number 1"}
    assert await database.fetchval("SELECT count(*) FROM effect") == 1


async def test_the_same_key_with_other_content_is_refused(running, names, database, putting):
    await running("desk", putting, database=database)
    shop = await running("shop")
    await shop.ask(names.Put(thing_id="t1", colour="red"))
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await shop.ask(names.Put(thing_id="t1", colour="blue"))
    assert (await shop.ask(names.Put(thing_id="t2", colour="blue"))).text == "put t2 as number 2"


async def test_the_keys_of_two_customers_are_not_one_another(names, database):
    command = names.Put(thing_id="same", colour="red")
    async with database.transaction() as transaction:
        assert await answered(transaction, command, owner="first") is None
        await remember(transaction, command, names.Greeting(text="first"), owner="first")
    async with database.transaction() as transaction:
        assert await answered(transaction, command, owner="second") is None
        assert await answered(transaction, command, owner="first") == b'{"text":"first"}'


async def test_old_answers_and_inbox_rows_are_forgotten(names, database):
    async with database.transaction() as transaction:
        for thing in ("old", "new"):
            command = names.Put(thing_id=thing, colour="red")
            await remember(transaction, command, names.Greeting(text=thing))
            await transaction.execute("INSERT INTO portal_inbox (message_id, durable) VALUES ($1, 'd')", thing)
        await transaction.execute(
            "UPDATE portal_command SET answered_at = now() - interval '31 days' WHERE key = 'old'"
        )
        await transaction.execute(
            "UPDATE portal_inbox SET taken_at = now() - interval '31 days' WHERE message_id = 'old'"
        )
    pruning = Pruning(database)
    keep_messages(pruning)
    await pruning.round()
    assert await database.fetchval("SELECT string_agg(key, ',') FROM portal_command") == "new"
    assert await database.fetchval("SELECT string_agg(message_id, ',') FROM portal_inbox") == "new"
