import asyncio

import pytest

from portal_chassis.deadline import Deadline, current_deadline, set_current_deadline, within
from portal_contracts.problems import TryLater


def test_a_deadline_travels_as_absolute_milliseconds():
    deadline = Deadline.after(5)
    assert Deadline.parse(str(deadline.at_ms)) == deadline
    assert 4 < deadline.remaining() <= 5
    assert not deadline.passed


def test_a_passed_deadline_says_try_later():
    deadline = Deadline.after(-0.001)
    assert deadline.passed
    assert deadline.capped(8) == 0
    with pytest.raises(TryLater, match="DEADLINE_PASSED"):
        deadline.check()


def test_a_timeout_is_capped_by_what_is_left():
    assert Deadline.after(2).capped(8) <= 2
    assert Deadline.after(60).capped(8) == 8


def test_a_block_has_its_own_deadline():
    outer, inner = Deadline.after(5), Deadline.after(1)
    with within(outer):
        with within(inner):
            assert current_deadline() == inner
        assert current_deadline() == outer
    assert current_deadline() is None


async def test_a_tasks_deadline_is_its_own():
    async def serve(deadline):
        set_current_deadline(deadline)
        await asyncio.sleep(0)
        return current_deadline()

    deadlines = [Deadline.after(seconds) for seconds in (1, 2, 3)]
    assert await asyncio.gather(*(serve(deadline) for deadline in deadlines)) == deadlines
    assert current_deadline() is None
