"""Remembers which messages took effect: one row per message, in the transaction of the effect (architecture §4)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, Protocol

KEPT: Final = timedelta(days=30)
"""Longer than a stream keeps messages (14 days) plus the seven days an outbox may republish."""

_ADMIT: Final = """
INSERT INTO portal_inbox (message_id, durable)
SELECT given.message_id, $2 FROM unnest($1::text[]) AS given(message_id) ORDER BY given.message_id
ON CONFLICT (message_id) DO NOTHING
RETURNING message_id
"""


class Fetches(Protocol):
    """The part of an asyncpg connection the inbox needs."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        """Run a query and give its rows."""


async def admit(connection: Fetches, durable: str, message_ids: Sequence[str]) -> set[str]:
    """Insert the ids and give those that are new.

    Another transaction that is taking the same message makes this wait for its outcome. Ids are inserted in order, so
    two instances with overlapping batches cannot lock one another out.
    """
    rows = await connection.fetch(_ADMIT, sorted(set(message_ids)), durable)
    return {row["message_id"] for row in rows}
