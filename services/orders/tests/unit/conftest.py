"""The whole service on fakes, with a clock that only the test moves."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from portal_chassis.deadline import Deadline
from portal_chassis.memory import InMemoryDatabase
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import FakeBus, ManualClock, engine
from portal_contracts.orders import CartLine, CheckOut
from portal_orders import consumers
from portal_orders.check_out import Buyer
from portal_orders.main import Outside, join
from portal_orders.ports import Hint
from portal_orders.rows_in_memory import InMemoryBook, InMemoryCheckouts, InMemoryHints
from portal_orders.settings import OrdersSettings
from portal_orders.sweep_orders import KEY, KIND, SweepState
from portal_orders.testing import ACCOUNT, CLIENT, EID, FixedBilling, FixedCustomers, FixedProducts, InMemorySales

BUYER = Buyer(ACCOUNT, CLIENT)


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
        outside = Outside(
            transactions=self.database.transaction,
            book=self.book,
            checkouts=self.checkouts,
            hints=self.hints,
            sales=self.sales,
            customers=self.customers,
            products=self.products,
            billing=self.billing,
        )
        self.orders = join(outside, self.processes, self.clock, self.clock, OrdersSettings())
        self.bus = FakeBus()
        self.hinted = 0
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
        consumers.register(self.bus, self.orders.use, desk)

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


def vpn(name="vpn"):
    return line(name, "VPN-US"), line(f"{name}-fee", "VPN-ACTIVATION", parent=name)


def internet(name="internet", sku="INT-HOME-1G"):
    return (line(name, sku),)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def carts() -> SimpleNamespace:
    return SimpleNamespace(line=line, sim=sim, vpn=vpn, internet=internet, buyer=BUYER)
