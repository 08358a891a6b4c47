"""Brakes on guessing: counts per window, and waits that grow with failures and never lock an owner out for good."""

from hashlib import sha256
from ipaddress import ip_network
from typing import Final
from uuid import UUID

from portal_chassis.postgres import Database
from portal_contracts.problems import TryLater
from portal_identity.audit import ADD, AuditWord, write_audit
from portal_identity.security_notices import tell_owner

FREE_FAILURES: Final = 5
LONGEST_WAIT: Final = 900
FORGET_AFTER: Final = "1 day"
"""Waits begin anew after so long."""
MOST_FAILURES: Final = 100
"""Wrong passwords of an account in a row, wherever they were tried (NIST 800-63B-4): then none is right any more."""
KEEP_TOTALS: Final = "30 days"
"""Below the most, totals of accounts nobody tries any more are forgotten after so long."""

Limit = tuple[str, str, int, int]
"""Scope, key, how many, in how many seconds."""

_COUNT = """
INSERT INTO rate_window (scope, key, opened_at, count)
VALUES ($1, $2, to_timestamp(floor(extract(epoch FROM now()) / $3) * $3), 1)
ON CONFLICT (scope, key, opened_at) DO UPDATE SET count = rate_window.count + 1
RETURNING count, ceil(extract(epoch FROM opened_at) + $3 - extract(epoch FROM now()))::int AS wait
"""
# One statement, as a flood of wrong log-ins costs what this costs: the failure, that of the total, and the audit entry.
_FAILED = f"""
WITH failed AS (
    INSERT INTO login_failure AS f (account, failures, blocked_until, last_at) VALUES ($1, 1, now(), now())
    ON CONFLICT (account) DO UPDATE SET
        told_at = CASE WHEN f.last_at < now() - $4::text::interval THEN NULL ELSE f.told_at END,
        failures = CASE WHEN f.last_at < now() - $4::text::interval THEN 1 ELSE f.failures + 1 END,
        last_at = now(),
        blocked_until = now() + make_interval(secs => CASE
            WHEN f.last_at < now() - $4::text::interval OR f.failures + 1 < $2 THEN 0
            ELSE least($3, power(2, least(f.failures + 1 - $2, 20))) END)
    RETURNING failures
), failed_in_total AS (
    INSERT INTO login_failure AS f (account, failures, blocked_until, last_at)
    SELECT $5, 1, now(), now() WHERE $5::bytea IS NOT NULL
    ON CONFLICT (account) DO UPDATE SET failures = f.failures + 1, last_at = now()
)
{ADD} SELECT $6, $7, jsonb_build_object('address', $8::text, 'failures', failures), now() FROM failed
"""  # noqa: S608 - constants only
_SWEEP = "DELETE FROM login_failure WHERE last_at < now() - $1::text::interval AND failures < $2"
_SLOWED = """
WITH slowed AS (
    UPDATE login_failure SET told_at = now()
    WHERE failures >= $1 AND told_at IS NULL AND last_at > now() - interval '1 hour' RETURNING account
)
SELECT l.account_id FROM slowed JOIN portal_user u ON sha256(convert_to(u.comparable_email, 'UTF8')) = slowed.account
JOIN customer_link l ON l.user_id = u.id
"""


class Brakes:
    """Counts tries in Postgres, so that every instance sees the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, *limits: Limit) -> None:
        """Count a try in each window; TryLater RATE_LIMITED when one is full. Known and unknown keys count alike."""
        for scope, key, most, seconds in limits:
            row = await self._database.fetchrow(_COUNT, scope, _digest(network_of(key)), float(seconds))
            if row is not None and row["count"] > most:
                raise _limited(row["wait"])

    async def check_failures(
        self, account: str, client_address: str = "", event: AuditWord | None = None, user_id: str | None = None
    ) -> None:
        """TryLater RATE_LIMITED while the account's wait lasts, whether it exists or not (R049).

        `event` is then audited as it is in `failed`.
        """
        wait = await self._database.fetchval(
            "SELECT ceil(extract(epoch FROM blocked_until - now()))::int FROM login_failure WHERE account = $1",
            _digest(account),
        )
        if wait is None or wait <= 0:
            return
        if event is not None:
            async with self._database.transaction() as transaction:
                await write_audit(transaction, user_id, event, address=client_address)
        raise _limited(wait)

    async def failed(
        self,
        account: str,
        client_address: str,
        event: AuditWord = "log_in_failed",
        user_id: str | None = None,
        *,
        total: str | None = None,
    ) -> None:
        """Note a failure: from the fifth on each doubles the wait from a second to a quarter of an hour.

        `user_id` is whose account it is, if anybody's: they can read of it. `total` is what `exhausted` counts.
        """
        await self._database.execute(
            _FAILED,
            _digest(account),
            FREE_FAILURES,
            float(LONGEST_WAIT),
            FORGET_AFTER,
            _digest(_total(total)) if total is not None else None,
            UUID(user_id) if user_id else None,
            event,
            client_address,
        )

    async def tell_slowed_owners(self) -> None:
        """Have owners told whose log-in was slowed down, once for a series of failures (§5.2).

        Beside the log-in, not in it: what a failure costs tells nobody whether the address is known.
        """
        async with self._database.transaction() as transaction:
            for row in await transaction.fetch(_SLOWED, FREE_FAILURES):
                await tell_owner(transaction, row["account_id"], "log_in_slowed")

    async def exhausted(self, total: str) -> bool:
        """Whether so many passwords were wrong that not even the right one is believed any more.

        Waits alone would let somebody patient guess on for years. Only what proves the owner otherwise ends it.
        """
        failures = await self._database.fetchval(
            "SELECT failures FROM login_failure WHERE account = $1", _digest(_total(total))
        )
        return failures is not None and failures >= MOST_FAILURES

    async def succeeded(self, account: str, *, total: str | None = None) -> None:
        """Forget the failures of an account, and those of the total."""
        accounts = [_digest(account), *([_digest(_total(total))] if total is not None else [])]
        await self._database.execute("DELETE FROM login_failure WHERE account = ANY($1)", accounts)

    async def sweep(self) -> None:
        """Drop windows nobody needs any more."""
        await self._database.execute("DELETE FROM rate_window WHERE opened_at < now() - interval '2 hours'")
        await self._database.execute(_SWEEP, KEEP_TOTALS, MOST_FAILURES)


def network_of(key: str) -> str:
    """Give the /64 of an IPv6 address, which is one household's; any other key as it is."""
    if ":" not in key:
        return key
    try:
        return str(ip_network((key, 64), strict=False))
    except ValueError:
        return key


def _limited(wait: int) -> TryLater:
    return TryLater("RATE_LIMITED", facts={"seconds": max(1, wait)}, retry_after=max(1, wait))


def _total(account: str) -> str:
    return f"total:{account}"


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
