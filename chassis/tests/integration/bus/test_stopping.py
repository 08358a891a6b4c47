"""Rolling deploys and lost connections on a real NATS (libraries.md §1.3, §1.4)."""

import asyncio

import nats
import pytest

from portal_chassis.deadline import Deadline
from portal_contracts.problems import TryLater


def slow_desk(names, handled):
    def wire(bus):
        @bus.answers(names.Slow)
        async def slow(message, call):
            await asyncio.sleep(message.seconds)
            handled.append(message)
            return names.Greeting(text="done")

    return wire


async def none_of(*answers):
    return not any([await answer for answer in answers])


async def test_two_instances_one_stops_under_load_and_no_request_is_lost(running, names, eventually):
    handled = ([], [])
    first = await running("desk", slow_desk(names, handled[0]))
    await running("desk", slow_desk(names, handled[1]))
    shop = await running("shop")
    asks = []

    async def load():
        for number in range(400):
            asks.append(asyncio.create_task(shop.ask(names.Slow(seconds=0.3 if number % 10 == 0 else 0.01))))
            await asyncio.sleep(0.002)

    loading = asyncio.create_task(load())
    await eventually(lambda: len(handled[0]) >= 20)
    await first.stop(within=5)
    before = len(handled[0])
    await loading
    results = await asyncio.gather(*asks, return_exceptions=True)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert len(handled[0]) + len(handled[1]) == 400
    assert len(handled[0]) == before
    assert len(handled[1]) > 0


async def test_stopping_finishes_what_waits_behind_the_bound(running, names, eventually):
    handled = []

    def wire(bus):
        @bus.answers(names.Slow, at_once=1, waiting=100)
        async def slow(message, call):
            await asyncio.sleep(0.005)
            handled.append(message)
            return names.Greeting(text="done")

    desk = await running("desk", wire)
    shop = await running("shop")
    asks = [asyncio.create_task(shop.ask(names.Slow())) for _ in range(50)]
    await eventually(lambda: handled)
    await desk.stop(within=5)
    assert len(await asyncio.gather(*asks)) == 50


async def test_what_outlives_the_time_for_stopping_is_told_to_try_again(running, names):
    desk = await running("desk", slow_desk(names, []))
    shop = await running("shop")
    ask = asyncio.create_task(shop.ask(names.Slow(seconds=30), timeout=20))
    await asyncio.sleep(0.1)
    await desk.stop(within=0.2)
    with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await ask


async def test_after_a_restart_of_nats_requests_are_answered_again(running, names, nats_server, eventually):
    desk = await running("desk", slow_desk(names, []))
    shop = await running("shop")
    back = asyncio.Event()
    hints = []

    async def reconnected():
        hints.append(await desk.connected())
        back.set()

    desk.on_reconnect(reconnected)
    await asyncio.to_thread(nats_server.kill)
    with pytest.raises(TryLater):
        await shop.ask(names.Slow(), timeout=0.3)
    assert not await desk.connected()
    nats_server.start()
    await asyncio.wait_for(back.wait(), 10)
    await eventually(shop.connected)
    assert await shop.ask(names.Slow()) == names.Greeting(text="done")
    assert hints == [True]


async def test_a_request_buffered_while_disconnected_is_refused_when_it_arrives_late(
    running, names, nats_server, eventually
):
    """libraries.md §1.3: the caller gave up, so the handler must not run after the restart."""
    handled = []
    desk = await running("desk", slow_desk(names, handled))
    shop = await running("shop")
    await asyncio.to_thread(nats_server.kill)
    await eventually(lambda: none_of(shop.connected(), desk.connected()))
    with pytest.raises(TryLater):
        await shop.ask(names.Slow(), timeout=0.2)
    nats_server.start()
    await eventually(shop.connected)
    await eventually(desk.connected)
    assert await shop.ask(names.Slow()) == names.Greeting(text="done")
    assert len(handled) == 1


async def test_watchers_of_every_instance_hear_a_hint_and_survive_their_own_bugs(running, names, nats_url, eventually):
    heard = []

    def wire(bus):
        @bus.watches(names.ThingSeen)
        async def broken(event):
            raise RuntimeError("a watcher's bug")

        @bus.watches(names.ThingSeen)
        async def seen(event):
            heard.append((id(bus), event.number))

    first = await running("desk", wire)
    second = await running("desk", wire)
    client = await nats.connect(nats_url)
    for body in (b'{"number":1}', b"not json", b'{"number":2}'):
        await client.publish(names.ThingSeen.subject, body)
    await client.close()
    await eventually(lambda: len(heard) == 4)
    assert sorted(heard) == sorted((id(bus), number) for bus in (first, second) for number in (1, 2))


def test_a_deadline_is_absolute_milliseconds_on_the_wire():
    assert Deadline.parse("1700000000123").at_ms == 1_700_000_000_123
