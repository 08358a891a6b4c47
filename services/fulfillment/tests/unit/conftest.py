"""Fulfillment on fakes and virtual time: one desk, its neighbours, and workers that may die."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import InMemoryOperatorDesk, ManualClock, MortalDesk, MortalStore, engine, work_for
from portal_contracts.billing import OrderLine
from portal_contracts.fulfillment import OrderActivated, ProvisioningProgressed
from portal_contracts.orders import ProvisioningOrder, ProvisionRequested
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.main import Ends, provisioning
from portal_fulfillment.operate_provisioning import OperateProvisioning
from portal_fulfillment.provisioning_state import PROVISIONING
from portal_fulfillment.show_provisioning import ShowProvisioning
from portal_fulfillment.sim_plans import SimPlan, SimPlans
from portal_fulfillment.sim_steps import SimPatience
from portal_fulfillment.testing import InMemoryAttempts, InMemoryLines, InMemoryOperations
from portal_fulfillment.testing_neighbours import FakeBilling, FakeOrders
from portal_fulfillment.testing_operator import FakeSims
from portal_fulfillment.testing_records import InMemoryRecords

ORDER = "801000000000001AAA"
EID = "89049032000000000000000000000357"
RECHECK = timedelta(minutes=15)
PLANS = SimPlans(
    plans={"SIM-VOICE-ESIM-20G": SimPlan(plan_code="PASI_20G"), "SIM-DATA-ESIM-10G": SimPlan(plan_code="PASI_10G")},
    voice_options={"SIM-VOICEMAIL": "voice_mail"},
)
PRODUCTS = {"sim": ("SIM-VOICE-ESIM-20G", 202), "internet": ("INT-HOME-1G", 101), "vpn": ("VPN-US", 301)}


def an_order(category="sim", **changes):
    """An approved order of the category; a SIM is a voice eSIM without options unless changed."""
    sku, product = {"sim": ("SIM-VOICE-ESIM-20G", 202), "internet": ("INT-HOME-1G", 101), "vpn": ("VPN-US", 301)}[
        category
    ]
    facts = {
        "order_id": ORDER,
        "order_number": "00000101",
        "state": "approved",
        "activation": "not_started",
        "account_id": "001000000000001AAA",
        "whmcs_client_id": 42,
        "category": category,
        "lines": [
            OrderLine(
                sku=sku, whmcs_product_id=product, billing_cycle="monthly", quantity=1, unit_price=2970, service=True
            )
        ],
    }
    if category == "sim":
        facts |= {"eid": EID, "esim": True, "voice": True, "sim_plan": sku}
    return ProvisioningOrder(**{**facts, **changes})


@dataclass
class Desk(MortalDesk):
    """The service without its transports."""

    clock: ManualClock = field(default_factory=ManualClock)
    plans: SimPlans = PLANS

    def __post_init__(self):
        self.store = InMemoryProcessStore(self.clock)
        self.database = self.store.database
        self.orders = FakeOrders()
        self.billing = FakeBilling(self.clock)
        self.billing.prices = {202: 2970, 201: 1650, 101: 2970, 301: 2970}
        self.sims = FakeSims(self.clock)
        self.attempts = InMemoryAttempts()
        self.operations = InMemoryOperations()
        self.lines = InMemoryLines()
        self.ends = Ends(self.orders, self.billing, self.sims, self.attempts, self.operations, self.lines)
        self.reserved_at_request = []
        self.sims.on_request = lambda _eid: self.reserved_at_request.append(
            any(self.billing.is_reserved(order_id) for order_id in self.orders.orders)
        )
        self.definition = provisioning(self.ends, self.plans, SimPatience(), RECHECK)
        self.signals = 0
        self.operator_desk = InMemoryOperatorDesk(self.database)
        self.mortal = None
        self.new_worker()

    @property
    def operate(self):
        """Operators' hands, on the desk in memory."""
        return OperateProvisioning(self.operator_desk, self.look_at_signal)

    @property
    def show(self):
        """Operators' eyes."""
        return ShowProvisioning(self.records, self.clock)

    @property
    def records(self):
        return InMemoryRecords(self.attempts, self.view, self.journal)

    async def journal(self, order_id=ORDER):
        row = self.store._rows.get((PROVISIONING, order_id))
        return [] if row is None else list(row.journal)

    def new_worker(self, *, dies_at=10**9, after_effect=False):
        """A worker in the place of the former one; `dies_at` counts its writes."""
        self.mortal = MortalStore(self.store, dies_at=dies_at, after_effect=after_effect)
        self.engine = engine(self.definition, clock=self.clock, store=self.mortal)
        self.look_at_signal = LookAtSignal(self.attempts, self.engine, self.clock)
        for neighbour in (self.orders, self.billing, self.sims):
            neighbour.kill = self.kill

    async def signal(self, source="platform_event", *, request_id=None, at=None, order_id=ORDER, **more):
        """Let a signal arrive, in a transaction of its own; give what became of it."""
        self.signals += 1
        event = ProvisionRequested(
            order_id=order_id,
            source=source,
            request_id=request_id or f"request-{self.signals}",
            occurred_at=at or self.clock.now(),
            **more,
        )
        async with self.database.transaction() as transaction:
            return await self.look_at_signal(event, transaction)

    async def run(self, by=timedelta()):
        """Let workers do what is due within a time, in its order, replacing those that die. Gives the view."""
        await work_for(by, self.clock, self.store, lambda: self.engine, self.revive)
        self.sims.settle()
        return await self.view()

    async def view(self, order_id=ORDER):
        return await self.engine.read(PROVISIONING, order_id)

    async def provision(self, order=None, by=timedelta(hours=2)):
        """Approve an order, signal it, run."""
        self.orders.put(order or an_order())
        await self.signal()
        return await self.run(by)

    @property
    def events(self):
        return self.database.events

    @property
    def stages(self):
        return [event.stage for event in self.events if isinstance(event, ProvisioningProgressed)]

    @property
    def activated(self):
        return [event for event in self.events if isinstance(event, OrderActivated)]

    def assert_exactly_one_of_each(self, *, sim=True):
        """C19, I1–I4: one accepted order, one active line, one outcome, one announcement."""
        assert self.billing.count("accepted", ORDER) == 1
        assert self.billing.count("created", ORDER) - self.billing.count("cancelled", ORDER) == 1
        assert self.sims.activated.count(EID) == (1 if sim else 0)
        assert [one.outcome for one in self.orders.outcomes].count("activated") == 1
        assert len(self.activated) == 1
        assert all(self.reserved_at_request)


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def new_desk():
    return Desk


@pytest.fixture
def new_order():
    return an_order
