"""Billing's own decisions: one suite on Postgres and in memory, races included."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from portal_billing.order_desk import OrderDesk
from portal_billing.store import PostgresClientTurns, PostgresCommandLog, PostgresOrderBook
from portal_billing.testing import MemoryClientTurns, MemoryCommandLog, MemoryOrderBook
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_chassis.testing import InMemoryDatabase
from portal_contracts.billing import ChangeClientAddress, OrderLine
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import Address, long_salesforce_id

ORDER = long_salesforce_id("801000000000001")
LINE = OrderLine(sku="PLAN", whmcs_product_id=202, billing_cycle="monthly", quantity=1, unit_price=2970, service=True)
DESK = OrderDesk(ORDER, "reserve", 1, client_id=5011, lines=(LINE,), eid="8904")


class Store:
    def __init__(self, database, book, turns, commands):
        self.database, self.book, self.turns, self.commands = database, book, turns, commands

    async def want(self, desk):
        async with self.database.transaction() as transaction:
            return await self.book.want(transaction, desk)


@pytest.fixture(params=["memory", "postgres"])
async def store(request):
    if request.param == "memory":
        yield Store(InMemoryDatabase(), MemoryOrderBook(), MemoryClientTurns(), MemoryCommandLog())
        return
    database = Database(request.getfixturevalue("database_url"), name="billing-tests")
    await migrate(database, "portal_chassis", "portal_billing")
    await database.connect()
    yield Store(database, PostgresOrderBook(database), PostgresClientTurns(database), PostgresCommandLog(database))
    await database.close()


async def test_a_desk_is_kept_as_it_was_put(store):
    assert await store.book.read(ORDER) is None
    wanted = await store.want(DESK)
    assert wanted == DESK
    assert await store.book.read(ORDER) == DESK


async def test_later_wants_change_goal_numbers_and_count(store):
    await store.want(DESK)
    accept = OrderDesk(ORDER, "accept", 2, phone_number="070", iccid="89")
    wanted = await store.want(accept)
    assert (wanted.goal, wanted.generation, wanted.ask, wanted.phone_number) == ("accept", 2, 2, "070")
    assert (wanted.client_id, wanted.lines, wanted.eid) == (5011, (LINE,), "8904")
    assert await store.book.read(ORDER) == wanted


async def test_an_older_caller_changes_nothing(store):
    before = await store.want(replace(DESK, generation=5))
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await store.want(OrderDesk(ORDER, "release", 4))
    assert await store.book.read(ORDER) == before


async def test_a_release_is_finished_before_anything_new(store):
    await store.want(DESK)
    await store.want(OrderDesk(ORDER, "release", 2))
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await store.want(replace(DESK, generation=3))
    async with store.database.transaction() as transaction:
        await store.book.released(transaction, ORDER)
    wanted = await store.want(replace(DESK, generation=3))
    assert (wanted.round, wanted.closing) == (2, False)


async def test_a_rolled_back_release_is_none(store):
    await store.want(OrderDesk(ORDER, "release", 1))
    with suppress(RuntimeError):
        async with store.database.transaction() as transaction:
            await store.book.released(transaction, ORDER)
            raise RuntimeError
    assert (await store.book.read(ORDER)).round == 1


async def test_a_standing_winner_keeps_its_lines(store):
    await store.want(DESK)
    other = replace(DESK, generation=2, lines=(LINE.model_copy(update={"unit_price": 1}),))
    assert (await store.want(other)).lines[0].unit_price == 1
    await store.book.elect(ORDER, 1, 77)
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await store.want(replace(DESK, generation=3))


async def test_of_many_candidates_one_wins_whoever_races(store):
    await store.want(DESK)
    winners = await asyncio.gather(*(store.book.elect(ORDER, 1, number) for number in range(100, 120)))
    assert len(set(winners)) == 1
    assert sum(verdict.winner for verdict in (await store.book.verdicts(ORDER)).values()) == 1


async def test_a_winner_is_never_discarded_and_an_extra_never_wins(store):
    await store.want(DESK)
    assert await store.book.discard(ORDER, 1, 200)
    assert await store.book.elect(ORDER, 1, 200) is None
    assert await store.book.elect(ORDER, 1, 201) == 201
    assert not await store.book.discard(ORDER, 1, 201)
    assert await store.book.elect(ORDER, 2, 201) is None
    assert await store.book.elect(ORDER, 2, 202) == 202


async def test_verdicts_race_to_one_decision(store):
    await store.want(DESK)
    for number in range(300, 310):
        elected, discarded = await asyncio.gather(
            store.book.elect(ORDER, number, number), store.book.discard(ORDER, number, number)
        )
        assert (elected == number) is not discarded


async def test_personal_data_is_forgotten(store):
    await store.want(DESK)
    async with store.database.transaction() as transaction:
        await store.book.closed(transaction, ORDER)
    assert (await store.book.read(ORDER)).eid is None


async def test_one_worker_at_a_time_has_a_clients_turn(store):
    async with store.turns.turn(5011) as first, store.turns.turn(5011) as second, store.turns.turn(5012) as other:
        assert (first, second, other) == (True, False, True)
    async with store.turns.turn(5011) as again:
        assert again


async def test_a_command_is_remembered_by_its_key(store):
    address = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="1")
    command = ChangeClientAddress(request_id="request-1", whmcs_client_id=5011, address=address)
    assert not await store.commands.answered(command)
    await store.commands.remember(command, Acknowledged())
    await store.commands.remember(command, Acknowledged())
    assert await store.commands.answered(command)
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await store.commands.answered(command.model_copy(update={"whmcs_client_id": 5012}))
