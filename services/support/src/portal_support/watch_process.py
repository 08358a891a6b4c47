"""Tells customers what staff did to their cases: one durable process that asks Salesforce again and again (C24, R220).

It runs in one instance at a time. It asks a little into the past, because a slow transaction shows late, and what was
told once is not told again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel

from portal_chassis.postgres import Transaction
from portal_chassis.process import Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.customer_news import CaseUpdated
from portal_contracts.problems import TryLater
from portal_support.ports import ChangedCase, ChangedCases, News

KIND: Final = "case_watch"
KEY: Final = "all"
OVERLAP: Final = timedelta(minutes=5)


class WatchState(BaseModel):
    """From when on changes are told, and the last one seen; Salesforce's times but for the first."""

    begun_at: datetime | None = None
    seen_until: datetime | None = None


class CaseWatch:
    """Looks every `every`; a page of changes is told in one transaction."""

    def __init__(self, changes: ChangedCases, news: News, every: timedelta) -> None:
        self._changes = changes
        self._news = news
        self._every = every

    def definition(self) -> ProcessDefinition[WatchState]:
        """Give the process: one step, over and over."""
        return ProcessDefinition(KIND, WatchState, (Step("look", self.look),))

    async def look(self, run: Run[WatchState]) -> Outcome:
        """Ask what changed and tell what is new; while Salesforce is away ask again at the usual time."""
        begun = run.state.begun_at or run.clock.now().replace(microsecond=0)
        since = max(begun, (run.state.seen_until or begun) - OVERLAP)
        try:
            changed = await self._changes.since(since)
        except TryLater as away:
            return Wait(after=self._every, because=away.code)
        open_again = await self._news.last_standing([one.case_id for one in changed if _is_open(one)])
        updates = [*_answers(changed), *_standings(changed, open_again, begun)]
        opened = {one.case_id: one.opened_at for one in changed}
        run.state.begun_at = begun
        run.state.seen_until = max([since, *(one.changed_at for one in changed)])

        async def tell(transaction: Transaction) -> None:
            for update in updates:
                await self._news.tell(transaction, update, opened[update.case_id])

        return Wait(after=self._every, effects=(tell,))


def _is_open(change: ChangedCase) -> bool:
    return change.comment_id is None and change.closed_at is None


def _answers(changed: Iterable[ChangedCase]) -> list[CaseUpdated]:
    return [_update(one, "answered", one.comment_id) for one in changed if one.comment_id is not None]


def _standings(changed: Sequence[ChangedCase], open_again: Mapping[str, str], begun: datetime) -> list[CaseUpdated]:
    """Give what was closed since the watch began, and what was told closed and is open."""
    closed = [
        _update(one, "closed", f"{one.case_id}:closed:{one.closed_at:%Y%m%dT%H%M%S%f}")
        for one in changed
        if one.closed_at is not None and one.closed_at >= begun
    ]
    reopened = [
        _update(one, "reopened", f"{open_again[one.case_id]}:reopened")
        for one in changed
        if _is_open(one) and one.case_id in open_again
    ]
    return closed + reopened


def _update(one: ChangedCase, change: str, update_id: str) -> CaseUpdated:
    facts = {"case_id": one.case_id, "account_id": one.account_id, "case_number": one.case_number}
    return CaseUpdated.model_validate({**facts, "update_id": update_id, "change": change})
