"""One simulated portal: workers of every service over one sandbox, one bus and one clock."""

import asyncio
import contextvars
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from portal_chassis.clocks import TOKYO, Moves
from portal_chassis.outbound import Outbound
from portal_chassis.process import ProcessEngine
from portal_chassis.process_port import Claim
from portal_contracts.message import Event
from portal_salesforce import Salesforce
from portal_simulation.bus import Network, WorkerBus
from portal_simulation.databases import ServiceRows, StoreHooks, WorkerDatabase, WorkerStore
from portal_simulation.ground import Ground
from portal_simulation.in_process_http import InProcessTransport, InProcessVendor
from portal_simulation.mutated import transport_of
from portal_simulation.rules import Rules
from portal_simulation.salesforce_wire import InProcessWire
from portal_simulation.schedule import Schedule
from portal_simulation.seeded import seeded
from portal_simulation.services import billing, changefeed, fulfillment, neighbours, notifications, orders
from portal_simulation.services.parts import Parts
from portal_simulation.virtual_time import VirtualTimeLoop
from portal_simulation.workers import Worker, WorkerKilled, follow_tasks, unkilled

VENDORS: Final = ("salesforce", "whmcs", "freebit", "sendgrid")
WIRES: Final[Mapping[str, Callable[[Parts], Awaitable[None]]]] = {
    "identity": neighbours.wire_identity,
    "catalog": neighbours.wire_catalog,
    "orders": orders.wire,
    "billing": billing.wire,
    "fulfillment": fulfillment.wire,
    "notifications": notifications.wire,
    "changefeed": changefeed.wire,
}
SELDOM: Final = 600.0
LEASE_IS_OVER: Final = 31.0
LIVENESS: Final = 10.0
"""What a supervisor takes to notice that a process does not answer."""
RESTART: Final = 2.0
"""What a supervisor takes to start a process again that ended by itself."""


class SandboxBusinessClock:
    """Business time as the sandbox has it: virtual time plus what it was moved by."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.moved = Moves()
        self._now = now

    def now(self) -> datetime:
        """Give the time, aware, UTC."""
        return self._now()

    def today(self) -> date:
        """Give the date in Tokyo."""
        return self._now().astimezone(TOKYO).date()


@dataclass(slots=True)
class Blow:
    """What will befall a worker of a service, `left` points with a name like `where` from now."""

    service: str
    where: str
    left: int
    seconds: float
    deadly: bool


class World:
    """Everything of one schedule. `begin` starts it on the running virtual loop, `end` stops it."""

    def __init__(self, ground: Ground, seed: int, *, workers: int = 1, rules: Rules | None = None) -> None:
        self.ground = ground
        self.sandbox = ground.sandbox
        self.rules = rules or Rules()
        self.chance = seeded(seed)
        self.network = Network(seeded(seed + 1))
        self.clock = SandboxBusinessClock(ground.sandbox.core.clock.now)
        self.vendors = {
            name: InProcessVendor(name, ground.sandbox.app(name), seeded(f"{seed} {name}")) for name in VENDORS
        }
        self.rows: dict[str, ServiceRows] = {}
        self.workers: dict[str, list[Worker]] = {name: [] for name in WIRES}
        self.engines: dict[str, list[tuple[Worker, ProcessEngine]]] = {name: [] for name in WIRES}
        self.points: Counter[str] = Counter()
        """How often each service passed a point at which it may die."""
        self._blows: list[Blow] = []
        self.died: list[tuple[str, str]] = []
        self.froze: list[tuple[str, str]] = []
        self.failures: list[str] = []
        self.taken_over = 0
        """How often a worker went on with what another had not finished."""
        self._number = 0
        self._workers_each = workers
        self._billing_settings = billing.settings(self.rules)

    async def begin(self) -> None:
        """Put the sandbox back to the first day and start every service."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualTimeLoop):
            raise TypeError("a simulated portal runs on virtual time")
        follow_tasks(loop)
        self.sandbox.begin()
        self.sandbox.core.clock.on_move(self.clock.moved.announce)
        for service in WIRES:
            self.rows[service] = ServiceRows(self._publish, self.ground.time, self.rules)
            for _ in range(self._workers_each if service in {"orders", "billing", "fulfillment"} else 1):
                await self.start(service)

    async def end(self) -> None:
        """Stop everything."""
        self.sandbox.core.clock._callbacks.remove(self.clock.moved.announce)
        for workers in self.workers.values():
            for worker in workers:
                worker.kill()
        for vendor in self.vendors.values():
            await vendor.close()
        await self.sandbox.end()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def start(self, service: str) -> Worker:
        """Start one more worker of a service."""
        self._number += 1
        worker = Worker(service, self._number, self._reached)
        self.workers[service].append(worker)
        starting = worker.spawn(self._build(worker), "starting")
        await asyncio.wait([starting])
        problem = None if starting.cancelled() else starting.exception()
        if problem is not None and not isinstance(problem, WorkerKilled):
            raise problem
        return worker

    async def _build(self, worker: Worker) -> None:
        service, rows = worker.service, self.rows[worker.service]
        engine = ProcessEngine(
            WorkerStore(
                worker,
                rows,
                StoreHooks(lambda due: self._due(service, due), self._pause, self._claimed, self._wrote_late),
            ),
            self.clock,
            self.ground.time,
            poll_seconds=SELDOM,
            observe_seconds=1e9,
        )
        bus = WorkerBus(self.network, worker, self.rules)
        backgrounds: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        parts = Parts(
            worker=worker,
            bus=bus,
            rows=rows,
            database=WorkerDatabase(worker, rows.database),
            processes=engine,
            clock=self.clock,
            machine=self.ground.time,
            transport=lambda vendor: transport_of(self.vendors[vendor], worker.reach, self.rules),
            salesforce=lambda: self._salesforce(worker),
            background=lambda name, run: backgrounds.append((name, run)),
            alarm=self.alarm,
            rules=self.rules,
            settings={
                "sim_plans": self.ground.sim_plans,
                "billing": self._billing_settings,
                "whmcs": self.ground.whmcs,
                "org": self.sandbox.org,
                "customers": self.sandbox.customers,
                "catalog": self.ground.catalog,
            },
        )
        await WIRES[service](parts)
        await bus.open()
        if engine.kinds:
            backgrounds.append(("processes", engine.run))
            self.engines[service].append((worker, engine))
        for name, run in backgrounds:
            worker.spawn(self._watched(worker, name, run), name)

    async def _watched(self, worker: Worker, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a background; its failure ends the process, as in the portal, and is a defect."""
        try:
            await unkilled(run)()
        except Exception as error:  # noqa: BLE001 - told at the end
            self.failures.append(f"background {name} ended: {error!r}")
            self.kill(worker, RESTART)

    def _salesforce(self, worker: Worker) -> Salesforce:
        transport = InProcessTransport(self.vendors["salesforce"], worker.reach)
        settings = self.ground.salesforce
        outbound = Outbound("salesforce", at_once=settings.at_once, waiting=200, clock=self.ground.time)
        return Salesforce(settings, outbound=outbound, wire=InProcessWire(settings, transport))

    # what happens in it

    def _publish(self, number: int, event: Event) -> None:
        self.network.publish(number, event, inbox=lambda consumer: self.rows[consumer].database)

    def _claimed(self, worker: Worker, claim: Claim, *, while_held: bool) -> None:
        """Hear of a claim: one of a process whose lease still holds would let two workers act at once."""
        self.taken_over += claim.crashed
        if while_held:
            self.failures.append(f"{worker} took {claim.kind} {claim.key} while its lease was held (rule 2)")

    def _wrote_late(self, worker: Worker, claim: Claim) -> None:
        self.failures.append(
            f"{worker} wrote {claim.kind}.{claim.step} of {claim.key} after it was taken over (fencing)"
        )

    async def _pause(self) -> None:
        await asyncio.sleep(self.chance.uniform(0.0002, 0.002))

    def _reached(self, worker: Worker, point: str) -> None:
        self.points[worker.service] += 1
        for blow in self._blows:
            if blow.service == worker.service and blow.where in point:
                blow.left -= 1
                if not blow.left:
                    self._strike(blow, worker, point)
        self._blows = [blow for blow in self._blows if blow.left > 0]

    def _strike(self, blow: "Blow", worker: Worker, point: str) -> None:
        if blow.deadly:
            self.died.append((worker.name, point))
            self.kill(worker, blow.seconds)
        else:
            self.froze.append((worker.name, point))
            self.freeze(worker, blow.seconds)

    def strike_later(self, schedule: Schedule) -> None:
        """Let workers die and freeze at the points the schedule names, counted from now."""
        self._blows += [Blow(one.service, one.where, one.point, one.down, deadly=True) for one in schedule.deaths]
        self._blows += [Blow(one.service, one.where, one.point, one.seconds, deadly=False) for one in schedule.freezes]

    def be_calm(self) -> None:
        """Let nobody die or freeze any more."""
        self._blows.clear()

    def freeze(self, worker: Worker, seconds: float) -> None:
        """Stop a worker for a while; where it is the only one, a supervisor starts another beside it."""
        loop = asyncio.get_running_loop()
        worker.frozen_until = loop.time() + seconds
        if not any(other.alive for other in self.workers[worker.service] if other is not worker):
            loop.call_later(
                LIVENESS, lambda: loop.create_task(self._start_again(worker.service), context=contextvars.Context())
            )
        loop.call_later(LEASE_IS_OVER, self.nudge, worker.service)

    def kill(self, worker: Worker, down: float) -> None:
        """End a worker now and start another in its place later."""
        loop = asyncio.get_running_loop()
        worker.kill()
        loop.call_later(LEASE_IS_OVER, self.nudge, worker.service)
        loop.call_later(
            down, lambda: loop.create_task(self._start_again(worker.service), context=contextvars.Context())
        )

    async def _start_again(self, service: str) -> None:
        await self.start(service)

    def _due(self, service: str, at: datetime) -> None:
        self.alarm(at, lambda: self.nudge(service))

    def alarm(self, at: datetime, callback: Callable[[], None]) -> None:
        """Call back at a moment of business time, or up to a second later as a poll would."""
        seconds = (at - self.clock.now()).total_seconds()
        asyncio.get_running_loop().call_later(max(0.0, seconds) + self.chance.uniform(0.0, 1.0), callback)

    def nudge(self, service: str) -> None:
        """Let the living workers of a service look for what is due."""
        for worker, engine in self.engines[service]:
            if worker.alive:
                engine.nudge()

    async def move_clock(self, by: timedelta) -> None:
        """Move business time forward, for vendors and portal alike."""
        self.sandbox.core.clock.advance(int(by.total_seconds()))
