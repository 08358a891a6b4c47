"""Billing's own decisions: one suite on Postgres and in memory, races included."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal_billing.order_desk import OrderDesk, Verdict, given_up, retried
from portal_billing.store import PostgresClientTurns, PostgresCommandLog, PostgresOrderBook
from portal_billing.testing import MemoryClientTurns, MemoryCommandLog, MemoryOrderBook
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_chassis.testing import InMemoryDatabase
from portal_contracts.billing import ChangeClientAddress, OrderLine
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import Address, long_salesforce_id

ORDER, OTHER = long_salesforce_id("801000000000001"), long_salesforce_id("801000000000002")
NOON = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
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


async def test_a_named_order_takes_the_crown_and_the_former_winner_is_an_extra(store):
    await store.want(DESK)
    await store.book.elect(ORDER, 1, 400)
    await store.book.discard(ORDER, 1, 401)
    for _ in range(2):
        async with store.database.transaction() as transaction:
            await store.book.crown(transaction, ORDER, 1, 401)
        assert await store.book.verdicts(ORDER) == {400: Verdict(1, winner=False), 401: Verdict(1, winner=True)}
    with suppress(RuntimeError):
        async with store.database.transaction() as transaction:
            await store.book.crown(transaction, ORDER, 1, 402)
            raise RuntimeError
    assert await store.book.verdicts(ORDER) == {400: Verdict(1, winner=False), 401: Verdict(1, winner=True)}


async def test_nobody_takes_the_crown_with_another_orders_order(store):
    await store.want(DESK)
    await store.want(replace(DESK, order_id=OTHER))
    await store.book.elect(OTHER, 1, 410)
    await store.book.elect(ORDER, 1, 411)
    with pytest.raises(Refused, match="WHMCS_ORDER_NOT_OURS"):
        async with store.database.transaction() as transaction:
            await store.book.crown(transaction, ORDER, 1, 410)
    assert await store.book.verdicts(OTHER) == {410: Verdict(1, winner=True)}
    assert await store.book.verdicts(ORDER) == {411: Verdict(1, winner=True)}


async def test_operators_decisions_stand_on_the_desk_until_their_round_is_over(store):
    await store.want(DESK)
    async with store.database.transaction() as transaction:
        desk = await store.book.lock(transaction, ORDER)
        await store.book.put(transaction, given_up(retried(desk)))
    desk = await store.book.read(ORDER)
    assert (desk.retries, desk.given_up, desk.closing, desk.goal, desk.ask) == (1, True, True, "release", 3)
    with pytest.raises(Refused, match="PROVISIONING_CANCELLED"):
        await store.want(replace(DESK, generation=9))
    await store.want(OrderDesk(ORDER, "release", 9))
    async with store.database.transaction() as transaction:
        await store.book.released(transaction, ORDER)
    desk = await store.want(replace(DESK, generation=10))
    assert (desk.retries, desk.given_up, desk.closing, desk.round) == (0, False, False, 2)


async def test_a_later_search_for_twins_never_ends_sooner(store):
    await store.want(DESK)
    for hours, number, latest in ((6, 1, 6), (1, 2, 6), (9, 3, 9)):
        async with store.database.transaction() as transaction:
            desk = await store.book.sweep(transaction, ORDER, NOON + timedelta(hours=hours))
        assert (desk.sweep, desk.swept_until) == (number, NOON + timedelta(hours=latest))
    assert await store.book.read(ORDER) == desk


async def test_a_desk_nobody_put_is_not_locked(store):
    async with store.database.transaction() as transaction:
        assert await store.book.lock(transaction, ORDER) is None


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
