"""Processes that somebody of ours has to look at, for operators (D13)."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Final

from portal_chassis.call import Call
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Database, Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.identity_processes import (
    AccountProcess,
    AccountProcessList,
    ListAccountProcesses,
    RetryAccountProcess,
)
from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import Refused

_LIST: Final = """
SELECT kind, key AS process_key, status, step, code, facts::text AS facts,
    coalesce(state ->> 'account_id', '') AS account_id, failures, started_at, due_at
FROM portal_process WHERE status IN ('blocked', 'needs_human') OR (status = 'waiting' AND failures > 0)
ORDER BY started_at, id LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class StandingProcesses:
    """Lists them, and has one tried again."""

    database: Database
    processes: ProcessEngine
    desk: OperatorDesk

    async def list(self, query: ListAccountProcesses) -> AccountProcessList:
        """Give the longest standing first. States stay inside: they may hold personal data."""
        rows = [dict(row) for row in await self.database.fetch(_LIST, query.limit)]
        return AccountProcessList(processes=[AccountProcess(**row | {"facts": _plain(row["facts"])}) for row in rows])

    async def retry(self, command: RetryAccountProcess, call: Call) -> OperatorOutcome:
        """Refused NOT_FOUND when there is none that is unfinished."""
        target = f"{command.kind} {command.process_key}"
        return await self.desk.carry_out(command, call, partial(self._plan, command), target=target)

    async def _plan(self, command: RetryAccountProcess, _: Transaction) -> Plan:
        view = await self.processes.read(command.kind, command.process_key)
        if view is None or view.ended:
            raise Refused("NOT_FOUND")

        async def effect(transaction: Transaction) -> None:
            await self.processes.wake(transaction, command.kind, command.process_key)

        return Plan((f"The process {view.kind} tries its step {view.step} again now.",), effect)


def _plain(facts: str) -> dict[str, str]:
    return {name: str(fact) for name, fact in json.loads(facts).items()}
