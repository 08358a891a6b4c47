"""What our bus costs beside plain nats-py: CPU per request on both sides, one answer of about 450 bytes.

    python bench/bus_overhead.py [requests]

Bounded: 3 rounds of `requests` (20,000) asks with 16 in flight, everything on loopback. Prints ratios.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Any, ClassVar, Final

import nats
import uvloop

from portal_chassis.bus import Bus, BusAddress, Call, Encoded
from portal_contracts.message import Message, ServiceQuery
from portal_contracts.topology import ServiceTopology
from portal_local.servers import NatsServer

IN_FLIGHT: Final = 16
ROUNDS: Final = 3


class Plan(Message):
    """One line of the answer."""

    plan_id: str
    monthly_fee: int


class Plans(Message):
    """The answer."""

    plans: list[Plan]


class ListPlans(ServiceQuery[Plans]):
    """The question."""

    subject: ClassVar[str] = "bench.plan.list.v1"
    limit: int = 10


ANSWER: Final = Plans(plans=[Plan(plan_id=f"plan-{number:04d}", monthly_fee=3000 + number) for number in range(10)])
BODY: Final = ANSWER.model_dump_json().encode()
QUESTION: Final = b'{"limit":10}'
SERVER: Final = ServiceTopology("bench", serves=(ListPlans,), database=False)
CLIENT: Final = ServiceTopology("bench_client", asks=(ListPlans,), database=False)


def cpu() -> float:
    """Seconds of CPU this process has used."""
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def answer_plainly(url: str) -> None:
    """Answer with nats-py alone, a task per message."""
    client = await nats.connect(url)
    tasks: set[asyncio.Task[None]] = set()

    async def work(message: Any) -> None:
        json.loads(message.data)
        await client.publish(message.reply, BODY)

    async def arrived(message: Any) -> None:
        task = asyncio.create_task(work(message))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    await client.subscribe(ListPlans.subject, queue="bench", cb=arrived)
    await client.flush()


async def answer_with_the_bus(url: str, *, encoded: bool) -> None:
    """Answer with our bus, a ready body or a model."""
    bus = Bus("bench", BusAddress(url), topology=SERVER)
    await bus.connect()

    @bus.answers(ListPlans)
    async def plans(_message: ListPlans, _call: Call) -> Plans | Encoded[Plans]:
        return Encoded(BODY) if encoded else ANSWER

    await bus.start()


async def serve(kind: str, url: str) -> None:
    """Be the server process: say when ready, and the CPU used between two lines of input."""
    if kind == "plain":
        await answer_plainly(url)
    else:
        await answer_with_the_bus(url, encoded=kind == "bytes")
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(cpu(), flush=True)


async def load(ask: Any, requests: int) -> tuple[float, float]:
    """Ask with 16 in flight; give CPU and wall time in µs per request."""
    left = iter(range(requests))

    async def one() -> None:
        for _ in left:
            await ask()

    cpu_before, wall_before = cpu(), perf_counter()
    await asyncio.gather(*(one() for _ in range(IN_FLIGHT)))
    return (cpu() - cpu_before) / requests * 1e6, (perf_counter() - wall_before) / requests * 1e6


async def measure(kind: str, url: str, requests: int) -> tuple[float, float, float]:
    """Give CPU of the server, CPU of the client and wall time in µs per request."""
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs in this loop yet
        [sys.executable, __file__, "--serve", kind, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("no pipes")
        if server.stdout.readline() != "ready\n":
            raise RuntimeError("the server did not start")

        def server_cpu() -> float:
            print("cpu?", file=server.stdin, flush=True)
            return float(server.stdout.readline() if server.stdout else 0)

        if kind == "plain":
            client = await nats.connect(url)
            await load(lambda: client.request(ListPlans.subject, QUESTION, timeout=5), requests // 10)
            before = server_cpu()
            mine, wall = await load(lambda: client.request(ListPlans.subject, QUESTION, timeout=5), requests)
            used = server_cpu() - before
            await client.close()
        else:
            bus = Bus("bench_client", BusAddress(url), topology=replace(CLIENT))
            await bus.connect()
            question = ListPlans()
            ask = (
                (lambda: bus.ask_bytes(ListPlans, QUESTION, timeout=5))
                if kind == "bytes"
                else (lambda: bus.ask(question, timeout=5))
            )
            await load(ask, requests // 10)
            before = server_cpu()
            mine, wall = await load(ask, requests)
            used = server_cpu() - before
            await bus.stop()
        server.stdin.close()
        server.terminate()
    return used / requests * 1e6, mine, wall


def main(requests: int) -> None:
    """Run the rounds and print the best of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        nats_server = NatsServer(Path(folder) / "nats")
        nats_server.start()
        try:
            best: dict[str, tuple[float, float, float]] = {}
            for _ in range(ROUNDS):
                for kind in ("plain", "bytes", "model"):
                    result = uvloop.run(measure(kind, nats_server.url, requests))
                    best[kind] = min(best.get(kind, result), result)
        finally:
            nats_server.stop()
    plain = best["plain"]
    print(f"{'':22}{'server CPU':>12}{'client CPU':>12}{'wall':>10}   µs per request; ratio to plain nats-py")
    for kind, label in (("plain", "nats-py"), ("bytes", "bus, bytes through"), ("model", "bus, typed both ways")):
        figures = best[kind]
        ratios = " ".join(f"{ours / theirs:.2f}" for ours, theirs in zip(figures, plain, strict=True))
        print(f"{label:22}{figures[0]:12.1f}{figures[1]:12.1f}{figures[2]:10.1f}   {ratios}")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--serve":
        uvloop.run(serve(sys.argv[2], sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
