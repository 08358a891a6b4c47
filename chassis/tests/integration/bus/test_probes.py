"""Each probe turns red for what it is there for, no other does, and it turns green again.

Ready is what the process needs of others; live is what only a restart would mend (libraries.md §1.5).
"""

import asyncio
import json
from dataclasses import replace

import pytest

from portal_chassis.health import Health

DURABLE = "desk-shop-thing-sold-v1"


class Probed:
    """The probes of one bus, as a process has them."""

    def __init__(self, bus):
        self.bus = bus
        self._health = Health()
        self._health.started = True
        self._health.add("bus", bus.connected)
        self._health.add("consumers", bus.consumers_ready)
        self._health.add_live("subscriptions", bus.listens)
        self._health.add_live("consumers", bus.takes)

    async def red(self) -> set[str]:
        """Name the checks that say no, with their probe; the status of each probe says the same."""
        found = set()
        for path in ("/livez", "/readyz"):
            sent: list[dict] = []

            async def send(part, sent=sent):
                sent.append(part)

            await self._health.application({"path": path}, None, send)
            names = {name for name, fine in json.loads(sent[1]["body"])["checks"].items() if not fine}
            assert sent[0]["status"] == (503 if names else 200)
            found |= {f"{path} {name}" for name in names}
        return found

    def is_red(self, *names: str):
        async def look() -> bool:
            return await self.red() == set(names)

        return look


@pytest.fixture
def held():
    """While it is clear, the desk's handler of events stands still."""
    event = asyncio.Event()
    event.set()
    return event


@pytest.fixture
async def desk(running, names, database, provision, held, eventually):
    await provision()
    pace = replace(names.QUICK, pull=replace(names.QUICK.pull, stuck=0.4, batch=2))

    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(_message, _call):
            return names.Greeting(text="hello")

        @bus.watches(names.ThingSeen)
        async def seen(_event):
            return

        @bus.consumes(names.ThingSold)
        async def sold(_event, _delivery):
            await held.wait()

    probed = Probed(await running("desk", wire, database=database, pace=pace))
    await eventually(probed.is_red())
    return probed


async def sell(client, names, numbers):
    for number in numbers:
        await client.jetstream().publish(
            names.ThingSold.subject, names.ThingSold(number=number).model_dump_json().encode()
        )


async def test_a_deleted_durable_is_not_ready_and_alive(desk, client, provision, eventually):
    await client.jetstream().delete_consumer("PORTAL_SHOP", DURABLE)
    await eventually(desk.is_red("/readyz consumers"))
    await provision()
    await eventually(desk.is_red())


async def test_a_lost_bus_is_not_ready_and_alive(desk, nats_server, eventually):
    nats_server.kill()
    await eventually(desk.is_red("/readyz bus", "/readyz consumers"))
    nats_server.start()
    await eventually(desk.is_red())


async def test_a_lost_subscription_of_requests_is_not_alive_and_ready(desk, names, eventually):
    counter = desk.bus._serving._desks[names.Greet]
    await counter._subscription.unsubscribe()
    await eventually(desk.is_red("/livez subscriptions"))
    await counter.open(desk.bus._connection.client, "desk")
    assert await desk.red() == set()


async def test_a_watcher_whose_task_has_died_is_not_alive_and_ready(desk, eventually):
    (subscription,) = desk.bus._watching._subscriptions
    subscription._wait_for_msgs_task.cancel()
    await eventually(desk.is_red("/livez subscriptions"))


async def test_a_pull_that_asks_no_more_is_not_alive_and_ready(desk, eventually):
    (pull,) = desk.bus._pulls()
    pull._tending.cancel()
    await eventually(desk.is_red("/livez subscriptions"))


async def test_events_that_nobody_takes_up_are_not_alive_and_ready(desk, names, client, held, eventually):
    held.clear()
    await sell(client, names, range(8))
    await eventually(desk.is_red("/livez consumers"))
    held.set()
    await eventually(desk.is_red())


async def test_a_service_that_is_leaving_is_still_alive(desk):
    await desk.bus.drain(1.0)
    assert not {name for name in await desk.red() if name.startswith("/livez")}
