"""The operator desk, on Postgres and in memory: shown first, done once, written down for good (D13, R276)."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar

import asyncpg
import pytest

from portal_chassis.memory import InMemoryDatabase, InMemoryTransaction
from portal_chassis.migrating import migrate
from portal_chassis.operator_actions import OPERATOR_ACTIONS, DoneInVain, OperatorDesk, Plan
from portal_chassis.postgres import Database
from portal_chassis.testing import InMemoryOperatorDesk, operator_call
from portal_contracts.operators import OperatorCommand, OperatorOutcome, Permission, list_operator_actions
from portal_contracts.problems import Refused, TryLater

List = list_operator_actions("desk")
CALL = operator_call("devops@staff.example")
CHANGE = "Paint the thing blue."


class Repaint(OperatorCommand[OperatorOutcome]):
    """A command of operators."""

    subject: ClassVar[str] = "desk.thing.repaint.v1"
    permission: ClassVar[Permission] = "provisioning.act"
    colour: str = "blue"


@dataclass
class World:
    """A desk, its database, and the effects that were committed."""

    desk: OperatorDesk
    database: Any
    committed: list[str] = field(default_factory=list)

    def plan(self, *, effect_raises: Exception | None = None, plan_raises: Exception | None = None):
        async def effect(transaction):
            await self.write(transaction)
            if effect_raises is not None:
                raise effect_raises

        async def plan(transaction):
            if plan_raises is not None:
                await self.write(transaction)
                raise plan_raises
            return Plan((CHANGE,), effect)

        return plan

    async def write(self, transaction):
        if not isinstance(transaction, InMemoryTransaction):
            await transaction.execute("INSERT INTO effect VALUES ('blue')")
        transaction.after_commit(lambda: self.committed.append("blue"))

    async def order(self, request_id="request-1", plan=None, call=CALL, **more):
        command = Repaint(request_id=request_id, reason="test", **more)
        return await self.desk.carry_out(command, call, plan or self.plan(), target="thing-1")

    async def written(self, **query):
        rows = (await self.desk.list(List(**query), CALL)).actions
        return [(row.operator, row.carried_out, row.result) for row in reversed(rows)]


@pytest.fixture(params=["postgres", "memory"])
async def world(request):
    if request.param == "memory":
        memory = InMemoryDatabase()
        yield World(InMemoryOperatorDesk(memory), memory)
        return
    database = Database(request.getfixturevalue("database_url"))
    await migrate(database, "portal_chassis")
    await database.connect()
    await database.execute("CREATE TABLE effect (colour text)")
    found = World(OperatorDesk(database), database)
    yield found
    assert await database.fetchval("SELECT count(*) FROM effect") == len(found.committed)
    await database.close()


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(world):
    outcome = await world.order()
    assert outcome == OperatorOutcome(carried_out=False, changes=(CHANGE,))
    assert world.committed == []
    assert await world.written() == [("devops@staff.example", False, CHANGE)]


async def test_a_dry_run_leaves_nothing_of_a_plan_that_wrote_something(world):
    async def careless(transaction):
        await world.write(transaction)
        return Plan((CHANGE,))

    await world.order(plan=careless)
    assert world.committed == []


async def test_the_same_request_is_carried_out_once_however_often_it_comes(world):
    outcomes = await asyncio.gather(*(world.order(dry_run=False) for _ in range(4)))
    assert {outcome.model_dump_json() for outcome in outcomes} == {
        OperatorOutcome(carried_out=True, changes=(CHANGE,)).model_dump_json()
    }
    assert world.committed == ["blue"]
    assert await world.written() == [("devops@staff.example", True, CHANGE)]
    await world.order("request-2", dry_run=False)
    assert world.committed == ["blue", "blue"]


async def test_a_dry_run_does_not_use_up_its_request_id(world):
    await world.order()
    await world.order(dry_run=False)
    await world.order()
    assert world.committed == ["blue"]
    assert [carried_out for _, carried_out, _ in await world.written()] == [False, True, False]


async def test_a_request_id_belongs_to_one_command_of_one_operator(world):
    await world.order(dry_run=False)
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await world.order(dry_run=False, colour="red")
    await world.order(dry_run=False, call=operator_call("other@staff.example"))
    assert world.committed == ["blue", "blue"]


@pytest.mark.parametrize(
    ("raised", "code"),
    [(Refused("NOT_FOUND"), "NOT_FOUND"), (TryLater("IN_PROGRESS"), "IN_PROGRESS"), (KeyError("x"), "INTERNAL_ERROR")],
)
@pytest.mark.parametrize("where", ["plan", "effect"])
async def test_what_was_tried_and_failed_is_written_down_and_can_be_tried_again(world, raised, code, where):
    failing = world.plan(**{f"{where}_raises": raised})
    with pytest.raises(type(raised)):
        await world.order(plan=failing, dry_run=False)
    assert world.committed == []
    assert await world.written() == [("devops@staff.example", False, code)]
    await world.order(dry_run=False)
    assert world.committed == ["blue"]


async def test_nothing_to_do_is_an_answer_too(world):
    async def nothing(transaction):
        return Plan(())

    assert await world.order(plan=nothing, dry_run=False) == OperatorOutcome(carried_out=True, changes=())
    assert await world.written() == [("devops@staff.example", True, "")]


async def test_the_list_shows_the_newest_first_page_by_page_and_by_target(world):
    for number in range(5):
        await world.order(f"request-{number}")
    first = (await world.desk.list(List(limit=2), CALL)).actions
    second = (await world.desk.list(List(limit=2, before_id=first[-1].id), CALL)).actions
    ids = [action.id for action in (*first, *second)]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4
    assert len(await world.written(target="thing-1")) == 5
    assert await world.written(target="thing-2") == []
    assert first[0].action == "desk.thing.repaint.v1"
    assert first[0].reason == "test"


async def test_actions_are_counted_by_outcome(world):
    def counted(outcome):
        return OPERATOR_ACTIONS.labels(Repaint.subject, outcome)._value.get()

    outcomes = ("dry_run", "carried_out", "repeated", "refused", "failed")
    before = [counted(outcome) for outcome in outcomes]
    await world.order()
    await world.order(dry_run=False)
    await world.order(dry_run=False)
    for problem in (Refused("NOT_FOUND"), TryLater("IN_PROGRESS")):
        with pytest.raises(type(problem)):
            await world.order("request-2", plan=world.plan(plan_raises=problem), dry_run=False)
    assert [counted(outcome) - then for outcome, then in zip(outcomes, before, strict=True)] == [1, 1, 1, 1, 1]


async def test_an_effect_that_came_to_nothing_is_answered_and_written_down_and_may_be_tried_again(world):
    in_vain = world.plan(effect_raises=DoneInVain(CHANGE, "The paint was dry."))
    outcome = await world.order(plan=in_vain, dry_run=False)
    assert (outcome.carried_out, outcome.changes) == (True, (CHANGE, "The paint was dry."))
    assert world.committed == []
    assert (await world.order(dry_run=False)).changes == (CHANGE,)
    assert world.committed == ["blue"]
    results = [row[-2:] for row in await world.written()]
    assert sorted(results) == [(True, CHANGE), (True, f"{CHANGE} The paint was dry.")]


async def test_nobody_without_an_operators_token_gets_as_far_as_a_plan(world):
    customer = operator_call("")
    with pytest.raises(Refused, match="FORBIDDEN"):
        await world.order(call=customer, dry_run=False)
    assert world.committed == []
    assert await world.written() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE portal_operator_action SET operator = 'nobody'",
        "DELETE FROM portal_operator_action",
        "TRUNCATE portal_operator_action",
    ],
)
async def test_what_was_written_down_stays(database, statement):
    """D13: the trigger holds even a superuser, which the role of these tests is."""
    await migrate(database, "portal_chassis")
    desk = OperatorDesk(database)
    world = World(desk, database)
    await world.order()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute(statement)
    assert await world.written() == [("devops@staff.example", False, CHANGE)]


async def test_a_service_role_that_owns_the_table_may_only_add_to_it(database):
    await migrate(database, "portal_chassis")
    granted = await database.fetch(
        "SELECT privilege_type FROM information_schema.table_privileges"
        " WHERE table_name = 'portal_operator_action' AND grantee = current_user"
    )
    rights = {row["privilege_type"] for row in granted}
    assert {"INSERT", "SELECT"} <= rights
    assert rights.isdisjoint({"UPDATE", "DELETE", "TRUNCATE"})
