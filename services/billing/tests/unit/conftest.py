"""A small world: billing's real processes and use cases on fakes, with time that only the test moves."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal_billing import main
from portal_billing.product import SoldProduct
from portal_billing.settings import BillingSettings
from portal_billing.testing import (
    FakeClients,
    FakeOrders,
    FakeProducts,
    FakeReads,
    FakeSignOn,
    Fate,
    Fates,
    Killed,
    MemoryClientTurns,
    MemoryCommandLog,
    MemoryOrderBook,
)
from portal_chassis.deadline import Deadline
from portal_chassis.testing import InMemoryProcessStore, ManualClock, engine
from portal_contracts.billing import AcceptOrder, EnsureClient, OrderLine, ReleaseOrder, ReserveOrder
from portal_contracts.problems import PortalProblem
from portal_contracts.values import Address, PersonName, long_salesforce_id

CLIENT = 5011
ORDER = long_salesforce_id("801000000000001")
PLAN = OrderLine(
    sku="SIM-VOICE-ESIM-20G",
    whmcs_product_id=202,
    billing_cycle="monthly",
    quantity=1,
    unit_price=2970,
    service=True,
)
FEE = OrderLine(
    sku="SIM-ACTIVATION", whmcs_product_id=211, billing_cycle="one_time", quantity=1, unit_price=3300, service=False
)
PRODUCTS = {
    202: SoldProduct(202, True, {"monthly": 2970}, {}),
    211: SoldProduct(211, True, {"one_time": 3300}, {}),
    221: SoldProduct(221, True, {"monthly": 330}, {}),
    299: SoldProduct(299, False, {"monthly": 1650}, {}),
    301: SoldProduct(301, True, {"monthly": 2500}, {"monthly": 500}),
}
FORM = EnsureClient(
    customer_number="SNX-10001",
    email="hanako@example.jp",
    name=PersonName(family_name="山田", given_name="花子"),
    phone="03-1234-5678",
    address=Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3"),
    locale="ja",
)


class MortalStore(InMemoryProcessStore):
    """A process store whose worker can die: nothing is written any more until somebody else comes."""

    def __init__(self, clock):
        super().__init__(clock)
        self.dying = False

    async def journal_finish(self, *arguments):
        self._check()
        await super().journal_finish(*arguments)

    async def commit(self, *arguments):
        self._check()
        return await super().commit(*arguments)

    async def release(self, *arguments):
        self._check()
        await super().release(*arguments)

    def _check(self):
        if self.dying:
            raise Killed


class World:
    """One WHMCS, one database, and as many workers as the test wants."""

    def __init__(self, choose: Callable[[str], Fate] | None = None, **settings: int) -> None:
        self.clock = ManualClock()
        self.fates = Fates(self.clock, choose or (lambda _: Fate()), on_kill=self._die)
        self.orders = FakeOrders(self.fates)
        self.clients = FakeClients(self.fates)
        self.products = FakeProducts(self.fates, dict(PRODUCTS))
        self.reads = FakeReads()
        self.sign_on = FakeSignOn()
        self.store = MortalStore(self.clock)
        self.book = MemoryOrderBook()
        self.turns = MemoryClientTurns()
        self.commands = MemoryCommandLog()
        self.settings = BillingSettings(**settings)
        self.generation = 0
        self.engine, self.use = self.worker()

    def worker(self):
        """Start another worker on the same database."""
        processes = engine(clock=self.clock, store=self.store)
        whmcs = main.Whmcs(self.reads, self.products, self.sign_on, self.clients, self.orders)
        store = main.Store(self.store.database.transaction, self.book, self.turns, self.commands)
        clocks = main.Clocks(self.clock, self.clock)
        return processes, main.use_cases(whmcs, store, processes, clocks, self.settings)

    def fate(self, call: str, *fates: Fate) -> None:
        """Let the next calls of that name have these fates, one after the other."""
        left, before = list(fates), self.fates.choose
        self.fates.choose = lambda name: left.pop(0) if name == call and left else before(name)

    async def reserve(self, order_id=ORDER, *, lines=(PLAN, FEE), use=None, **more):
        command = ReserveOrder(
            order_id=order_id,
            generation=self._newer(more),
            whmcs_client_id=more.pop("client", CLIENT),
            lines=list(lines),
            eid="89049032000000000000000000000001",
        )
        return await (use or self.use).reserve(command, Deadline.after(0.3))

    async def accept(self, order_id=ORDER, *, use=None, **more):
        command = AcceptOrder(
            order_id=order_id,
            generation=self._newer(more),
            phone_number="070-1234-5678",
            iccid="8981100000000000001",
        )
        return await (use or self.use).accept(command, Deadline.after(0.3))

    async def release(self, order_id=ORDER, *, use=None, **more):
        command = ReleaseOrder(order_id=order_id, generation=self._newer(more), reason="test")
        return await (use or self.use).release(command, Deadline.after(0.3))

    async def ensure(self, form=FORM):
        return await self.use.ensure_client(form, Deadline.after(0.3))

    def _newer(self, more):
        self.generation += 1
        return more.pop("generation", self.generation)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, running everything as it becomes due."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while True:
            await self.engine.run_until_idle()
            self.revive()
            dues = [load.oldest_due for load in await self.store.load() if load.oldest_due is not None]
            dues += [due for due, _ in self.fates.late]
            soon = min((due for due in dues if due > self.clock.now()), default=end)
            if soon > end:
                break
            self.clock.advance_to(soon)
            self.fates.land()
            if soon == end:
                await self.engine.run_until_idle()
                break
        self.clock.advance_to(end)
        self.fates.land()

    async def until_done(self, ask, *, hours=80):
        """Ask again and again, as fulfillment does; gives the reply, or the refusal's code."""
        end = self.clock.now() + timedelta(hours=hours)
        while self.clock.now() < end:
            try:
                reply = await ask()
            except PortalProblem as problem:
                if problem.kind == "refused":
                    return problem.code
            else:
                if reply.state == "done":
                    return reply
            self.revive()
            await self.pass_time(30)
        raise AssertionError("stuck")

    def revive(self) -> None:
        """Bring a new worker up in place of a dead one; its leases have run out by then."""
        if self.store.dying:
            self.store.dying = False
            self.engine, self.use = self.worker()
            self.clock.advance(31)

    def _die(self):
        self.store.dying = True


@pytest.fixture
def world():
    return World()


@pytest.fixture
def new_world():
    return World
