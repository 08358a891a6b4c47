"""How long the chassis's own tables keep messages, answers, dead letters, operators' actions and processes (§5.10)."""

from datetime import timedelta
from typing import Final

from portal_chassis import idempotency, inbox
from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.process_engine import ProcessEngine
from portal_chassis.process_port import ProcessStore
from portal_chassis.pruning import BATCH, Pruning, deleting
from portal_chassis.settings import ChassisSettings

# The attempts go with their letter; whoever replays one holds its row and is passed over.
_LETTERS: Final = f"""
WITH old AS (
    SELECT id FROM portal_dead_letter
    WHERE closed_at < clock_timestamp() - make_interval(days => $1) AND state <> 'buried'
    LIMIT {BATCH} FOR UPDATE SKIP LOCKED
), attempts AS (
    DELETE FROM portal_dead_letter_attempt a USING old WHERE a.dead_letter_id = old.id
)
DELETE FROM portal_dead_letter d USING old WHERE d.id = old.id
"""  # noqa: S608 - made of constants
# One instance at a time: two would collide on the table's entry in the catalogue.
_TURN: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('portal_operator_action retention', 0))"
_ANY: Final = "SELECT EXISTS (SELECT FROM portal_operator_action WHERE at < now() - make_interval(months => $1))"
_MAY_DELETE: Final = "GRANT DELETE ON portal_operator_action TO CURRENT_USER"
_MAY_NOT: Final = "REVOKE DELETE ON portal_operator_action FROM CURRENT_USER"
_ACTIONS: Final = f"""
DELETE FROM portal_operator_action WHERE id = ANY (ARRAY (
    SELECT id FROM portal_operator_action WHERE at < now() - make_interval(months => $1) ORDER BY at LIMIT {BATCH}))
"""  # noqa: S608 - made of constants


def keep_messages(pruning: Pruning) -> None:
    """Forget taken messages and stored answers when nobody can send or ask again."""
    taken, answered = "taken_at < clock_timestamp() - $1::interval", "answered_at < clock_timestamp() - $1::interval"
    pruning.add("taken messages", deleting("portal_inbox", taken, lambda: (inbox.KEPT,)))
    pruning.add("stored answers", deleting("portal_command", answered, lambda: (idempotency.KEPT,)))


def keep_decisions(pruning: Pruning, days: int, months: int) -> None:
    """Forget dead letters closed `days` ago and what operators did `months` ago; buried letters need a person first."""

    async def letters(transaction: Transaction) -> int:
        return _number(await transaction.execute(_LETTERS, days))

    async def actions(transaction: Transaction) -> int:
        """The permission to delete lasts for this transaction alone; the trigger keeps 13 months anyhow."""
        if not await transaction.fetchval(_TURN) or not await transaction.fetchval(_ANY, months):
            return 0
        await transaction.execute(_MAY_DELETE)
        rows = _number(await transaction.execute(_ACTIONS, months))
        await transaction.execute(_MAY_NOT)
        return rows

    pruning.add("closed dead letters", letters)
    pruning.add("operators' actions", actions)


def keep_processes(
    pruning: Pruning, store: ProcessStore, processes: ProcessEngine, clock: BusinessClock, days: int
) -> None:
    """Reduce processes that ended that long ago to their proof, in business time as they ended.

    Kinds without a proof are their service's own business; one that nobody registers any more stays as it is.
    """

    async def finished(transaction: Transaction) -> int:
        now, rows = clock.now(), 0
        for one in processes.definitions:
            if one.proof is not None and rows < BATCH:
                ended_before, limit = now - timedelta(days=days), BATCH - rows
                rows += await store.reduce(
                    transaction, one.kind, one.proof, ended_before=ended_before, now=now, limit=limit
                )
        return rows

    pruning.add("finished processes", finished)


def keep_own_tables(
    pruning: Pruning, store: ProcessStore, processes: ProcessEngine, clock: BusinessClock, settings: ChassisSettings
) -> None:
    """Add the rules for everything the chassis keeps, but the outbox: its relay forgets what it has published."""
    keep_messages(pruning)
    keep_decisions(pruning, settings.retention_dead_letter_days, settings.retention_operator_action_months)
    keep_processes(pruning, store, processes, clock, settings.retention_process_days)


def _number(command_tag: str) -> int:
    return int(command_tag.rsplit(" ", 1)[-1])
