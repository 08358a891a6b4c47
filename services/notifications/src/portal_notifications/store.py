"""Notifications' rows in Postgres: what customers turned off, what was reported of mails, and the view of all mails."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from portal_chassis import idempotency
from portal_chassis.postgres import Database, Transaction
from portal_chassis.pruning import BATCH
from portal_contracts.message import Acknowledged
from portal_contracts.notifications import ChangeMailPreferences, ListMails, MailRecord, MailTopic
from portal_notifications.ports import MailEvent

_TURNED_OFF: Final = "SELECT topic FROM mail_preference WHERE account_id = $1"
_TURN_OFF: Final = "INSERT INTO mail_preference (account_id, topic) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_TURN_ON: Final = "DELETE FROM mail_preference WHERE account_id = $1 AND topic = $2"
_NOTE: Final = """
INSERT INTO mail_event (event_id, mail_id, report, at, words)
SELECT n.event_id, n.mail_id, n.report, n.at, n.words
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
    AS n (event_id, mail_id, report, at, words)
WHERE EXISTS (SELECT FROM portal_process WHERE kind = 'mail' AND key = n.mail_id)
ON CONFLICT DO NOTHING
RETURNING event_id
"""
_COLUMNS: Final = """
SELECT id, mail_id, template, account_id, order_id, standing, problem, provider_id, caused_at, reported_at, report
FROM mail
"""
_FIND: Final = f"""{_COLUMNS}
WHERE ($1::text IS NULL OR account_id = $1) AND ($2::text IS NULL OR order_id = $2)
  AND ($3::text IS NULL OR standing = $3) AND ($4::bigint IS NULL OR id < $4)
ORDER BY id DESC LIMIT $5
"""
_ONE: Final = f"{_COLUMNS} WHERE mail_id = $1"
_LAST_END: Final = """
SELECT standing FROM mail
WHERE account_id = $1 AND standing IN ('delivered', 'bounced', 'dropped', 'complained') ORDER BY id DESC LIMIT 1
"""
_OF_ACCOUNT: Final = "SELECT key FROM portal_process WHERE kind = 'mail' AND state ->> 'account_id' = $1"
_FORGET: Final[Mapping[str, str]] = {
    "preferences": "DELETE FROM mail_preference WHERE account_id = $1",
    "reports": f"DELETE FROM mail_event WHERE mail_id IN ({_OF_ACCOUNT})",  # noqa: S608 - constants
    "mails": """
    DELETE FROM portal_process
    WHERE kind = 'mail' AND state ->> 'account_id' = $1 AND status IN ('done', 'failed', 'cancelled')
    """,
}
_SWEEP: Final = f"""
WITH old AS (
    SELECT id, key FROM portal_process
    WHERE kind = 'mail' AND started_at < $1 AND updated_at < $1
        AND status IN ('done', 'failed', 'cancelled') AND reduced_at IS NULL
    LIMIT {BATCH} FOR UPDATE SKIP LOCKED
), reports AS (
    DELETE FROM mail_event e USING old WHERE e.mail_id = old.key
)
DELETE FROM portal_process p USING old WHERE p.id = old.id
"""  # noqa: S608 - made of constants
_REFUSED: Final = frozenset({"bounced", "dropped"})


class PostgresPreferences:
    """The `Preferences` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def turned_off(self, account_id: str) -> frozenset[MailTopic]:
        """Read the customer's rows."""
        async with self._database.transaction() as transaction:
            return frozenset(row["topic"] for row in await transaction.fetch(_TURNED_OFF, account_id))

    async def change(self, account_id: str, command: ChangeMailPreferences) -> None:
        """Add or remove a row for each topic, with the note that the command was carried out."""
        async with self._database.transaction() as transaction:
            if await idempotency.answered(transaction, command, owner=account_id) is not None:
                return
            for one in command.preferences:
                await transaction.execute(_TURN_ON if one.wanted else _TURN_OFF, account_id, one.topic)
            await idempotency.remember(transaction, command, Acknowledged(), owner=account_id)


class PostgresMailBook:
    """The `MailBook` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, events: Sequence[MailEvent]) -> int:
        """Insert what is new and of a mail there is, in one statement."""
        columns = [
            [event.event_id for event in events],
            [event.mail_id for event in events],
            [event.report for event in events],
            [event.at for event in events],
            [event.words for event in events],
        ]
        async with self._database.transaction() as transaction:
            return len(await transaction.fetch(_NOTE, *columns))

    async def find(self, query: ListMails) -> Sequence[MailRecord]:
        """Read the view."""
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(
                _FIND, query.account_id, query.order_id, query.standing, query.before_id, query.limit
            )
        return [_record(row) for row in rows]

    async def read(self, mail_id: str) -> MailRecord | None:
        """Read one row of the view."""
        async with self._database.transaction() as transaction:
            row = await transaction.fetchrow(_ONE, mail_id)
        return _record(row) if row is not None else None

    async def mailbox_refuses(self, account_id: str) -> bool:
        """Look at the last mail of the customer whose end is known."""
        async with self._database.transaction() as transaction:
            return await transaction.fetchval(_LAST_END, account_id) in _REFUSED

    async def sweep(self, transaction: Transaction, ended_before: datetime) -> int:
        """Delete reports and the mails they were of, in one statement."""
        return int((await transaction.execute(_SWEEP, ended_before)).rsplit(" ", 1)[-1])

    async def forget(self, transaction: Transaction, account_id: str) -> Mapping[str, int]:
        """Delete the customer's rows in the transaction of the event; what still waits finds nobody to write to."""
        tags = {what: await transaction.execute(statement, account_id) for what, statement in _FORGET.items()}
        return {what: int(tag.rsplit(" ", 1)[-1]) for what, tag in tags.items()}


def _record(row: Any) -> MailRecord:
    facts = dict(row)
    return MailRecord(code=facts.pop("problem"), **facts)
