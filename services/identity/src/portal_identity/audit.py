"""The append-only list of security events (R050)."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from portal_chassis.postgres import Transaction


async def write_audit(
    transaction: Transaction, user_id: str | None, event: str, *, at: datetime | None = None, **facts: Any
) -> None:
    """Add an entry in the transaction of what it tells of; facts hold no secrets. `at` is now where nothing is said."""
    await transaction.execute(
        "INSERT INTO audit_entry (user_id, event, facts, at) VALUES ($1, $2, $3, coalesce($4, now()))",
        UUID(user_id) if user_id else None,
        event,
        json.dumps(facts),
        at,
    )
