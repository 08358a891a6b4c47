"""Operators without a database and without a token: the desk in memory, and calls of an operator."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

from portal_chassis.actor import Actor
from portal_chassis.call import Call
from portal_chassis.deadline import Deadline
from portal_chassis.idempotency import fingerprint
from portal_chassis.memory import InMemoryDatabase, InMemoryTransaction
from portal_chassis.operator_actions import Done, OperatorDesk
from portal_chassis.postgres import Transaction
from portal_contracts.operators import OperatorAction, OperatorCommand, OperatorOutcome
from portal_contracts.problems import Refused


def operator_actor(
    email: str = "operator@staff.example", roles: Sequence[str] = ("operator_tech_lead",), session_id: str = "session-1"
) -> Actor:
    """Give an operator as their token says it."""
    return Actor(
        user_id="operator-1",
        whmcs_client_id=0,
        account_id="",
        roles=tuple(roles),
        session_id=session_id,
        authenticated_at=datetime(2026, 4, 1, tzinfo=UTC),
        locale="en",
        operator=email,
    )


def operator_call(
    email: str = "operator@staff.example", roles: Sequence[str] = ("operator_tech_lead",), seconds: float = 5.0
) -> Call:
    """Give the circumstances of an operator's message."""
    return Call(operator_actor(email, roles), Deadline.after(seconds), {})


class InMemoryOperatorDesk(OperatorDesk):
    """The operator desk on an in-memory database. `actions` are what it wrote down, the oldest first."""

    def __init__(self, database: InMemoryDatabase | None = None) -> None:
        self._memory = InMemoryActionRows(database or InMemoryDatabase())
        self._rows = self._memory

    @property
    def actions(self) -> list[OperatorAction]:
        """What was written down."""
        return list(self._memory.actions)


class InMemoryActionRows:
    """Actions and answers in lists that a rolled-back transaction leaves as they were."""

    def __init__(self, database: InMemoryDatabase) -> None:
        self._database = database
        self.actions: list[OperatorAction] = []
        self._answers: dict[tuple[str, str, str], tuple[bytes, OperatorOutcome]] = {}
        self._last_id = 0

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction."""
        return self._database.transaction()

    async def answered(
        self, _transaction: Transaction, command: OperatorCommand[Any], operator: str
    ) -> OperatorOutcome | None:
        """Give the outcome of a repeat."""
        known = self._answers.get((command.subject, operator, command.request_id))
        if known is None:
            return None
        if known[0] != fingerprint(command):
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return known[1]

    async def remember(
        self, transaction: Transaction, command: OperatorCommand[Any], operator: str, outcome: OperatorOutcome
    ) -> None:
        """Keep the outcome for repeats."""
        place = (command.subject, operator, command.request_id)

        def forget() -> None:
            del self._answers[place]

        self._answers[place] = (fingerprint(command), outcome)
        _held(transaction).on_rollback(forget)

    async def record(self, transaction: Transaction, done: Done) -> None:
        """Add a row."""
        self._last_id += 1
        action = OperatorAction(
            id=self._last_id,
            at=datetime.now(UTC),
            operator=done.operator,
            action=done.command.subject,
            target=done.target,
            reason=done.command.reason,
            carried_out=done.carried_out,
            result=done.result,
        )
        self.actions.append(action)
        _held(transaction).on_rollback(lambda: self.actions.remove(action))

    async def list(self, target: str, before_id: int | None, limit: int) -> list[OperatorAction]:
        """Give rows, the newest first."""
        wanted = [
            action
            for action in reversed(self.actions)
            if target in {"", action.target} and (before_id is None or action.id < before_id)
        ]
        return wanted[:limit]


def _held(transaction: Transaction) -> InMemoryTransaction:
    if not isinstance(transaction, InMemoryTransaction):
        raise TypeError("the desk in memory works with in-memory transactions")
    return transaction
