"""Differences between the systems, in Postgres: the `Differences` port."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from portal_chassis.postgres import Database, Transaction
from portal_contracts.drift import Drift, DriftKind
from portal_orders.comparison_ports import Difference

MOST_LISTED: Final = 1000
_COLUMNS: Final = (
    "id, kind, order_id, account_id, whmcs_client_id, whmcs_service_id, facts::text, repair, repairable, "
    "first_seen_at, last_seen_at"
)
_SEE: Final = """
INSERT INTO system_difference AS held (id, kind, order_id, account_id, whmcs_client_id, whmcs_service_id, facts,
                                       repair, repairable, first_seen_at, last_seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $10)
ON CONFLICT (id) DO UPDATE SET
    order_id = $3, account_id = $4, whmcs_client_id = $5, whmcs_service_id = $6, facts = $7::jsonb, repair = $8,
    repairable = $9, last_seen_at = $10, closed_at = NULL,
    first_seen_at = CASE WHEN held.closed_at IS NULL THEN held.first_seen_at ELSE $10 END
"""
_ACCOUNTS: Final = """
INSERT INTO compared_account (account_id, compared_at) SELECT unnest($1::text[]), $2
ON CONFLICT (account_id) DO UPDATE SET compared_at = $2
"""


class PostgresDifferences:
    """The port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def see(self, transaction: Transaction, found: Sequence[Difference], at: datetime) -> None:
        """Insert or refresh, in the order of the ids so that two writers never wait for one another."""
        for one in sorted(found, key=lambda difference: difference.id):
            await transaction.execute(
                _SEE,
                one.id,
                one.kind,
                one.order_id,
                one.account_id,
                one.whmcs_client_id,
                one.whmcs_service_id,
                json.dumps(dict(one.facts)),
                one.repair,
                one.repairable,
                at,
            )

    async def close(self, transaction: Transaction, difference_id: str, at: datetime) -> None:
        """Write the end of one."""
        await transaction.execute(
            "UPDATE system_difference SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL", difference_id, at
        )

    async def close_unseen(self, transaction: Transaction, since: datetime, at: datetime) -> None:
        """Write the end of what is gone."""
        await transaction.execute(
            "UPDATE system_difference SET closed_at = $2 WHERE closed_at IS NULL AND last_seen_at < $1", since, at
        )

    async def find(self, difference_id: str) -> Drift | None:
        """Read one."""
        row = await self._database.fetchrow(
            f"SELECT {_COLUMNS} FROM system_difference WHERE id = $1 AND closed_at IS NULL",  # noqa: S608 - no value in it
            difference_id,
        )
        return _drift(row) if row else None

    async def open(self, kind: DriftKind | None) -> Sequence[Drift]:
        """Read the oldest."""
        rows = await self._database.fetch(
            f"SELECT {_COLUMNS} FROM system_difference WHERE closed_at IS NULL AND ($1::text IS NULL OR kind = $1) "  # noqa: S608 - no value in it
            f"ORDER BY first_seen_at, id LIMIT {MOST_LISTED}",
            kind,
        )
        return [_drift(row) for row in rows]

    async def totals(self) -> Mapping[str, int]:
        """Count."""
        rows = await self._database.fetch(
            "SELECT kind, count(*) AS number FROM system_difference WHERE closed_at IS NULL GROUP BY kind"
        )
        return {row["kind"]: row["number"] for row in rows}

    async def accounts_seen(self, transaction: Transaction, account_ids: Collection[str], at: datetime) -> None:
        """Upsert them."""
        await transaction.execute(_ACCOUNTS, sorted(account_ids), at)

    async def seen_since(self, account_ids: Collection[str], since: datetime) -> Collection[str]:
        """Read them."""
        rows = await self._database.fetch(
            "SELECT account_id FROM compared_account WHERE account_id = ANY ($1) AND compared_at >= $2",
            sorted(account_ids),
            since,
        )
        return {row["account_id"] for row in rows}


def _drift(row: Any) -> Drift:
    return Drift(**{**dict(row), "facts": json.loads(row["facts"])})
