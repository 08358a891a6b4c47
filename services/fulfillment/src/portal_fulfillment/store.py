"""Fulfillment's own decisions in Postgres: attempts and signals, operations at the operator, lines."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from portal_chassis.postgres import Database, Transaction
from portal_chassis.sealing import Seal
from portal_contracts.orders import ProvisionRequested
from portal_fulfillment.attempt import Attempt, AttemptState, Stage
from portal_fulfillment.ports import OperationKind, OperationState
from portal_fulfillment.sim import Line

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('provisioning ' || $1::text, 0))"
_LATEST: Final = """
SELECT order_id, attempt AS number, state, stage, standing_since, ended_at
FROM provisioning_attempt WHERE order_id = $1 ORDER BY attempt DESC LIMIT 1
"""
_OPEN: Final = """
INSERT INTO provisioning_attempt
       (order_id, attempt, source, request_id, requested_by, requested_at, opened_at, standing_since)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
"""
_REACHED: Final = """
UPDATE provisioning_attempt
SET stage = $3, code = $4, standing_since = CASE WHEN stage = $3 THEN standing_since ELSE $5 END
WHERE order_id = $1 AND attempt = $2 AND state = 'open'
"""
_END: Final = """
UPDATE provisioning_attempt SET state = $3, code = $4, ended_at = $5
WHERE order_id = $1 AND attempt = $2 AND state = 'open'
"""
_SIGNAL: Final = "INSERT INTO provisioning_signal (order_id, signal) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_CLAIM: Final = """
INSERT INTO sim_operation (kind, order_id, attempt, line) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
"""
_CLAIMED: Final = """
SELECT EXISTS (SELECT FROM sim_operation WHERE kind = $1 AND order_id = $2 AND attempt = $3 AND line = $4
               AND state IN ('requested', 'accepted', 'unknown'))
"""
_SETTLE: Final = """
UPDATE sim_operation SET state = $4, updated_at = clock_timestamp()
WHERE kind = $1 AND order_id = $2 AND attempt = $3 AND state IN ('requested', 'accepted', 'unknown')
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
    voice = excluded.voice, activation_code = excluded.activation_code, activated_at = excluded.activated_at
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

    async def is_new(self, transaction: Transaction, order_id: str, signal_key: str) -> bool:
        """Insert the signal unless it is there."""
        return await transaction.execute(_SIGNAL, order_id, signal_key) == "INSERT 0 1"

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
        self, transaction: Transaction, order_id: str, number: int, stage: Stage, *, code: str | None, at: datetime
    ) -> None:
        """Write the stage."""
        await transaction.execute(_REACHED, order_id, number, stage, code, at)

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
        """Insert unless a unique index forbids it, then see whose the open one is."""
        await self._database.execute(_CLAIM, kind, order_id, attempt, line)
        return bool(await self._database.fetchval(_CLAIMED, kind, order_id, attempt, line))

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

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

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
