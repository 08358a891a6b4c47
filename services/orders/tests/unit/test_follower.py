"""The task that follows hints: nothing ends it, and it does not press somebody who is away."""

import asyncio
from contextlib import suppress

import pytest

from portal_contracts.problems import Misconfigured, TryLater
from portal_orders.jobs import Follower

AWAY = TryLater("SALESFORCE_UNAVAILABLE")
REFUSED = Misconfigured("SALESFORCE_MISCONFIGURED")


class ScriptEndedError(Exception):
    """The script is over."""


async def pauses_after(*script):
    """Give how long a follower sleeps while its rounds end as scripted: an exception, or the number of hints taken."""
    rounds, pauses = iter(script), []

    async def follow():
        await asyncio.sleep(0)
        ends = next(rounds, ScriptEndedError())
        if isinstance(ends, Exception):
            raise ends
        return ends

    async def sleep(seconds):
        await asyncio.sleep(0)
        pauses.append(seconds)

    with suppress(ScriptEndedError):
        await Follower(follow, poll_seconds=0.001, sleep=sleep).run()
    return pauses


async def test_the_longer_salesforce_is_away_the_less_often_it_is_asked():
    """Ten minutes without Salesforce are fifteen looks, not three hundred."""
    assert await pauses_after(*[AWAY] * 7) == [2, 4, 8, 16, 32, 60, 60]


async def test_a_round_that_found_nothing_due_does_not_end_the_pauses_growth_and_orders_followed_do():
    assert await pauses_after(AWAY, 0, AWAY, 0, 0, AWAY, 3, AWAY) == [2, 4, 8, 2]


@pytest.mark.parametrize("ends", [REFUSED, AWAY, TimeoutError()])
async def test_nothing_that_a_round_ends_with_ends_the_task(ends):
    assert await pauses_after(ends, AWAY, ends, 1) != []


async def test_our_set_up_is_looked_at_seldom_from_the_start():
    assert await pauses_after(REFUSED, REFUSED, AWAY) == [30, 60, 60]


async def test_a_pause_never_grows_out_of_bounds():
    assert (await pauses_after(*[AWAY] * 2000))[-1] == 60
