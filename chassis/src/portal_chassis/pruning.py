"""Forgets, once an hour, what was kept beyond its time (§5.10): the one place where a service does so.

    old = older_than(service.clock, service.settings.retention_event_months)
    service.pruning.add("timeline entries", deleting("order_timeline", "at < $1", old))

A rule is a batch: a bounded number of rows in a transaction of its own, again and again until fewer are left. Rows that
somebody holds are passed over until the next hour, so instances neither wait for one another nor keep work waiting.
"""

import asyncio
from calendar import monthrange
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Database, StoreUnavailable, Transaction

BATCH: Final = 500
"""Most rows a transaction takes."""
MOST_BATCHES: Final = 200
"""Most transactions of a rule in one round: the next hour goes on."""
_EVERY: Final = 3600.0
_PAUSE: Final = 0.02
"""Seconds between two batches, so that they take no connection from those who serve customers."""

Batch: TypeAlias = Callable[[Transaction], Awaitable[int]]
"""Takes at most BATCH rows and gives how many it took."""
Values: TypeAlias = Callable[[], Sequence[Any]]
"""Gives the values of a statement, such as the moment before which rows are old."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Rule:
    what: str
    sweep: Callable[[], Awaitable[int | None]]


class Pruning:
    """The hourly round of one instance; several instances do each other no harm."""

    def __init__(self, database: Database, every: float = _EVERY) -> None:
        """`every` is in seconds."""
        self._database = database
        self._every = every
        self._rules: list[_Rule] = []

    def add(self, what: str, *batches: Batch) -> None:
        """Have something forgotten, batch by batch; of several batches each is done before the next begins."""
        self._rules.extend(_Rule(what, partial(self._exhaust, batch)) for batch in batches)

    def add_sweep(self, what: str, sweep: Callable[[], Awaitable[None]]) -> None:
        """Have something forgotten by a service's own sweep, for few rows at a time or under locks of its own."""
        self._rules.append(_Rule(what, sweep))

    async def run(self) -> None:
        """Prune every hour until cancelled; whatever goes wrong, the next hour tries again."""
        while True:
            await asyncio.sleep(self._every)
            await self.round()

    async def round(self) -> None:
        """Prune once. A rule that fails is told and does not keep the others from their turn."""
        for rule in self._rules:
            try:
                rows = await rule.sweep()
            except (StoreUnavailable, TimeoutError):
                log.warning("pruning has to wait for the database", what=rule.what)
                return
            except Exception:
                log.exception("something could not be pruned", alert=True, what=rule.what)
                continue
            if rows:
                log.info("what was past its time is forgotten", what=rule.what, rows=rows)

    async def _exhaust(self, batch: Batch) -> int:
        total = 0
        for _ in range(MOST_BATCHES):
            async with self._database.transaction() as transaction:
                rows = await batch(transaction)
            total += rows
            if rows < BATCH:
                break
            await asyncio.sleep(_PAUSE)
        return total


def deleting(table: str, where: str, values: Values = tuple) -> Batch:
    """Give the batch that deletes the rows of a table for which `where` holds; its text is never made of input."""
    return _changing(f"DELETE FROM {table}", table, where, values)  # noqa: S608 - made of constants


def updating(table: str, change: str, where: str, values: Values = tuple) -> Batch:
    """Give the batch that blanks rows; `change` has to make `where` false, or the batch would never end."""
    return _changing(f"UPDATE {table} SET {change}", table, where, values)  # noqa: S608 - made of constants


def older_than(clock: BusinessClock, months: int) -> Values:
    """Give the value of rules about business time: the moment before which things are old, as the clock stands then.

    Months are those of the calendar, and years twelve of them; a shorter month ends sooner. Times of the database's own
    clock are compared with that clock, in the rule's text.
    """

    def moment() -> Sequence[datetime]:
        now = clock.now()
        year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
        return (now.replace(year=year, month=month + 1, day=min(now.day, monthrange(year, month + 1)[1])),)

    return moment


def _changing(statement: str, table: str, where: str, values: Values) -> Batch:
    sql = f"""{statement} WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM {table} WHERE {where} LIMIT {BATCH} FOR UPDATE SKIP LOCKED))"""  # noqa: S608 - made of constants

    async def batch(transaction: Transaction) -> int:
        return int((await transaction.execute(sql, *values())).rsplit(" ", 1)[-1])

    return batch
