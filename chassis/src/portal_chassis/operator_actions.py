"""What operators do: shown first, done once, and written down for good (requirements R276, D13, D19).

A use case gives the desk a plan, `Plan(("Start the provisioning again.",), effect)`, made under locks of the
transaction in which `effect` then runs: `await desk.carry_out(command, call, plan, target=command.order_id)`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from portal_chassis import idempotency
from portal_chassis.call import Call
from portal_chassis.logs import get_logger
from portal_chassis.metrics import counter
from portal_chassis.postgres import Database, StoreUnavailable, Transaction
from portal_contracts.operators import (
    ListOperatorActionsBase,
    OperatorAction,
    OperatorActionList,
    OperatorCommand,
    OperatorOutcome,
)
from portal_contracts.problems import PortalProblem, Refused

OPERATOR_ACTIONS: Final = counter(
    "portal_operator_actions",
    "Commands of operators: carried_out, dry_run, repeated, refused or failed",
    "action",
    "outcome",
)

_INSERT: Final = """
INSERT INTO portal_operator_action (operator, action, target, request_id, reason, carried_out, result)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_LIST: Final = """
SELECT id, at, operator, action, target, reason, carried_out, result FROM portal_operator_action
WHERE ($1 = '' OR target = $1) AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3
"""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command would change, and how.

    `changes` are plain English sentences without secrets: they are kept. `effect` runs in the transaction the plan was
    made in; None when there is nothing to do.
    """

    changes: tuple[str, ...]
    effect: Callable[[Transaction], Awaitable[None]] | None = None


class DoneInVain(Exception):  # noqa: N818 - it says what happened
    """Raised by an effect that was tried and came to nothing: nothing of it is kept, and the operator is told so."""

    def __init__(self, *changes: str) -> None:
        """`changes` say what was tried and how it ended, as in a plan."""
        super().__init__(*changes)
        self.changes = changes


PlanMaker = Callable[[Transaction], Awaitable[Plan]]
"""Reads, under locks, what there is and says what would be done; writes nothing itself."""


@dataclass(frozen=True, slots=True)
class Done:
    """A row to be written: who did what to what, and how it ended."""

    operator: str
    command: OperatorCommand[Any]
    target: str
    carried_out: bool
    result: str


class ActionRows(Protocol):
    """Where actions and the answers of commands are kept."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction."""
        ...

    async def answered(
        self, transaction: Transaction, command: OperatorCommand[Any], operator: str
    ) -> OperatorOutcome | None:
        """Give the outcome of a repeat; Refused IDEMPOTENCY_KEY_REUSED when its key came with something else."""
        ...

    async def remember(
        self, transaction: Transaction, command: OperatorCommand[Any], operator: str, outcome: OperatorOutcome
    ) -> None:
        """Keep the outcome for repeats."""
        ...

    async def record(self, transaction: Transaction, done: Done) -> None:
        """Add a row."""
        ...

    async def list(self, target: str, before_id: int | None, limit: int) -> list[OperatorAction]:
        """Give rows, the newest first; an empty target means all."""
        ...


class _DryRunEnds(Exception):  # noqa: N818 - it rolls back what a plan may have touched, and is no error
    """Takes a dry run out of its transaction."""


class OperatorDesk:
    """Carries out the commands of operators; every service with a database has one."""

    def __init__(self, database: Database) -> None:
        self._rows: ActionRows = PostgresActionRows(database)

    async def carry_out(
        self, command: OperatorCommand[Any], call: Call, plan: PlanMaker, *, target: str
    ) -> OperatorOutcome:
        """Plan and, unless it is a dry run, do it: effect, action row and remembered reply are one transaction.

        A repeat of a carried-out `request_id` is answered from its row. What the plan or its effect raises is written
        down in a transaction of its own and raised again, except DoneInVain, which is answered; a repeat tries again.
        `target` is what operators look for in the list.
        """
        operator = call.operator().operator
        try:
            outcome, how = await self._carry_out(command, operator, plan, target)
        except DoneInVain as ended:
            outcome, how = OperatorOutcome(carried_out=True, changes=ended.changes), "failed"
            await self._write_down(Done(operator, command, target, carried_out=True, result=" ".join(ended.changes)))
        except Exception as error:
            how = "refused" if isinstance(error, Refused) else "failed"
            code = error.code if isinstance(error, PortalProblem) else "INTERNAL_ERROR"
            OPERATOR_ACTIONS.labels(command.subject, how).inc()
            await self._write_down(Done(operator, command, target, carried_out=False, result=code))
            raise
        OPERATOR_ACTIONS.labels(command.subject, how).inc()
        return outcome

    async def list(self, query: ListOperatorActionsBase, _call: Call) -> OperatorActionList:
        """Answer `<service>.operator_action.list.v1`."""
        return OperatorActionList(actions=await self._rows.list(query.target, query.before_id, query.limit))

    async def _carry_out(
        self, command: OperatorCommand[Any], operator: str, plan: PlanMaker, target: str
    ) -> tuple[OperatorOutcome, str]:
        if command.dry_run:
            changes = await self._only_planned(plan)
            done = Done(operator, command, target, carried_out=False, result=" ".join(changes))
            async with self._rows.transaction() as transaction:
                await self._rows.record(transaction, done)
            return OperatorOutcome(carried_out=False, changes=changes), "dry_run"
        async with self._rows.transaction() as transaction:
            known = await self._rows.answered(transaction, command, operator)
            if known is not None:
                return known, "repeated"
            planned = await plan(transaction)
            if planned.effect is not None:
                await planned.effect(transaction)
            outcome = OperatorOutcome(carried_out=True, changes=planned.changes)
            await self._rows.remember(transaction, command, operator, outcome)
            done = Done(operator, command, target, carried_out=True, result=" ".join(planned.changes))
            await self._rows.record(transaction, done)
        return outcome, "carried_out"

    async def _only_planned(self, plan: PlanMaker) -> tuple[str, ...]:
        """Make a plan in a transaction that is rolled back: a dry run changes nothing, whatever the plan does."""
        changes: tuple[str, ...] = ()
        with suppress(_DryRunEnds):
            async with self._rows.transaction() as transaction:
                changes = (await plan(transaction)).changes
                raise _DryRunEnds
        return changes

    async def _write_down(self, done: Done) -> None:
        """Record what did not come to be; the log has it when the database is what failed."""
        log.warning("an operator's command came to nothing", action=done.command.subject, result=done.result)
        try:
            async with self._rows.transaction() as transaction:
                await self._rows.record(transaction, done)
        except (StoreUnavailable, TimeoutError):
            log.error("an operator's action could not be written down", action=done.command.subject)  # noqa: TRY400 - the first error is the one that is raised


class PostgresActionRows:
    """`portal_operator_action`, which only grows, and the answers of commands in `portal_command`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction."""
        async with self._database.transaction() as transaction:
            yield transaction

    async def answered(
        self, transaction: Transaction, command: OperatorCommand[Any], operator: str
    ) -> OperatorOutcome | None:
        """Give the outcome of a repeat; keys of operators are kept apart."""
        known = await idempotency.answered(transaction, command, owner=operator)
        if known is None:
            return None
        outcome = OperatorOutcome.model_validate_json(known)
        return OperatorOutcome(carried_out=outcome.carried_out, changes=tuple(outcome.changes))

    async def remember(
        self, transaction: Transaction, command: OperatorCommand[Any], operator: str, outcome: OperatorOutcome
    ) -> None:
        """Keep the outcome with the effect."""
        await idempotency.remember(transaction, command, outcome, owner=operator)

    async def record(self, transaction: Transaction, done: Done) -> None:
        """Add a row."""
        command = done.command
        await transaction.execute(
            _INSERT,
            done.operator,
            command.subject,
            done.target,
            command.request_id,
            command.reason,
            done.carried_out,
            done.result,
        )

    async def list(self, target: str, before_id: int | None, limit: int) -> list[OperatorAction]:
        """Give rows, the newest first."""
        rows = await self._database.fetch(_LIST, target, before_id, limit)
        return [OperatorAction(**dict(row)) for row in rows]
