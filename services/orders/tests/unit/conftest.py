"""The whole service on fakes, with a clock that only the test moves."""

from datetime import date, timedelta
from itertools import count
from types import SimpleNamespace

import pytest

from portal_chassis.deadline import Deadline
from portal_chassis.memory import InMemoryDatabase
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import FakeBus, InMemoryOperatorDesk, ManualClock, engine, work_for
from portal_contracts.billing import Subscription
from portal_contracts.cancellation import PreviewCancellation, RequestCancellation, RevokeCancellation
from portal_contracts.changefeed import OrderChanged
from portal_contracts.customer_news import CancellationProgressed
from portal_contracts.fulfillment import ProvisioningProgressed
from portal_contracts.orders import CartLine, CheckOut, ProvisionRequested
from portal_contracts.porting import NumberPorting
from portal_contracts.values import long_salesforce_id
from portal_orders import consumers
from portal_orders.cancellation_ports import Contract
from portal_orders.cancellation_process import KIND as CANCELLATION
from portal_orders.cancellation_settings import CancellationSettings
from portal_orders.cancellation_testing import (
    INTERNET,
    SIM,
    VPN,
    FixedServiceBilling,
    FixedServiceLines,
    InMemoryCancellations,
    InMemoryContracts,
    InMemoryRequestCases,
)
from portal_orders.cancellation_wiring import ServiceSide, join_services
from portal_orders.check_out import Buyer
from portal_orders.comparison_in_memory import FixedClients, FixedLinks, InMemoryDifferences, InMemoryRecords
from portal_orders.eligibility_in_memory import (
    FixedShelf,
    FixedVerifications,
    InMemoryAccounts,
    InMemoryEligibility,
    InMemoryKeptCarts,
    RecordedCases,
)
from portal_orders.main import Outside, join, register_for_customers
from portal_orders.ports import Hint
from portal_orders.rows_in_memory import (
    InMemoryBook,
    InMemoryCheckouts,
    InMemoryCommandLog,
    InMemoryHints,
    InMemorySignedCalls,
)
from portal_orders.settings import OrdersSettings
from portal_orders.staff_side import StaffSide
from portal_orders.sweep_orders import KEY, KIND, SweepState
from portal_orders.testing import ACCOUNT, CLIENT, EID, FixedBilling, FixedCustomers, FixedProducts, InMemorySales

BUYER = Buyer(ACCOUNT, CLIENT, may_change_address=True)


class World:
    """Everything a test looks at."""

    def __init__(self):
        self.clock = ManualClock()
        self.database = InMemoryDatabase()
        self.sales = InMemorySales(self.clock)
        self.billing = FixedBilling()
        self.products = FixedProducts()
        self.customers = FixedCustomers()
        self.book = InMemoryBook()
        self.checkouts = InMemoryCheckouts()
        self.hints = InMemoryHints()
        self.processes = engine(clock=self.clock, store=InMemoryProcessStore(self.clock, self.database))
        self.signed_calls = InMemorySignedCalls()
        self.records = InMemoryRecords(self.sales)
        self.clients = FixedClients()
        self.links = FixedLinks({CLIENT: ACCOUNT})
        self.differences = InMemoryDifferences()
        self.desk = InMemoryOperatorDesk(self.database)
        self.accounts = InMemoryAccounts(self.clock)
        self.accounts.staff_say(ACCOUNT, state="eligible", types=("Home 1G",))
        self.eligibility = InMemoryEligibility()
        self.shelf = FixedShelf()
        self.cases = RecordedCases()
        self.verifications = FixedVerifications()
        self.carts = InMemoryKeptCarts()
        outside = Outside(
            transactions=self.database.transaction,
            book=self.book,
            checkouts=self.checkouts,
            hints=self.hints,
            signed_calls=self.signed_calls,
            commands=InMemoryCommandLog(),
            sales=self.sales,
            customers=self.customers,
            products=self.products,
            billing=self.billing,
            records=self.records,
            clients=self.clients,
            links=self.links,
            differences=self.differences,
            desk=self.desk,
            accounts=self.accounts,
            staff=StaffSide(
                eligibility=self.eligibility,
                shelf=self.shelf,
                cases=self.cases,
                verifications=self.verifications,
                carts=self.carts,
            ),
        )
        settings = OrdersSettings(comparison_pause_seconds=1, comparison_clients=2)
        self.hinted = 0
        self.orders = join(outside, self.processes, self.clock, self.clock, settings, hinted=self._count)
        self.bus = FakeBus()
        desk = consumers.EventDesk(
            hints=self.hints,
            book=self.book,
            sales=self.sales,
            take_reading=self.orders.take_reading,
            processes=self.processes,
            clock=self.clock,
            early=timedelta(seconds=60),
            hinted=self._count,
        )
        consumers.register(self.bus, self.orders.use, desk, self.clock)
        register_for_customers(self.bus, self.orders, outside, self.processes)

    def _count(self):
        self.hinted += 1

    @property
    def events(self):
        return self.database.events

    def recorded(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    async def check_out(self, *lines, key=None, buyer=BUYER, **facts):
        command = CheckOut(idempotency_key=key, lines=lines, **facts)
        return await self.orders.use.order_cart(command, buyer, Deadline.after(5))

    async def change(self, order_id, *fields, message_id="change-1", **facts):
        """Have staff change an order, told by a change event, and follow it."""
        self.sales.change(order_id, **facts)
        now = self.clock.now()
        event = OrderChanged(record_id=order_id, change="updated", fields=fields, by_us=False, committed_at=now)
        await self.deliver(event, message_id)
        await self.follow()

    async def approve(self, order_id, **facts):
        await self.change(order_id, "Status", message_id="approval", state="approved", **facts)

    async def progress(self, order_id, stage, attempt=1, **facts):
        """Have fulfillment say something."""
        event = ProvisioningProgressed(
            order_id=order_id, attempt=attempt, stage=stage, occurred_at=self.clock.now(), **facts
        )
        await self.deliver(event, f"{order_id}-{attempt}-{stage}-{len(self.book.timelines.get(order_id, ()))}")

    @property
    def sources(self):
        """Give where the recorded requests for provisioning came from."""
        return [event.source for event in self.recorded(ProvisionRequested)]

    async def place_one(self, *lines):
        """Check out and give the only order's id."""
        checkout = await self.check_out(*(lines or vpn()))
        return checkout.orders[0].order_id

    async def deliver(self, event, message_id="message-1"):
        async with self.database.transaction() as transaction:
            await self.bus.deliver(event, transaction, message_id=message_id)

    async def deliver_hint(self, order_id):
        """Have an order looked at."""
        async with self.database.transaction() as transaction:
            await self.hints.add(transaction, Hint(order_id, self.clock.now()))
        await self.follow()

    async def sweep(self):
        """Run one sweep and follow what it left."""
        async with self.database.transaction() as transaction:
            if not await self.processes.wake(transaction, KIND, KEY):
                await self.processes.start(transaction, KIND, KEY, SweepState())
        await self.processes.run_until_idle()
        await self.follow()

    async def follow(self):
        return await self.orders.follow()

    async def detail(self, order_id):
        return await self.orders.use.read_orders.one(order_id, ACCOUNT)


def line(reference, sku, **facts):
    return CartLine(reference=reference, sku=sku, **facts)


def sim(name="sim", eid=EID):
    return line(name, "SIM-VOICE-ESIM-20G", eid=eid), line(f"{name}-fee", "SIM-ACTIVATION", parent=name)


def porting(**facts):
    """Give a number to bring along whose reservation is good for another ten days from the test's first day."""
    return NumberPorting(
        **{
            "phone_number": "090-0000-0000",
            "reservation_number": "11-000-00000",
            "reservation_expires_on": date(2026, 4, 11),
            "family_name": "見本",
            "given_name": "花子",
            "family_name_kana": "ミホン",
            "given_name_kana": "ハナコ",
            "gender": "female",
            "born_on": date(1990, 1, 1),
            **facts,
        }
    )


def vpn(name="vpn"):
    return line(name, "VPN-US"), line(f"{name}-fee", "VPN-ACTIVATION", parent=name)


def internet(name="internet", sku="INT-HOME-1G"):
    return (line(name, sku),)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def carts() -> SimpleNamespace:
    return SimpleNamespace(line=line, sim=sim, vpn=vpn, internet=internet, porting=porting, buyer=BUYER)


class Life:
    """The use cases of a service's life beside the world of orders."""

    def __init__(self, world, buyer, **settings):
        self.world, self.buyer, self.clock = world, buyer, world.clock
        self.contracts = InMemoryContracts(world.clock)
        self.kept, self.cases = InMemoryCancellations(), InMemoryRequestCases()
        self.billing, self.lines = FixedServiceBilling(CLIENT), FixedServiceLines({SIM})
        side = ServiceSide(
            self.contracts,
            self.kept,
            self.billing,
            self.lines,
            self.cases,
            world.database.transaction,
            world.book,
            world.products,
            world.accounts,
            InMemoryCommandLog(),
            OrdersSettings(internet_groups="Internet", sim_groups="Mobile").group_categories,
        )
        take_reading = world.orders.take_reading
        self.use = join_services(side, world.processes, take_reading, world.clock, CancellationSettings(**settings))
        self.keys = (f"request-{number:04d}" for number in count(1))

    def has(self, service_id, category, *, order_id=None, next_due_on=date(2026, 5, 1), product=202):
        """Let a running service be there, with its opportunity."""
        self.billing.subscriptions[service_id] = Subscription(
            service_id=service_id,
            name="Service",
            group="Group",
            whmcs_product_id=product,
            state="active",
            billing_cycle="monthly",
            amount=2970,
            started_on=date(2026, 1, 10),
            next_due_on=next_due_on,
        )
        opportunity = long_salesforce_id(f"006{service_id:012d}")
        self.contracts.put(service_id, Contract(opportunity, ACCOUNT, "active", self.clock.now(), order_id, category))

    async def preview(self, service_id=SIM, buyer=None, **facts):
        return await self.use.cancel.preview(PreviewCancellation(service_id=service_id, **facts), buyer or self.buyer)

    async def request(self, service_id=SIM, buyer=None, **facts):
        key = facts.pop("request_id", None) or next(self.keys)
        ends_on = facts.pop("ends_on", None) or (await self.preview(service_id)).ends_on
        command = RequestCancellation(request_id=key, service_id=service_id, ends_on=ends_on, **facts)
        return await self.use.cancel.request(command, buyer or self.buyer)

    async def revoke(self, service_id=SIM, buyer=None):
        command = RevokeCancellation(request_id=next(self.keys), service_id=service_id)
        return await self.use.cancel.revoke(command, buyer or self.buyer)

    async def run(self, by=timedelta()):
        processes = self.world.processes
        await work_for(by, self.clock, processes._store, lambda: processes)

    async def view(self):
        (kept,) = self.kept.rows.values()
        return await self.world.processes.read(CANCELLATION, kept.cancellation_id)

    def stage(self, service_id=SIM):
        return self.contracts.rows[service_id].stage

    def state(self):
        return [row.state for row in self.kept.rows.values()]

    @property
    def told(self):
        return [event.stage for event in self.world.recorded(CancellationProgressed)]


@pytest.fixture
async def ordered(world, carts):
    return await world.place_one(*carts.sim())


@pytest.fixture
def life_of():
    """Give how a life is begun, for tests with one of their own."""
    return Life


@pytest.fixture
def life(world, carts, ordered):
    found = Life(world, carts.buyer)
    found.has(SIM, "sim", order_id=ordered)
    found.has(INTERNET, "internet", order_id=ordered)
    found.has(VPN, "vpn", order_id=ordered)
    return found


@pytest.fixture
def automatic(world, carts, ordered):
    found = Life(world, carts.buyer, cancellation_automatic=True)
    found.has(SIM, "sim", order_id=ordered)
    found.has(INTERNET, "internet", order_id=ordered)
    return found
