"""Fulfillment's own decisions in Postgres: attempts and signals, operations at the operator, lines."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from portal_chassis.postgres import Database, Transaction
from portal_chassis.sealing import Seal
from portal_contracts.orders import ProvisionRequested
from portal_fulfillment.attempt import Attempt, AttemptState, Stage, Verdict
from portal_fulfillment.kept_lines import OwnedLine
from portal_fulfillment.ports import OperationKind, OperationState
from portal_fulfillment.sim import Line

_RENEW: Final = """
UPDATE sim_line SET eid = $2, iccid = $3, activation_code = $4, code_shown_at = NULL, code_shown_to = NULL,
                    code_request_id = NULL
WHERE account = $1
"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('provisioning ' || $1::text, 0))"
_LATEST: Final = """
SELECT order_id, attempt AS number, state, stage, standing_since, ended_at, scheduled_at, cancelled_by
FROM provisioning_attempt WHERE order_id = $1 ORDER BY attempt DESC LIMIT 1
"""
_OPEN: Final = """
INSERT INTO provisioning_attempt
       (order_id, attempt, source, request_id, requested_by, correlation_id, requested_at, opened_at, standing_since)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
"""
_REACHED: Final = """
UPDATE provisioning_attempt
SET stage = $3, code = $4, standing_since = CASE WHEN stage = $3 THEN standing_since ELSE $5 END, scheduled_at = $6
WHERE order_id = $1 AND attempt = $2 AND state = 'open'
"""
_END: Final = """
UPDATE provisioning_attempt SET state = $3, code = $4, ended_at = $5
WHERE order_id = $1 AND attempt = $2 AND state = 'open'
"""
_SIGNAL: Final = """
INSERT INTO provisioning_signal
       (order_id, signal, source, request_id, requested_by, correlation_id, verdict, attempt, seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
"""
_CANCEL: Final = """
UPDATE provisioning_attempt SET cancelled_by = coalesce(cancelled_by, $3)
WHERE order_id = $1 AND attempt = $2 AND state = 'open'
"""
_CLAIM: Final = """
INSERT INTO sim_operation (kind, order_id, attempt, line) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
# Should another one be faster, the unique index breaks this, and the step is tried again.
_CLAIM_AGAIN: Final = """
UPDATE sim_operation AS held SET line = $4, state = 'requested', updated_at = clock_timestamp()
WHERE kind = $1 AND order_id = $2 AND attempt = $3
  AND (state IN ('failed', 'withdrawn') OR (line <> $4 AND state IN ('requested', 'accepted', 'unknown')))
  AND NOT EXISTS (SELECT FROM sim_operation other WHERE other.line = $4
                  AND other.state IN ('requested', 'accepted', 'unknown')
                  AND (other.kind, other.order_id, other.attempt) <> ($1, $2, $3))
"""
_CLAIMED: Final = """
SELECT EXISTS (SELECT FROM sim_operation WHERE kind = $1 AND order_id = $2 AND attempt = $3 AND line = $4
               AND state IN ('requested', 'accepted', 'unknown'))
"""
_SETTLE: Final = """
UPDATE sim_operation SET state = $4, updated_at = clock_timestamp()
WHERE kind = $1 AND order_id = $2 AND attempt = $3 AND state IN ('requested', 'accepted', 'unknown')
"""
_NOTE_SENT: Final = """
UPDATE sim_operation SET sent_at = $4, updated_at = clock_timestamp()
WHERE kind = $1 AND order_id = $2 AND attempt = $3 AND state IN ('requested', 'accepted', 'unknown')
"""
_LAST_SENT: Final = """
SELECT max(sent_at) FROM sim_operation
WHERE line = $1 AND kind = ANY($2::text[]) AND state NOT IN ('failed', 'withdrawn')
  AND (kind, order_id, attempt) <> ($3, $4, $5)
"""
_REMEMBER: Final = (
    "UPDATE sim_operation SET before = $3::jsonb WHERE kind = 'activate' AND order_id = $1 AND attempt = $2"
)
_BEFORE: Final = "SELECT before::text FROM sim_operation WHERE kind = 'activate' AND order_id = $1 AND attempt = $2"
_KEEP: Final = """
INSERT INTO sim_line
       (account, order_id, eid, iccid, product_number, plan_code, network, voice, activation_code, activated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (account) DO UPDATE SET
    order_id = excluded.order_id, eid = excluded.eid, iccid = excluded.iccid,
    product_number = excluded.product_number, plan_code = excluded.plan_code, network = excluded.network,
    voice = excluded.voice, activation_code = excluded.activation_code, activated_at = excluded.activated_at,
    account_id = NULL, code_shown_at = NULL, code_shown_to = NULL, code_request_id = NULL
"""

_ADOPT: Final = """
INSERT INTO sim_line
       (account, order_id, eid, iccid, product_number, plan_code, network, voice, activated_at, account_id,
        whmcs_service_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (account) DO NOTHING
"""


class PostgresAttempts:
    """The `Attempts` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lock(self, transaction: Transaction, order_id: str) -> Attempt | None:
        """Take the order's lock, which also serialises its very first signals, and read."""
        await transaction.execute(_LOCK, order_id)
        row = await transaction.fetchrow(_LATEST, order_id)
        return None if row is None else Attempt(**dict(row))

    async def note_signal(
        self,
        transaction: Transaction,
        signal: ProvisionRequested,
        key: str,
        *,
        verdict: Verdict,
        number: int,
        seen_at: datetime,
    ) -> bool:
        """Insert the signal unless it is there."""
        inserted = await transaction.execute(
            _SIGNAL,
            signal.order_id,
            key,
            signal.source,
            signal.request_id,
            signal.requested_by,
            signal.correlation_id,
            verdict.value,
            number,
            seen_at,
        )
        return inserted == "INSERT 0 1"

    async def belongs(self, transaction: Transaction, order_id: str, number: int, account_id: str) -> None:
        """Write the account."""
        await transaction.execute(
            "UPDATE provisioning_attempt SET account_id = $3 WHERE order_id = $1 AND attempt = $2",
            order_id,
            number,
            account_id,
        )

    async def request_cancel(self, transaction: Transaction, order_id: str, number: int, operator: str) -> None:
        """Write the mark."""
        await transaction.execute(_CANCEL, order_id, number, operator)

    async def cancelled_by(self, order_id: str, number: int) -> str | None:
        """Read the mark."""
        found: str | None = await self._database.fetchval(
            "SELECT cancelled_by FROM provisioning_attempt WHERE order_id = $1 AND attempt = $2", order_id, number
        )
        return found

    async def first_opened(self, order_id: str) -> datetime | None:
        """Read the oldest."""
        found: datetime | None = await self._database.fetchval(
            "SELECT min(opened_at) FROM provisioning_attempt WHERE order_id = $1", order_id
        )
        return found

    async def open(
        self, transaction: Transaction, number: int, signal: ProvisionRequested, opened_at: datetime
    ) -> None:
        """Insert the attempt; a second open one breaks the unique index."""
        await transaction.execute(
            _OPEN,
            signal.order_id,
            number,
            signal.source,
            signal.request_id,
            signal.requested_by,
            signal.correlation_id,
            signal.occurred_at,
            opened_at,
        )

    async def start_early(self, transaction: Transaction, order_id: str, number: int) -> None:
        """Set the mark."""
        await transaction.execute(
            "UPDATE provisioning_attempt SET early = true WHERE order_id = $1 AND attempt = $2", order_id, number
        )

    async def is_early(self, order_id: str, number: int) -> bool:
        """Read the mark."""
        return bool(
            await self._database.fetchval(
                "SELECT early FROM provisioning_attempt WHERE order_id = $1 AND attempt = $2", order_id, number
            )
        )

    async def reached(
        self,
        transaction: Transaction,
        order_id: str,
        number: int,
        stage: Stage,
        *,
        code: str | None,
        at: datetime,
        scheduled_at: datetime | None = None,
    ) -> None:
        """Write the stage."""
        await transaction.execute(_REACHED, order_id, number, stage, code, at, scheduled_at)

    async def end(
        self,
        transaction: Transaction,
        order_id: str,
        number: int,
        state: AttemptState,
        *,
        code: str | None,
        at: datetime,
    ) -> None:
        """Write the end."""
        await transaction.execute(_END, order_id, number, state, code, at)


class PostgresOperations:
    """The `Operations` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, kind: OperationKind, order_id: str, attempt: int, line: str) -> bool:
        """Insert or change unless the unique index forbids it, then see whose the open one is."""
        await self._database.execute(_CLAIM, kind, order_id, attempt, line)
        await self._database.execute(_CLAIM_AGAIN, kind, order_id, attempt, line)
        return bool(await self._database.fetchval(_CLAIMED, kind, order_id, attempt, line))

    async def note_sent(self, kind: OperationKind, order_id: str, attempt: int, at: datetime) -> None:
        """Write the time."""
        await self._database.execute(_NOTE_SENT, kind, order_id, attempt, at)

    async def last_sent(
        self, line: str, kinds: Sequence[OperationKind], but_for: tuple[OperationKind, str, int]
    ) -> datetime | None:
        """Read the newest time."""
        found: datetime | None = await self._database.fetchval(_LAST_SENT, line, list(kinds), *but_for)
        return found

    async def give_up(self, kind: OperationKind, order_id: str, attempt: int) -> None:
        """Write the state."""
        await self._database.execute(_SETTLE, kind, order_id, attempt, "failed")

    async def remember(self, order_id: str, attempt: int, before: Mapping[str, str]) -> None:
        """Write the lines."""
        await self._database.execute(_REMEMBER, order_id, attempt, json.dumps(dict(before)))

    async def before(self, order_id: str, attempt: int) -> Mapping[str, str]:
        """Read the lines."""
        text = await self._database.fetchval(_BEFORE, order_id, attempt)
        found: dict[str, str] = json.loads(text) if text is not None else {}
        return found

    async def settle(
        self, transaction: Transaction, kind: OperationKind, order_id: str, attempt: int, state: OperationState
    ) -> None:
        """Write the state."""
        await transaction.execute(_SETTLE, kind, order_id, attempt, state)


class PostgresLines:
    """The `Lines` port. Activation codes are sealed for the line's number."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def holder(self, account: str) -> str | None:
        """Read whose row it is."""
        found: str | None = await self._database.fetchval("SELECT order_id FROM sim_line WHERE account = $1", account)
        return found

    async def adopt(self, transaction: Transaction, owned: OwnedLine, line: Line) -> bool:
        """Insert the line, whole, unless there is one; who inserts the same at once is waited for."""
        done = await transaction.execute(
            _ADOPT,
            owned.account,
            owned.order_id,
            line.eid,
            line.iccid,
            line.product_number,
            line.plan_code,
            line.network,
            line.carries_voice,
            owned.activated_at,
            owned.account_id,
            owned.service_id,
        )
        return done == "INSERT 0 1"

    async def belongs(self, transaction: Transaction, order_id: str, account_id: str) -> None:
        """Write the account."""
        await transaction.execute("UPDATE sim_line SET account_id = $2 WHERE order_id = $1", order_id, account_id)

    async def serves(self, transaction: Transaction, order_id: str, service_id: int) -> None:
        """Write the service."""
        await transaction.execute("UPDATE sim_line SET whmcs_service_id = $2 WHERE order_id = $1", order_id, service_id)

    async def renew(self, transaction: Transaction, line: Line) -> None:
        """Write profile and code; nobody has seen that one."""
        code = line.activation_code
        sealed = self._seal.close(code, record=line.account) if code is not None else None
        await transaction.execute(_RENEW, line.account, line.eid, line.iccid, sealed)

    async def keep(self, transaction: Transaction, order_id: str, line: Line, *, activated_at: datetime) -> None:
        """Insert the line, or replace a former one of a number that came back."""
        code = line.activation_code
        await transaction.execute(
            _KEEP,
            line.account,
            order_id,
            line.eid,
            line.iccid,
            line.product_number,
            line.plan_code,
            line.network,
            line.carries_voice,
            self._seal.close(code, record=line.account) if code is not None else None,
            activated_at,
        )
