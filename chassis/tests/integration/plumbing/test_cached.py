"""One kind of cached value on a real Redis: typed, dated when it is past its time, read anew when asked (R236-R253)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter

from portal_chassis.cache import Cache
from portal_chassis.cached import CachedKind
from portal_contracts.problems import Refused, TryLater

MINUTE = timedelta(minutes=1)


class Vendor:
    def __init__(self):
        self.value = {"a": 1}
        self.problem = None
        self.asked = 0

    async def load(self):
        self.asked += 1
        if self.problem is not None:
            raise self.problem
        return self.value


@pytest.fixture
def vendor():
    return Vendor()


@pytest.fixture
async def cache(redis_url):
    opened = Cache(redis_url, prefix="test", patience=5)
    yield opened
    await opened.close()


def kind(cache, ttl=MINUTE, kept_as=dict[str, int], **more):
    return CachedKind(cache, "things", TypeAdapter(kept_as), ttl, **more)


async def test_a_value_comes_back_as_what_it_was_and_fresh_ones_have_no_date(cache, vendor):
    found = [await kind(cache).read("7", vendor.load) for _ in range(2)]
    assert [(one.value, one.as_of) for one in found] == [({"a": 1}, None)] * 2
    assert vendor.asked == 1


async def test_keys_of_one_kind_are_apart(cache, vendor):
    for key in ("", "1", "2", "1"):
        await kind(cache).read("7", vendor.load, key=key)
    assert vendor.asked == 3


async def test_a_copy_past_its_time_says_when_it_was_read(cache, vendor):
    old = kind(cache, timedelta(milliseconds=1), stale_for=MINUTE)
    before = datetime.now(UTC)
    await old.read("7", vendor.load)
    after = datetime.now(UTC)
    await asyncio.sleep(0.01)
    vendor.problem = TryLater("WHMCS_UNAVAILABLE")
    found = await old.read("7", vendor.load)
    assert found.value == {"a": 1}
    assert before - timedelta(seconds=0.1) <= found.as_of <= after + timedelta(seconds=0.1)


async def test_a_refusal_is_never_answered_with_a_copy_and_never_kept(cache, vendor):
    old = kind(cache, timedelta(milliseconds=1), stale_for=MINUTE)
    await old.read("7", vendor.load)
    await asyncio.sleep(0.01)
    vendor.problem = Refused("NOT_FOUND")
    for _ in range(2):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await old.read("7", vendor.load)
    assert vendor.asked == 3


async def test_a_reader_may_want_it_fresh_and_others_get_that_too(cache, vendor):
    one = kind(cache, fresh=timedelta(milliseconds=1))
    await one.read("7", vendor.load)
    await asyncio.sleep(0.01)
    vendor.value = {"a": 2}
    assert (await one.read("7", vendor.load, fresh=True)).value == {"a": 2}
    assert (await one.read("7", vendor.load)).value == {"a": 2}
    assert vendor.asked == 2


async def test_who_wants_it_fresh_again_and_again_does_not_reach_the_vendor_each_time(cache, vendor):
    for _ in range(5):
        await kind(cache).read("7", vendor.load, fresh=True)
    assert vendor.asked == 1


async def test_who_wants_it_fresh_gets_the_dated_copy_while_the_vendor_is_away(cache, vendor):
    one = kind(cache, fresh=timedelta(milliseconds=1))
    await one.read("7", vendor.load)
    await asyncio.sleep(0.01)
    vendor.problem = TryLater("WHMCS_UNAVAILABLE")
    assert (await one.read("7", vendor.load, fresh=True)).as_of is not None
    assert (await one.read("7", vendor.load)).as_of is None


async def test_what_another_version_has_stored_is_read_again(cache, vendor):
    await kind(cache).read("7", vendor.load)
    vendor.value = ["b"]
    assert (await kind(cache, kept_as=list[str]).read("7", vendor.load)).value == ["b"]


async def test_without_redis_the_vendor_is_asked_each_time(vendor):
    live = kind(Cache(None, prefix="test"))
    for fresh in (False, True):
        assert (await live.read("7", vendor.load, fresh=fresh)).value == {"a": 1}
    assert vendor.asked == 2
