"""The ground the schedules stand on: time that jumps, workers that die, vendors without sockets."""

import asyncio

import httpx
import pytest

from portal_simulation.ground import ground
from portal_simulation.in_process_http import InProcessTransport, InProcessVendor
from portal_simulation.seeded import seeded
from portal_simulation.virtual_time import NothingLeftToWaitFor, VirtualTimeLoop
from portal_simulation.workers import Worker, WorkerKilled, follow_tasks


@pytest.fixture
def run():
    def on_virtual_loop(main):
        loop = VirtualTimeLoop()
        ground().time.follow(loop)
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(main())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    return on_virtual_loop


def test_a_week_of_sleep_takes_no_time_and_ends_in_the_order_of_the_alarms(run):
    woken = []

    async def sleeper(name, seconds):
        await asyncio.sleep(seconds)
        woken.append((name, asyncio.get_running_loop().time()))

    async def main():
        await asyncio.gather(sleeper("late", 7 * 86_400), sleeper("early", 1.5), sleeper("between", 60))

    run(main)
    assert [name for name, _ in woken] == ["early", "between", "late"]
    assert [round(at, 3) for _, at in woken] == [1.5, 60, 604_800]


def test_a_time_out_ends_what_nobody_answers(run):
    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(main) == pytest.approx(30)


def test_waiting_for_what_can_never_come_is_an_error_and_not_a_hang(run):
    async def main():
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftToWaitFor):
        run(main)


def test_a_killed_worker_runs_no_further_line_that_could_have_an_effect(run):
    done = []

    async def work(worker):
        try:
            await worker.reach("first")
            await asyncio.sleep(10)
            done.append("slept")
        finally:
            with pytest.raises(WorkerKilled):
                await worker.reach("cleaning up")
            done.append("unwound")

    async def main():
        follow_tasks(asyncio.get_running_loop())
        worker = Worker("billing", 1, lambda *_: None)
        task = worker.spawn(work(worker))
        await asyncio.sleep(1)
        worker.kill()
        await asyncio.wait([task])

    run(main)
    assert done == ["unwound"]


def test_a_frozen_worker_goes_on_where_it_stood(run):
    async def main():
        worker = Worker("billing", 1, lambda *_: None)
        worker.frozen_until = 40.0
        await worker.reach("anything")
        return asyncio.get_running_loop().time()

    assert run(main) == pytest.approx(40)


@pytest.mark.parametrize(
    ("kind", "params", "error"),
    [
        ("refused", {}, httpx.ReadError),
        ("before_effect", {"seconds": 60}, httpx.ReadTimeout),
        ("after_effect", {"seconds": 60}, httpx.ReadTimeout),
        ("drip", {"interval": 1}, httpx.ReadTimeout),
    ],
)
def test_a_vendor_in_process_fails_as_one_behind_a_socket_does(run, kind, params, error):
    sandbox = ground().sandbox

    async def main():
        sandbox.begin()
        sandbox.core.faults.arm({"vendor": "whmcs", "call": "*", "kind": kind, "params": params})
        vendor = InProcessVendor("whmcs", sandbox.app("whmcs"), seeded(1))
        client = httpx.AsyncClient(transport=InProcessTransport(vendor, passed), timeout=0.5 if kind == "drip" else 30)
        form = {"action": "GetOrders", "identifier": "sandbox-identifier", "secret": "sandbox-secret"}
        with pytest.raises(error):
            await client.post("http://whmcs.sandbox.invalid/includes/api.php", data=form)
        await vendor.close()
        await sandbox.end()

    run(main)


def test_nothing_leaves_for_a_vendor_that_cannot_be_reached(run):
    sandbox = ground().sandbox

    async def main():
        sandbox.begin()
        vendor = InProcessVendor("whmcs", sandbox.app("whmcs"), seeded(1))
        vendor.unreachable_until = 100.0
        client = httpx.AsyncClient(transport=InProcessTransport(vendor, passed))
        with pytest.raises(httpx.ConnectError):
            await client.post("http://whmcs.sandbox.invalid/includes/api.php", data={"action": "GetOrders"})
        return sandbox.core.faults.calls

    assert run(main) == {}


async def passed(_):
    return None
