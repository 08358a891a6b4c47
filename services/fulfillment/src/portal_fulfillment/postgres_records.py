"""How orders stand, from the ledger and the tables of the process engine in the same database."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from portal_chassis.postgres import Database
from portal_chassis.process import JournalEntry as ChassisEntry
from portal_contracts.provisioning import (
    ListProvisioning,
    ProvisioningAttempt,
    ProvisioningFile,
    ProvisioningSignal,
    ProvisioningSummary,
)
from portal_fulfillment.provisioning_state import ProvisioningState, evidence_of
from portal_fulfillment.records import Page, Standing, plain_facts, status_of, told, trace_of, who_acts

if TYPE_CHECKING:
    from portal_chassis.postgres import Row

_SUMMARY: Final = """
SELECT order_id, attempt, status, step, code, because, opened_at, standing_since, due_at FROM provisioning
"""
_PAGE: Final = f"""{_SUMMARY}
WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR code = $2)
  AND ($3::timestamptz IS NULL OR (state = 'open' AND standing_since < $3))
  AND ($4::text IS NULL
       OR (opened_at, order_id) > (SELECT opened_at, order_id FROM provisioning last WHERE last.order_id = $4))
ORDER BY opened_at, order_id LIMIT $5
"""  # noqa: S608 - made of constants
_TOTALS: Final = "SELECT status, count(*) AS count FROM provisioning GROUP BY status"
_ONE: Final = f"{_SUMMARY} WHERE order_id = $1"
_ATTEMPTS: Final = """
SELECT attempt, state, stage, code, source, request_id, requested_by, correlation_id, opened_at, ended_at
FROM provisioning_attempt WHERE order_id = $1 ORDER BY attempt
"""
_SIGNALS: Final = """
SELECT source, request_id, requested_by, correlation_id, verdict, seen_at
FROM provisioning_signal WHERE order_id = $1 ORDER BY seen_at, sequence
"""
_JOURNAL: Final = """
SELECT j.id, j.step, j.call, j.state, j.fingerprint, j.external_id, j.evidence::text AS evidence, j.attempt,
       j.generation, j.at
FROM portal_process_journal j JOIN portal_process p ON p.id = j.process
WHERE p.kind = 'provisioning' AND p.key = $1 ORDER BY j.id
"""
_PROCESS: Final = """
SELECT p.state::text AS state, p.facts::text AS facts, p.traceparent, a.scheduled_at
FROM portal_process p LEFT JOIN provisioning a ON a.order_id = p.key WHERE p.kind = 'provisioning' AND p.key = $1
"""
_STANDINGS: Final = """
SELECT status, code, count(*) AS count, min(standing_since) AS oldest
FROM provisioning WHERE state = 'open' GROUP BY status, code
"""


class PostgresRecords:
    """The `Records` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: ListProvisioning, standing_before: datetime | None) -> Page:
        """Read one more than asked for, which tells whether there are more."""
        rows = await self._database.fetch(
            _PAGE, wanted.status, wanted.code, standing_before, wanted.after_order_id, wanted.limit + 1
        )
        totals = await self._database.fetch(_TOTALS)
        return Page([_summary(row) for row in rows], {row["status"]: row["count"] for row in totals})

    async def file(self, order_id: str) -> ProvisioningFile | None:
        """Read the order's rows."""
        row = await self._database.fetchrow(_ONE, order_id)
        if row is None:
            return None
        process = await self._database.fetchrow(_PROCESS, order_id)
        return ProvisioningFile(
            summary=_summary(row),
            facts={} if process is None else facts_of(process["state"], process["facts"]),
            attempts=[ProvisioningAttempt(**dict(one)) for one in await self._database.fetch(_ATTEMPTS, order_id)],
            signals=[ProvisioningSignal(**dict(one)) for one in await self._database.fetch(_SIGNALS, order_id)],
            journal=[told(_entry(one)) for one in await self._database.fetch(_JOURNAL, order_id)],
            scheduled_at=None if process is None else process["scheduled_at"],
            trace_id=None if process is None else trace_of(process["traceparent"]),
        )

    async def standings(self) -> Sequence[Standing]:
        """Count."""
        rows = await self._database.fetch(_STANDINGS)
        return [Standing(status_of(row["status"]), row["code"], row["count"], row["oldest"]) for row in rows]


def facts_of(state: str, facts: str) -> dict[str, str | int]:
    """Give what the process has brought about and what its problem says, from their JSON."""
    try:
        evidence = evidence_of(ProvisioningState.model_validate_json(state))
    except ValidationError:
        evidence = {}
    return {**evidence, **plain_facts(json.loads(facts))}


def _summary(row: "Row") -> ProvisioningSummary:
    status = status_of(row["status"])
    return ProvisioningSummary(
        order_id=row["order_id"],
        attempt=row["attempt"],
        status=status,
        step=row["step"] or "",
        code=row["code"],
        owner=who_acts(status, row["code"], row["step"] or ""),
        because=row["because"] or "",
        opened_at=row["opened_at"],
        standing_since=row["standing_since"],
        due_at=row["due_at"],
    )


def _entry(row: "Row") -> ChassisEntry:
    found: dict[str, Any] = dict(row)
    return ChassisEntry(**{**found, "evidence": json.loads(found["evidence"])})
