"""The append-only list of security events (R050)."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from portal_chassis.postgres import Transaction


async def write_audit(transaction: Transaction, user_id: str | None, event: str, **facts: Any) -> None:
    """Add an entry in the transaction of what it tells of; facts hold no secrets."""
    await write_audit_of(transaction, user_id, event, None, facts)


async def write_audit_of(
    transaction: Transaction, user_id: str | None, event: str, at: datetime | None, facts: Mapping[str, Any]
) -> None:
    """Add an entry of something that happened before, or now where `at` is None."""
    await transaction.execute(
        "INSERT INTO audit_entry (user_id, event, facts, at) VALUES ($1, $2, $3, coalesce($4, now()))",
        UUID(user_id) if user_id else None,
        event,
        json.dumps(facts),
        at,
    )
