"""A small world: billing's real processes and use cases on fakes, with time that only the test moves."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from portal_billing import main
from portal_billing.invoice import OwnedInvoice
from portal_billing.operated_order import Operations
from portal_billing.product import SoldProduct
from portal_billing.settings import BillingSettings, WhmcsSettings
from portal_billing.testing import (
    FakeBilledClients,
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
    MemoryOrderJournal,
    MemorySignOnLog,
)
from portal_chassis.cache import Cache
from portal_chassis.deadline import Deadline
from portal_chassis.testing import InMemoryOperatorDesk, InMemoryProcessStore, ManualClock, engine
from portal_contracts.billing import AcceptOrder, EnsureClient, InvoiceDetail, OrderLine, ReleaseOrder, ReserveOrder
from portal_contracts.problems import PortalProblem, TryLater
from portal_contracts.values import Address, PersonName, long_salesforce_id

PATIENCE = 20.0
"""Seconds a caller waits: more than any step takes here, because only time that a test moves should count."""
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
    """One WHMCS, one database, and as many workers as the test wants.

    `change` may put something else in the place of what a worker sees, before the first one starts: a mutant's way in.
    """

    def __init__(
        self,
        choose: Callable[[str], Fate] | None = None,
        change: Callable[["World"], None] = lambda _: None,
        **settings: int,
    ) -> None:
        self.clock = ManualClock()
        self.fates = Fates(self.clock, choose or (lambda _: Fate()), on_kill=self._die, on_sleep=self._sleep)
        self.orders = FakeOrders(self.fates)
        self.clients = FakeClients(self.fates)
        self.products = FakeProducts(self.fates, dict(PRODUCTS))
        self.reads = FakeReads()
        self.sign_on = FakeSignOn()
        self.store = MortalStore(self.clock)
        self.book = MemoryOrderBook()
        self.turns = MemoryClientTurns()
        self.commands = MemoryCommandLog()
        self.sign_ons = MemorySignOnLog()
        self.settings = BillingSettings(**settings)
        self.whmcs_settings = WhmcsSettings(
            api_url="https://whmcs.example/includes/api.php",
            identifier="fake-identifier",
            secret="fake-secret",
            fields_path="whmcs_fields.toml",
            hook_secret="fake-hook-secret",
        )
        self.billed = FakeBilledClients(self.fates)
        self.desk = InMemoryOperatorDesk(self.store.database)
        self.patience = PATIENCE
        self.interrupted = asyncio.Event()
        self.sleeping = False
        self.generation = 0
        self.seen_orders = self.orders
        change(self)
        self.engine, self.use = self.worker()

    def worker(self):
        """Start another worker on the same database."""
        processes = engine(clock=self.clock, store=self.store)
        whmcs = main.Whmcs(
            settings=self.whmcs_settings,
            reads=self.reads,
            lines=self.reads,
            live=self.reads,
            upkeep=self.reads,
            products=self.products,
            sign_on=self.sign_on,
            clients=self.clients,
            own_clients=self.clients,
            orders=self.seen_orders,
            billed=self.billed,
            keeps_up=lambda _seconds: True,
            keeps_up_with_lines=lambda _seconds: True,
        )
        cache = Cache(None, prefix="billing")
        store = main.Store(self.store.database.transaction, self.book, self.turns, self.commands, self.sign_ons, cache)
        clocks = main.Clocks(self.clock, self.clock)
        operations = Operations(self.book, processes, self.clock)
        journal = MemoryOrderJournal(self.journal)
        self.operators = main.operator_cases(self.orders, operations, self.settings, journal, self.desk)
        return processes, main.use_cases(whmcs, store, processes, clocks, self.settings)

    def journal(self, order_id: str):
        """Give what was journalled for an order."""
        rows = [row for (_, key), row in self.store._rows.items() if key.split()[0] == order_id]
        return sorted((entry for row in rows for entry in row.journal), key=lambda entry: entry.id)

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
        return await self._asked((use or self.use).reserve, command)

    async def accept(self, order_id=ORDER, *, use=None, **more):
        command = AcceptOrder(
            order_id=order_id,
            generation=self._newer(more),
            phone_number="070-1234-5678",
            iccid="8981100000000000001",
        )
        return await self._asked((use or self.use).accept, command)

    async def release(self, order_id=ORDER, *, use=None, **more):
        command = ReleaseOrder(order_id=order_id, generation=self._newer(more), reason="test")
        return await self._asked((use or self.use).release, command)

    async def ensure(self, form=FORM):
        self.revive()
        return await self._asked(self.use.ensure_client, form)

    async def _asked(self, use, command):
        """Wait for the answer as long as there is somebody who can give it, whatever the machine is busy with."""
        return await self._unless_interrupted(lambda: use(command, Deadline.after(self.patience)))

    async def _unless_interrupted(self, work):
        """Wait for work; TryLater when its worker dies or falls asleep meanwhile."""
        self.interrupted.clear()
        working = asyncio.ensure_future(work())
        interruption = asyncio.ensure_future(self.interrupted.wait())
        await asyncio.wait({working, interruption}, return_when=asyncio.FIRST_COMPLETED)
        interruption.cancel()
        if working.done():
            return working.result()
        working.cancel()
        raise TryLater("IN_PROGRESS")

    async def _idle(self):
        """Run what is due; whoever dies or falls asleep at it has a successor then."""
        while True:
            self.revive()
            with suppress(TryLater):
                return await self._unless_interrupted(self.engine.run_until_idle)

    def _newer(self, more):
        self.revive()
        self.generation += 1
        return more.pop("generation", self.generation)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, running everything as it becomes due."""
        end = self.clock.now() + timedelta(seconds=seconds)
        while True:
            await self._idle()
            dues = [load.oldest_due for load in await self.store.load() if load.oldest_due is not None]
            dues += [due for due, _ in [*self.fates.late, *self.fates.paused]]
            soon = min((due for due in dues if due > self.clock.now()), default=end)
            if soon > end:
                break
            self.clock.advance_to(soon)
            self.fates.land()
            if soon == end:
                await self._idle()
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
        """Bring a new worker up in place of a dead or sleeping one; its leases and turns have run out by then."""
        if self.store.dying or self.sleeping:
            self.store.dying = self.sleeping = False
            self.turns.taken.clear()
            self.engine, self.use = self.worker()
            self.clock.advance(31)

    def _die(self):
        self.store.dying = True
        self.interrupted.set()

    def _sleep(self):
        self.sleeping = True
        self.interrupted.set()


@pytest.fixture
def world():
    return World()


@pytest.fixture
def new_world():
    return World


@pytest.fixture
def owned_invoice():
    """Give a function that makes an invoice of a client's."""

    def build(client, number=7, **more):
        facts = {"state": "unpaid", "issued_on": None, "due_on": None, "paid_at": None, "total": 2970}
        amounts = {"subtotal": 2970, "tax": 0, "credit": 0, "balance": 2970, "lines": [], "payments": []}
        detail = InvoiceDetail(id=number, number=str(number), **{**facts, **amounts, **more})
        return OwnedInvoice(client, False, detail)

    return build
