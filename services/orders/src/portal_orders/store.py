"""Keys and claims of checkouts, hints, signed calls and commands, in Postgres."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from portal_chassis.idempotency import answered, remember
from portal_chassis.postgres import Database, Transaction
from portal_contracts.message import Acknowledged, Command
from portal_contracts.orders import ProvisionRequested
from portal_orders.ports import Hint, StoredCall, StoredCheckout

_FIND: Final = """
SELECT checkout_id, fingerprint FROM checkout
WHERE account_id = $1 AND key = $2 AND state <> 'failed' AND NOT retired AND (state = 'working' OR expires_at > $3)
"""
_RETIRE: Final = """
UPDATE checkout SET retired = true
WHERE account_id = $1 AND key = $2 AND state = 'placed' AND NOT retired AND expires_at <= $3
"""
_BEGIN: Final = """
INSERT INTO checkout (checkout_id, account_id, key, fingerprint, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id, key) WHERE state <> 'failed' AND NOT retired DO NOTHING
"""
_CLAIM: Final = """
INSERT INTO internet_claim (account_id, checkout_id) VALUES ($1, $2)
ON CONFLICT (account_id) WHERE released_at IS NULL DO NOTHING
"""
_RELEASE: Final = """
UPDATE internet_claim SET released_at = clock_timestamp()
WHERE released_at IS NULL AND (checkout_id = $1 OR order_id = $2)
"""
_TAKE_HINTS: Final = """
WITH due AS (SELECT id FROM order_hint WHERE due_at <= $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
UPDATE order_hint SET due_at = $1::timestamptz + $3::interval FROM due WHERE order_hint.id = due.id
RETURNING order_hint.id, record_id, item, due_at, give_up_at, signal::text, only_wakes, traceparent
"""
_ADD_HINT: Final = """
INSERT INTO order_hint (record_id, item, due_at, give_up_at, signal, only_wakes, traceparent)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7)
"""
_TAKE_NONCE: Final = "INSERT INTO signed_call_nonce (nonce) VALUES ($1) ON CONFLICT DO NOTHING"
_ENTER_CALL: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('signed_call:' || $1, 0))"
NONCES_KEPT: Final = timedelta(minutes=15)
"""Longer than a call can be valid, early and late (R140)."""
CALLS_KEPT: Final = timedelta(days=30)
_INSERTED: Final = "INSERT 0 1"


class PostgresCheckouts:
    """The `Checkouts` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, account_id: str, key: str, now: datetime) -> StoredCheckout | None:
        """Read the live row of the key."""
        return _checkout(await self._database.fetchrow(_FIND, account_id, key, now))

    async def owner(self, checkout_id: str) -> str | None:
        """Read the account."""
        found = await self._database.fetchval("SELECT account_id FROM checkout WHERE checkout_id = $1", checkout_id)
        return None if found is None else str(found)

    async def begin(
        self,
        transaction: Transaction,
        checkout: StoredCheckout,
        *,
        account_id: str,
        key: str,
        now: datetime,
        expires_at: datetime,
    ) -> StoredCheckout:
        """Insert unless somebody has the key; a concurrent insert is waited for by the unique index."""
        await transaction.execute(_RETIRE, account_id, key, now)
        values = (checkout.checkout_id, account_id, key, checkout.fingerprint, now, expires_at)
        while await transaction.execute(_BEGIN, *values) != _INSERTED:
            taken = _checkout(await transaction.fetchrow(_FIND, account_id, key, now))
            if taken is not None:
                return taken
        return checkout

    async def claim_internet(self, transaction: Transaction, account_id: str, checkout_id: str) -> bool:
        """Insert into the partial unique index."""
        return await transaction.execute(_CLAIM, account_id, checkout_id) == _INSERTED

    async def name_claim(self, transaction: Transaction, checkout_id: str, order_id: str) -> None:
        """Write the order's id beside the claim."""
        await transaction.execute(
            "UPDATE internet_claim SET order_id = $2 WHERE checkout_id = $1 AND released_at IS NULL",
            checkout_id,
            order_id,
        )

    async def release_claim(
        self, transaction: Transaction, *, checkout_id: str | None = None, order_id: str | None = None
    ) -> None:
        """Mark the claim released."""
        await transaction.execute(_RELEASE, checkout_id, order_id)

    async def settled(self, transaction: Transaction, checkout_id: str, *, placed: bool) -> None:
        """Write the end."""
        state = "placed" if placed else "failed"
        await transaction.execute("UPDATE checkout SET state = $2 WHERE checkout_id = $1", checkout_id, state)

    async def is_settled(self, checkout_id: str) -> bool:
        """Look whether it is not working any more."""
        state = await self._database.fetchval("SELECT state FROM checkout WHERE checkout_id = $1", checkout_id)
        return bool(state != "working")

    async def take_opportunity(self, order_key: str, candidates: Sequence[str]) -> str | None:
        """Insert the first candidate nobody has; the order's earlier choice stands."""
        async with self._database.transaction() as transaction:
            taken = await transaction.fetchval(
                "SELECT opportunity_id FROM opportunity_taken WHERE order_key = $1", order_key
            )
            if taken is not None:
                return str(taken)
            for candidate in candidates:
                inserted = await transaction.execute(
                    "INSERT INTO opportunity_taken (opportunity_id, order_key) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    candidate,
                    order_key,
                )
                if inserted == _INSERTED:
                    return candidate
        return None


class PostgresHints:
    """The `Hints` port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, transaction: Transaction, hint: Hint) -> None:
        """Append a row."""
        await transaction.execute(
            _ADD_HINT,
            hint.record_id,
            hint.item,
            hint.due_at,
            hint.give_up_at,
            hint.signal.model_dump_json() if hint.signal else None,
            hint.only_wakes,
            hint.traceparent,
        )

    async def take(self, now: datetime, most: int, hidden_for: timedelta) -> Sequence[Hint]:
        """Move due rows into the near future; whoever crashes leaves them to be taken again."""
        rows = await self._database.fetch(_TAKE_HINTS, now, most, hidden_for)
        return sorted((_hint(row) for row in rows), key=lambda hint: hint.id)

    async def drop(self, transaction: Transaction, hints: Sequence[Hint]) -> None:
        """Delete rows."""
        await transaction.execute("DELETE FROM order_hint WHERE id = ANY ($1)", [hint.id for hint in hints])

    async def postpone(self, transaction: Transaction, hints: Sequence[Hint], due_at: datetime) -> None:
        """Write a later time."""
        await transaction.execute(
            "UPDATE order_hint SET due_at = $2 WHERE id = ANY ($1)", [hint.id for hint in hints], due_at
        )


class PostgresSignedCalls:
    """The `SignedCalls` port. All of it happens in the transaction of the effect."""

    async def take_nonce(self, transaction: Transaction, nonce: str) -> bool:
        """Insert it; a concurrent insert is waited for by the primary key."""
        return await transaction.execute(_TAKE_NONCE, nonce) == _INSERTED

    async def enter(self, transaction: Transaction, key: str) -> bool:
        """Try the key's lock, which the transaction's end gives back."""
        return bool(await transaction.fetchval(_ENTER_CALL, key))

    async def find(self, transaction: Transaction, key: str) -> StoredCall | None:
        """Read the row."""
        found = await transaction.fetchval("SELECT fingerprint FROM signed_call WHERE key = $1", key)
        return None if found is None else StoredCall(str(found))

    async def keep(self, transaction: Transaction, key: str, call: StoredCall) -> None:
        """Insert the row."""
        await transaction.execute("INSERT INTO signed_call (key, fingerprint) VALUES ($1, $2)", key, call.fingerprint)

    async def prune(self, transaction: Transaction) -> None:
        """Delete by this database's clock, which also wrote the times."""
        await transaction.execute(
            "DELETE FROM signed_call_nonce WHERE taken_at < clock_timestamp() - $1::interval", NONCES_KEPT
        )
        await transaction.execute(
            "DELETE FROM signed_call WHERE answered_at < clock_timestamp() - $1::interval", CALLS_KEPT
        )


class PostgresCommandLog:
    """The `CommandLog` port on the chassis's table of commands."""

    async def answered(self, transaction: Transaction, command: Command[Any], account_id: str) -> bool:
        """Look the key up; a concurrent one is waited for."""
        return await answered(transaction, command, owner=account_id) is not None

    async def remember(self, transaction: Transaction, command: Command[Any], account_id: str) -> None:
        """Keep the key."""
        await remember(transaction, command, Acknowledged(), owner=account_id)


def _checkout(row: Any) -> StoredCheckout | None:
    return None if row is None else StoredCheckout(row["checkout_id"], row["fingerprint"])


def _hint(row: Any) -> Hint:
    return Hint(
        record_id=row["record_id"],
        due_at=row["due_at"],
        signal=ProvisionRequested.model_validate_json(row["signal"]) if row["signal"] else None,
        give_up_at=row["give_up_at"],
        item=row["item"],
        only_wakes=row["only_wakes"],
        traceparent=row["traceparent"],
        id=row["id"],
    )
