"""Plays a schedule to its quiet end."""

import asyncio
import fnmatch
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from portal_chassis.machine_time import machine_time_from
from portal_chassis.process_model import TERMINAL, ProcessView
from portal_fulfillment.provisioning_state import PROVISIONING
from portal_orders.ports import NewItem, NewOrder
from portal_orders.salesforce import SalesforceOrders
from portal_salesforce import Salesforce
from portal_sandbox.salesforce.seed import entry_id
from portal_simulation.bus import BusFault
from portal_simulation.ground import Ground, ground
from portal_simulation.in_process_http import InProcessTransport, InProcessVendor
from portal_simulation.log_capture import CAPTURE
from portal_simulation.rules import Rules
from portal_simulation.salesforce_wire import InProcessWire
from portal_simulation.schedule import PRODUCTS, OrderPlan, Schedule
from portal_simulation.seeded import seeded
from portal_simulation.virtual_time import START, VirtualTimeLoop
from portal_simulation.workers import WorkerKilled
from portal_simulation.world import World

LONGEST: Final = 16 * 3600.0
"""Virtual seconds after the calm within which everything must have come to rest."""
STANDS: Final = 40 * 60.0
"""How long a visible block must have stood, seconds, to count as an end: two re-checks and more."""
AFTER_REST: Final = 330.0
"""How long is watched after everybody is at rest: extras must be gone within five minutes."""
REJECTION: Final = {"Status": "Cancelled", "Description": "Rejected: ADDRESS no optical line there"}


@dataclass(slots=True)
class PlacedOrder:
    """An order of the schedule in Salesforce, and how it ended."""

    plan: OrderPlan
    order_id: str
    client_id: int
    total: int
    done: dict[str, datetime] = field(default_factory=dict)
    """What people did, and when: approved, cancelled, …"""
    view: ProcessView | None = None
    """Fulfillment's process at the end."""


@dataclass(slots=True)
class Played:
    """A schedule after its end: what the checks read."""

    schedule: Schedule
    world: World
    orders: list[PlacedOrder]
    hits: Counter[str]
    """Faults that were really met, as `call kind`."""
    calm_at: datetime
    ended_at: datetime
    stuck: list[str]
    failures: list[str]


def play(schedule: Schedule, rules: Rules | None = None, check: Callable[[Played], None] | None = None) -> Played:
    """Play it on a loop of its own; `check` reads the sandbox before the next schedule wipes it."""
    on = ground()
    loop = VirtualTimeLoop()
    on.time.follow(loop)
    asyncio.set_event_loop(loop)
    random.seed(schedule.seed)  # jitter of libraries
    CAPTURE.begin()
    try:
        with machine_time_from(on.time):
            played = loop.run_until_complete(_Player(on, schedule, rules).play())
            played.failures += [
                _told(context) for context in loop.failures if not isinstance(context.get("exception"), WorkerKilled)
            ]
            played.failures += CAPTURE.defects
            if check is not None:
                check(played)
            return played
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _told(context: dict[str, Any]) -> str:
    return f"{context.get('message')}: {context.get('exception')!r}"


class _Player:
    def __init__(self, on: Ground, schedule: Schedule, rules: Rules | None) -> None:
        self._on = on
        self._schedule = schedule
        settings = on.whmcs.model_copy(update={"page_rows": schedule.page_rows})
        self._world = World(replace(on, whmcs=settings), schedule.seed, workers=schedule.workers, rules=rules)
        self._orders: list[PlacedOrder] = []
        self._stuck: list[str] = []
        self._seen: Counter[int] = Counter()
        self._acting: list[asyncio.Task[Any]] = []
        self._calm = False
        self.hits: Counter[str] = Counter()

    async def play(self) -> Played:
        world, schedule = self._world, self._schedule
        await world.begin()
        sandbox = world.sandbox
        await self._place()
        await asyncio.sleep(3)
        sandbox.core.switches.update(
            {vendor: dict(values) for vendor, values in dict(schedule.switches).items() if values}
        )
        if schedule.failing_eids:
            sandbox.core.switches.update({"freebit": {"failFor": ",".join(schedule.failing_eids)}})
        if schedule.silent:
            sandbox.core.switches.update({"salesforce": {"changeEvents": False, "flowEnabled": False}})
        world.network.fate = self._fate
        world.network.repeats, world.network.dawdles = schedule.repeats, schedule.dawdles
        world.strike_later(schedule)
        self._plan()
        await asyncio.sleep(schedule.calm_at)
        self._be_calm()
        calm_at = world.clock.now()
        await self._settle()
        ended_at = world.clock.now()
        for order in self._orders:
            order.view = await world.rows["fulfillment"].processes.read(PROVISIONING, order.order_id)
        failures = list(world.failures)
        await world.end()
        return Played(schedule, world, self._orders, self.hits, calm_at, ended_at, self._stuck, failures)

    # what people do

    async def _place(self) -> None:
        """Customers have ordered: as the portal's own checkout writes it, before any trouble."""
        vendor = InProcessVendor("salesforce", self._on.sandbox.app("salesforce"), seeded(0))

        async def reach(_: str) -> None:
            return None

        salesforce = Salesforce(
            self._on.salesforce, wire=InProcessWire(self._on.salesforce, InProcessTransport(vendor, reach))
        )
        sales = SalesforceOrders(salesforce, internet_commodity="Personal SonixNet Home Internet")
        for number, plan in enumerate(self._schedule.orders):
            await self._place_one(sales, number, plan)

    async def _place_one(self, sales: SalesforceOrders, number: int, plan: OrderPlan) -> None:
        sold = {product.sku: product for product in self._on.catalog.sold}
        skus = PRODUCTS[plan.kind]
        customer = self._on.sandbox.customers[plan.customer % len(self._on.sandbox.customers)]
        items = [
            NewItem(
                key=f"simulated-{number}-{line}",
                entry_id=entry_id(sku),
                quantity=1,
                unit_price=sold[sku].price or 0,
                billing_cycle=sold[sku].billing_cycle,
            )
            for line, sku in enumerate(skus)
        ]
        wanted = NewOrder(
            key=f"simulated-{number}",
            account_id=customer.account_id,
            category=sold[skus[0]].category,
            service_name=skus[0],
            effective_on=self._world.clock.today(),
            items=items,
            eid=plan.eid,
            esim=plan.esim,
            porting=plan.porting,
            activate_at=self._due_at(plan),
        )
        placed = await sales.place(wanted, None)
        if plan.card is not None:
            await self._on.sandbox.change_order(placed.order_id, {"SIM_Card_Number__c": plan.card})
        total = sum(item.unit_price for item in items)
        self._orders.append(PlacedOrder(plan, placed.order_id, customer.whmcs_client_id, total))
        if plan.card_added_at is not None:
            self._on.sandbox.remove_cards(customer.whmcs_client_id)

    def _due_at(self, plan: OrderPlan) -> datetime | None:
        if plan.due_after is None:
            return None
        at = self._world.clock.now() + timedelta(seconds=plan.due_after)
        return at.replace(second=0, microsecond=0) + timedelta(minutes=1)

    def _plan(self) -> None:
        """Set the alarm clocks of everything that will happen."""
        for order in self._orders:
            self._at(order.plan.approved_at, self._change, order, "approved", {"Status": "Approved"})
            self._at(order.plan.rejected_at, self._change, order, "rejected", REJECTION)
            self._at(order.plan.cancelled_at, self._change, order, "cancelled", {"Status": "Cancelled"})
            self._at(order.plan.card_added_at, self._add_card, order)
            self._at(order.plan.accepted_by_hand_at, self._accept_by_hand, order)
            self._at(order.plan.retried_at, self._retry, order)
        for fault in self._schedule.faults:
            self._at(fault.at, self._arm, fault)
        for outage in self._schedule.outages:
            self._at(outage.at, self._break_down, outage)
        self._at(self._schedule.lost_position_at, self._lose_position)
        for at, seconds in self._schedule.moves:
            self._at(at, self._move, seconds)

    def _at(self, seconds: float | None, action: Callable[..., Any], *arguments: Any) -> None:
        if seconds is None:
            return
        loop = asyncio.get_running_loop()

        def start() -> None:
            made = action(*arguments)
            if made is not None:
                self._acting.append(loop.create_task(made))

        loop.call_later(seconds, start)

    async def _change(self, order: PlacedOrder, what: str, values: dict[str, Any]) -> None:
        if what == "cancelled" and self._on.sandbox.order(order.order_id)["Status"] != "Approved":
            return  # it is active already: Salesforce refuses this
        if what == "rejected" and order.order_id not in self._world.rows["orders"].tables["book"].orders:
            return  # a checkout ends with the portal's own row of the order, which is not played here
        await self._on.sandbox.change_order(order.order_id, values)
        order.done[what] = self._world.clock.now()

    def _add_card(self, order: PlacedOrder) -> None:
        self._on.sandbox.add_card(order.client_id)

    async def _accept_by_hand(self, order: PlacedOrder) -> None:
        if await self._on.sandbox.accept_by_hand(order.order_id):
            order.done["accepted by hand"] = self._world.clock.now()

    async def _retry(self, order: PlacedOrder) -> None:
        """Staff ask for another try, once the cause is mended."""
        shown = self._on.sandbox.order(order.order_id)
        if shown["Status"] == "Approved" and shown["Activation_Status__c"] == "Failed":
            self._on.sandbox.core.switches.update({"freebit": {"failFor": ""}})
            await self._on.sandbox.change_order(order.order_id, {"Activation_Status__c": "Activating"})
            order.done["retried"] = self._world.clock.now()

    # trouble

    def _arm(self, fault: Any) -> None:
        if self._calm:
            return
        faults = self._on.sandbox.core.faults
        rule = faults.arm(fault.rule())
        if fault.period is not None:
            asyncio.get_running_loop().call_later(fault.period, self._disarm, rule)

    def _disarm(self, rule: Any) -> None:
        rule.times = 0

    def _break_down(self, outage: Any) -> None:
        vendor = self._world.vendors[outage.vendor]
        vendor.unreachable_until = asyncio.get_running_loop().time() + outage.seconds

    def _lose_position(self) -> None:
        switches = self._on.sandbox.core.switches
        switches.update({"salesforce": {"replayGeneration": 1, "streamGeneration": 1}})
        for worker in self._world.workers["changefeed"]:
            if worker.alive:
                self._world.kill(worker, 20.0)

    def _move(self, seconds: int) -> None:
        self._on.sandbox.core.clock.advance(seconds)

    def _fate(self, subject: str) -> BusFault | None:
        if self._calm:
            return None
        for number, trouble in enumerate(self._schedule.bus):
            if self._seen[number] < trouble.skip + trouble.times and fnmatch.fnmatchcase(subject, trouble.subject):
                self._seen[number] += 1
                if self._seen[number] > trouble.skip:
                    self.hits[f"bus {trouble.kind}"] += 1
                    return trouble.kind
        return None

    def _be_calm(self) -> None:
        """Nothing goes wrong any more; what is under way ends as it was going to."""
        self._calm = True
        for rule in self._on.sandbox.core.faults.all():
            self.hits[f"{rule.vendor} {rule.call} {rule.kind}"] += rule.hits
            rule.times = 0
        self._world.be_calm()
        self._world.network.repeats = self._world.network.dawdles = 0.0
        switches: dict[str, dict[str, Any]] = {
            "salesforce": {"publishBeforeCommit": False, "flowSelfTrigger": False},
        }
        if self._schedule.silent:
            switches["salesforce"]["changeEvents"] = True
        self._on.sandbox.core.switches.update(switches)

    # rest

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        pause = 30.0
        rested_at: float | None = None
        while loop.time() - begun < LONGEST:
            restless = await self._restless()
            if restless:
                rested_at = None
            elif rested_at is None:
                rested_at = loop.time()
            elif loop.time() - rested_at >= AFTER_REST:
                return
            await asyncio.sleep(pause)
            pause = 30.0 if loop.time() - begun < 1800 else 120.0
        self._stuck += restless

    async def _restless(self) -> list[str]:
        """Name what is not at rest yet."""
        found = [f"order {order.order_id}" for order in self._orders if not await self._rests(order)]
        now = self._world.clock.now()
        for service, rows in self._world.rows.items():
            for row in rows.processes._rows.values():
                if row.kind in ("order_sweep", PROVISIONING, "whmcs_order") or row.status in TERMINAL:
                    continue
                if row.kind == "whmcs_sweep" and row.status == "waiting" and self._late_effects_are_over(now):
                    continue
                found.append(f"{service} {row.kind} {row.key} {row.status} {row.step} {row.code}")
        found += [f"event {name}, {tries} tries" for name, tries in self._world.network.under_way.items()]
        return found

    def _late_effects_are_over(self, now: datetime) -> bool:
        return not self._on.sandbox.core.faults._late and now > START + timedelta(seconds=0)

    async def _rests(self, order: PlacedOrder) -> bool:
        plan, clock = order.plan, self._world.clock
        if plan.retried_at is not None and self._on.time.monotonic() - 1000.0 < plan.retried_at + 30.0:
            failed = self._on.sandbox.order(order.order_id)["Activation_Status__c"] == "Failed"
            if failed:
                return False
        view = await self._world.rows["fulfillment"].processes.read(PROVISIONING, order.order_id)
        if view is None:
            # never approved, or cancelled before anybody looked; an approved one must have been found
            status = self._on.sandbox.order(order.order_id)["Status"]
            return bool(status != "Approved")
        if view.status in TERMINAL:
            shown = self._on.sandbox.order(order.order_id)
            told = shown["Status"] != "Approved" or shown["Activation_Status__c"] == "Failed"
            return bool(view.status != "failed" or told)
        if view.status in ("blocked", "needs_human"):
            return (clock.now() - view.started_at).total_seconds() > STANDS and await self._stands(order, view)
        return False

    async def _stands(self, order: PlacedOrder, view: ProcessView) -> bool:
        """Whether the same block has been seen over several re-checks since the calm."""
        seen = order.done.get(f"stands {view.code}")
        if seen is None:
            order.done[f"stands {view.code}"] = self._world.clock.now()
            return False
        return (self._world.clock.now() - seen).total_seconds() > STANDS
