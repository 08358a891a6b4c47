"""The cache on a real Redis: an invalidation always wins, and Redis down means live reads (C24, R236-R253)."""

import asyncio
import os
import signal
from datetime import timedelta

import pytest

from portal_chassis.cache import LATE, Cache, CacheUnavailable, Patience
from portal_contracts.problems import TryLater

MINUTE = timedelta(minutes=1)


class Vendor:
    """Counts how often it was asked and answers with the current value."""

    def __init__(self) -> None:
        self.value = b"one"
        self.asked = 0
        self.gate: asyncio.Event | None = None
        self.down = False

    async def load(self) -> bytes:
        self.asked += 1
        value = self.value
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise TryLater("WHMCS_UNAVAILABLE")
        await asyncio.sleep(0)
        return value


@pytest.fixture
def vendor():
    return Vendor()


@pytest.fixture
async def cache(redis_url):
    opened = Cache(redis_url, prefix="test", patience=5)
    yield opened
    await opened.close()


async def test_a_second_read_is_answered_from_the_cache(cache, vendor):
    first = await cache.read_through("7", "invoices", MINUTE, vendor.load)
    second = await cache.read_through("7", "invoices", MINUTE, vendor.load)
    assert (first.body, second.body, vendor.asked) == (b"one", b"one", 1)
    assert second.fresh
    assert timedelta() <= second.age < MINUTE


async def test_instances_share_what_was_read(cache, vendor, redis_url):
    other = Cache(redis_url, prefix="test", patience=5)
    await cache.read_through("7", "invoices", MINUTE, vendor.load)
    await other.read_through("7", "invoices", MINUTE, vendor.load)
    await other.close()
    assert vendor.asked == 1


async def test_owners_and_names_are_apart(cache, vendor):
    for owner, name in (("7", "invoices"), ("8", "invoices"), ("7", "services")):
        await cache.read_through(owner, name, MINUTE, vendor.load)
    assert vendor.asked == 3


async def test_invalidating_an_owner_drops_everything_of_theirs_and_nothing_else(cache, vendor):
    for owner, name in (("7", "invoices"), ("7", "services"), ("8", "invoices")):
        await cache.read_through(owner, name, MINUTE, vendor.load)
    await cache.invalidate("7")
    vendor.value = b"two"
    bodies = [
        (await cache.read_through(owner, name, MINUTE, vendor.load)).body
        for owner, name in (("7", "invoices"), ("7", "services"), ("8", "invoices"))
    ]
    assert bodies == [b"two", b"two", b"one"]


async def test_invalidating_one_name_leaves_the_owners_others(cache, vendor):
    for name in ("invoices", "services"):
        await cache.read_through("7", name, MINUTE, vendor.load)
    await cache.invalidate("7", "invoices")
    vendor.value = b"two"
    assert (await cache.read_through("7", "invoices", MINUTE, vendor.load)).body == b"two"
    assert (await cache.read_through("7", "services", MINUTE, vendor.load)).body == b"one"


@pytest.mark.parametrize("names", [(), ("invoices",)])
async def test_an_invalidation_during_a_load_wins(cache, vendor, names):
    vendor.gate = asyncio.Event()
    loading = asyncio.create_task(cache.read_through("7", "invoices", MINUTE, vendor.load))
    async with asyncio.timeout(5):
        while not vendor.asked:
            await asyncio.sleep(0.001)
    vendor.value = b"two"
    await cache.invalidate("7", *names)
    vendor.gate.set()
    assert (await loading).body == b"one"
    assert (await cache.read_through("7", "invoices", MINUTE, vendor.load)).body == b"two"
    assert (await cache.read_through("7", "invoices", MINUTE, vendor.load)).body == b"two"


async def test_twenty_readers_make_one_load(cache, vendor):
    results = await asyncio.gather(*(cache.read_through("7", "x", MINUTE, vendor.load) for _ in range(20)))
    assert {result.body for result in results} == {b"one"}
    assert vendor.asked == 1


async def test_a_rush_of_readers_does_not_look_like_a_missing_redis(cache, vendor):
    await asyncio.gather(*(cache.read_through(str(number), "x", MINUTE, vendor.load) for number in range(300)))
    await asyncio.gather(*(cache.read_through(str(number), "x", MINUTE, vendor.load) for number in range(300)))
    assert vendor.asked == 300


async def test_a_reader_that_goes_away_does_not_end_the_load_of_others(cache, vendor):
    vendor.gate = asyncio.Event()
    first = asyncio.create_task(cache.read_through("7", "x", MINUTE, vendor.load))
    second = asyncio.create_task(cache.read_through("7", "x", MINUTE, vendor.load))
    await asyncio.sleep(0.05)
    first.cancel()
    vendor.gate.set()
    assert (await second).body == b"one"
    await asyncio.gather(first, return_exceptions=True)
    assert vendor.asked == 1


async def test_closing_ends_every_load_also_one_that_new_readers_know_no_more_of(redis_url):
    cache, ended = Cache(redis_url, prefix="test", patience=5), []

    async def load(name):
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(name)

    for name in ("invoices", "services"):
        with pytest.raises(TryLater):
            await cache.read_through("7", name, MINUTE, lambda of=name: load(of), patience=SHORT)
        await cache.invalidate("7")
    await cache.close()
    assert sorted(ended) == ["invoices", "services"]


async def test_an_old_value_is_loaded_again_and_serves_only_when_the_vendor_is_down(cache, vendor):
    tiny, long = timedelta(milliseconds=1), timedelta(minutes=5)
    await cache.read_through("7", "x", tiny, vendor.load, stale_for=long)
    await asyncio.sleep(0.01)
    vendor.value = b"two"
    assert (await cache.read_through("7", "x", tiny, vendor.load, stale_for=long)).body == b"two"
    await asyncio.sleep(0.01)
    vendor.down = True
    stale = await cache.read_through("7", "x", tiny, vendor.load, stale_for=long)
    assert (stale.body, stale.fresh) == (b"two", False)
    assert stale.age > tiny
    with pytest.raises(TryLater):
        await cache.read_through("7", "x", tiny, vendor.load)


async def test_without_redis_every_read_is_live(vendor):
    cache = Cache(None, prefix="test")
    for _ in range(2):
        assert (await cache.read_through("7", "x", MINUTE, vendor.load)).body == b"one"
    await cache.invalidate("7")
    await cache.close()
    assert vendor.asked == 2


async def test_redis_down_means_live_reads_and_loud_invalidations(cache, vendor, redis_server):
    await cache.read_through("7", "x", MINUTE, vendor.load)
    redis_server.kill()
    vendor.value = b"two"
    assert (await cache.read_through("7", "x", MINUTE, vendor.load)).body == b"two"
    with pytest.raises(CacheUnavailable):
        await cache.invalidate("7")
    redis_server.start()
    async with asyncio.timeout(5):
        while True:
            try:
                await cache.invalidate("7")
                break
            except CacheUnavailable:
                await asyncio.sleep(0.05)
    vendor.value = b"three"
    assert (await cache.read_through("7", "x", MINUTE, vendor.load)).body == b"three"


SHORT = Patience(0.05, "WHMCS_UNAVAILABLE")


async def test_a_reader_whose_patience_ends_is_sent_away_and_the_next_finds_what_the_load_brought(cache, vendor):
    vendor.gate = asyncio.Event()
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE") as sent_away:
        await cache.read_through("7", "x", MINUTE, vendor.load, patience=SHORT)
    assert 2 <= sent_away.value.retry_after <= 5
    waiting = asyncio.create_task(cache.read_through("7", "x", MINUTE, vendor.load))
    await asyncio.sleep(0.01)
    vendor.gate.set()
    assert (await waiting).body == b"one"
    assert (await cache.read_through("7", "x", MINUTE, vendor.load, patience=SHORT)).fresh
    assert vendor.asked == 1


async def test_a_reader_whose_patience_ends_gets_the_old_value_marked_where_there_is_one(cache, vendor):
    tiny, long = timedelta(milliseconds=1), timedelta(minutes=5)
    await cache.read_through("7", "x", tiny, vendor.load, stale_for=long)
    await asyncio.sleep(0.01)
    vendor.gate = asyncio.Event()
    found = await cache.read_through("7", "x", tiny, vendor.load, stale_for=long, patience=SHORT)
    assert (found.body, found.fresh) == (b"one", False)


async def test_a_reader_waits_for_its_turn_as_long_as_the_vendor_keeps_up(cache, vendor):
    busy = True
    patience = Patience(0.05, "WHMCS_UNAVAILABLE", at_most=60, keeps_up=lambda seconds: busy and seconds == 0.05)
    vendor.gate = asyncio.Event()
    waiting = [
        asyncio.create_task(cache.read_through("7", name, MINUTE, vendor.load, patience=patience)) for name in "xy"
    ]
    await asyncio.sleep(0.2)
    assert not any(reader.done() for reader in waiting)
    vendor.gate.set()
    assert (await waiting[0]).body == (await waiting[1]).body == b"one"
    vendor.gate = asyncio.Event()
    late = asyncio.create_task(cache.read_through("7", "z", MINUTE, vendor.load, patience=patience))
    await asyncio.sleep(0.1)
    busy = False
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await late


async def test_a_reader_waits_for_its_turn_not_for_ever(cache, vendor):
    vendor.gate = asyncio.Event()
    patience = Patience(0.05, "WHMCS_UNAVAILABLE", at_most=0.1, keeps_up=lambda _seconds: True)
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await cache.read_through("7", "x", MINUTE, vendor.load, patience=patience)


async def test_once_some_waited_in_vain_the_others_are_sent_away_sooner_until_a_load_is_quick_again(cache, vendor):
    patience = Patience(0.4, "WHMCS_UNAVAILABLE")

    async def waited(name: str) -> float:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
            await cache.read_through("7", name, MINUTE, vendor.load, patience=patience)
        return asyncio.get_running_loop().time() - begun

    vendor.gate = asyncio.Event()
    patient = min(await asyncio.gather(*(waited(f"x{number}") for number in range(LATE))))
    assert await waited("y") < patient / 2
    slow, vendor.gate = vendor.gate, None
    assert (await cache.read_through("7", "z", MINUTE, vendor.load, patience=patience)).fresh
    vendor.gate = slow
    assert await waited("w") >= patient / 2


async def test_a_value_that_was_invalidated_serves_no_more_even_while_the_vendor_is_down(cache, vendor):
    await cache.read_through("7", "x", MINUTE, vendor.load, stale_for=MINUTE)
    await cache.invalidate("7")
    vendor.down = True
    with pytest.raises(TryLater):
        await cache.read_through("7", "x", MINUTE, vendor.load, stale_for=MINUTE)


@pytest.mark.parametrize("with_redis", [True, False])
async def test_a_reader_who_comes_after_an_invalidation_waits_for_no_older_load(redis_url, vendor, with_redis):
    cache = Cache(redis_url if with_redis else None, prefix="test", patience=5)
    vendor.gate = asyncio.Event()
    older = asyncio.create_task(cache.read_through("7", "x", MINUTE, vendor.load))
    async with asyncio.timeout(5):
        while not vendor.asked:
            await asyncio.sleep(0.001)
    vendor.value = b"two"
    await cache.forget("7", "x")
    newer = asyncio.create_task(cache.read_through("7", "x", MINUTE, vendor.load))
    await asyncio.sleep(0.01)
    vendor.gate.set()
    assert [(await one).body for one in (older, newer)] == [b"one", b"two"]
    await cache.close()


async def test_what_redis_could_not_be_told_it_is_told_before_the_next_read(vendor, redis_url, redis_server):
    cache = Cache(redis_url, prefix="test", patience=0.2)
    await cache.read_through("7", "x", MINUTE, vendor.load)
    vendor.value = b"two"
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        await cache.forget("7")
        assert (await cache.read_through("7", "x", MINUTE, vendor.load)).body == b"two"
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)
    bodies = set()
    async with asyncio.timeout(10):
        while True:
            before = vendor.asked
            bodies.add((await cache.read_through("7", "x", MINUTE, vendor.load)).body)
            if vendor.asked == before:  # Redis is read again
                break
            await asyncio.sleep(0.15)
    assert bodies == {b"two"}
    await cache.close()
