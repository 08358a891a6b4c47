"""What customers are told of their cases (C24): the process on a scripted org and virtual time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal_chassis.memory import InMemoryDatabase
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import ManualClock, engine
from portal_support.ports import ChangedCase
from portal_support.testing import InMemoryNews, ScriptedChanges
from portal_support.watch_process import KEY, KIND, OVERLAP, CaseWatch, WatchState

EVERY = timedelta(seconds=60)
CASE = "500000000000001AAA"


class Watch:
    """The watch, and what staff do."""

    def __init__(self) -> None:
        self.clock, self.changes, self.news = ManualClock(), ScriptedChanges(), InMemoryNews()
        definition = CaseWatch(self.changes, self.news, EVERY).definition()
        self.store = InMemoryProcessStore(self.clock)
        self.engine = engine(definition, clock=self.clock, store=self.store)

    async def start(self) -> None:
        async with InMemoryDatabase().transaction() as transaction:
            await self.engine.start(transaction, KIND, KEY, WatchState())
        await self.engine.run_until_idle()

    async def look(self) -> list[tuple[str, str]]:
        """Let the next look happen and give everything told so far."""
        self.clock.advance(EVERY)
        await self.engine.run_until_idle()
        return [(update.case_id, update.change) for update in self.news.told]

    def change(self, **more: object) -> ChangedCase:
        changed = ChangedCase(CASE, "00001001", "001000000000001AAA", self.clock.now().replace(microsecond=0))
        self.changes.changes.append(replace(changed, **more))
        return self.changes.changes[-1]


@pytest.fixture
async def watch() -> Watch:
    built = Watch()
    await built.start()
    return built


async def test_a_published_comment_is_told_once_though_it_is_seen_again_and_again(watch) -> None:
    watch.change(comment_id="00a000000000001AAA")
    for _ in range(4):
        assert await watch.look() == [(CASE, "answered")]
    (told,) = watch.news.told
    assert (told.update_id, told.case_number) == ("00a000000000001AAA", "00001001")


async def test_closing_is_told_and_opening_again_too(watch) -> None:
    watch.change(closed_at=watch.clock.now())
    assert await watch.look() == [(CASE, "closed")]
    watch.changes.changes.clear()
    watch.change()
    assert await watch.look() == [(CASE, "closed"), (CASE, "reopened")]
    watch.changes.changes.clear()
    watch.clock.advance(60)
    watch.change(closed_at=watch.clock.now())
    assert await watch.look() == [(CASE, "closed"), (CASE, "reopened"), (CASE, "closed")]
    assert len({update.update_id for update in watch.news.told}) == 3


async def test_what_the_customer_opened_again_is_not_told_to_the_customer(watch) -> None:
    watch.change(closed_at=watch.clock.now())
    await watch.look()
    watch.changes.changes.clear()
    await watch.news.reopened_by_customer(CASE, "001000000000001AAA", "reopen-0001")
    watch.change()
    assert await watch.look() == [(CASE, "closed")]


async def test_an_edit_that_changes_nothing_for_the_customer_is_not_told(watch) -> None:
    watch.change()
    assert await watch.look() == []


async def test_a_case_that_was_closed_before_the_watch_began_is_not_told(watch) -> None:
    watch.change(closed_at=watch.clock.now() - timedelta(days=30))
    assert await watch.look() == []


async def test_what_happened_while_salesforce_was_away_is_told_afterwards(watch) -> None:
    watch.changes.away = True
    watch.change(comment_id="00a000000000001AAA")
    assert await watch.look() == []
    assert await watch.look() == [(CASE, "answered")]


async def test_a_change_that_shows_late_is_still_seen(watch) -> None:
    watch.clock.advance(OVERLAP)
    newer = watch.change(comment_id="00a000000000001AAA")
    await watch.look()
    watch.change(comment_id="00a000000000002AAA", changed_at=newer.changed_at - timedelta(minutes=4))
    assert await watch.look() == [(CASE, "answered"), (CASE, "answered")]


async def test_the_watch_asks_from_what_it_saw_and_never_from_before_it_began(watch) -> None:
    begun = watch.changes.asked[0]
    watch.clock.advance(timedelta(hours=2))
    seen = watch.change(comment_id="00a000000000001AAA").changed_at
    await watch.look()
    await watch.look()
    assert watch.changes.asked[1] == begun
    assert watch.changes.asked[-1] == seen - OVERLAP
