"""What is done to running services: charged once, ended whatever is repeated, priced without ordering (C18, C22)."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest

from portal_billing.charge_extra import Charge
from portal_billing.charge_process import CHARGE, ChargeProcess
from portal_billing.end_service import EndRunningService, QuoteAnotherPlan
from portal_billing.service_ports import Quote
from portal_billing.settings import BillingSettings
from portal_billing.testing import FakeExtras, FakeRunningServices, Fate, Fates
from portal_billing.whmcs_running_services import price_of
from portal_chassis.deadline import Deadline
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import ManualClock, engine, grow_old
from portal_contracts.billing_services import ChargeExtra, EndService, QuotePlanChange
from portal_contracts.problems import Refused, TryLater

CLIENT, SERVICE, KEY = 42, 7001, "topup-00000001"
ENDING = EndService(cancellation_id="cancel-0001", whmcs_client_id=CLIENT, service_id=SERVICE)


class Ground:
    """Billing's use cases on fakes and virtual time."""

    def __init__(self):
        self.clock = ManualClock()
        self.fates = Fates(self.clock)
        self.extras, self.services = FakeExtras(self.fates), FakeRunningServices(self.fates)
        self.services.states[CLIENT, SERVICE] = "active"
        self.store = InMemoryProcessStore(self.clock)
        process = ChargeProcess(self.extras, self.clock, BillingSettings())
        self.engine = engine(process.definition(), clock=self.clock, store=self.store)
        self.charge = Charge(self.store.database.transaction, self.engine)
        self.cleared = []
        self.end = EndRunningService(self.services, self)

    async def clear(self, client_id):
        self.cleared.append(client_id)

    def fate(self, call, *kinds, after=0.0):
        left = [Fate(kind, after) for kind in kinds]
        self.fates.choose = lambda name: left.pop(0) if name == call and left else Fate()

    async def asks(self, key=KEY, amount=1100):
        command = ChargeExtra(
            charge_key=key, whmcs_client_id=CLIENT, service_id=SERVICE, amount=amount, description="Data"
        )
        return await self.charge(command, Deadline.after(1))

    async def run(self, by):
        end = self.clock.now() + by
        while True:
            await self.engine.run_until_idle()
            due = self.store.next_due()
            if due is None or due > end:
                break
            self.clock.advance_to(due)
            self.fates.land()
        self.clock.advance_to(end)


@pytest.fixture
def ground():
    return Ground()


async def test_a_charge_is_one_invoice_however_often_it_is_asked_for(ground):  # C18
    first, again = await ground.asks(), await ground.asks()
    assert (first.state, first.invoice_id) == (again.state, again.invoice_id) == ("done", 1)
    assert [one.amount for one in ground.extras.made] == [1100]


async def test_two_who_charge_at_once_make_one_invoice(ground):
    await asyncio.gather(ground.asks(), ground.asks())
    assert len(ground.extras.made) == 1


@pytest.mark.parametrize("kind", ["lost_before", "lost_after", "late", "down"])
async def test_a_lost_invoice_is_searched_for_before_another_is_made(ground, kind):
    ground.fate("CreateInvoice", kind, after=60)
    with suppress(TryLater):
        assert (await ground.asks()).state == "working"
    await ground.run(timedelta(hours=1))
    assert (await ground.asks()).state == "done"
    assert len(ground.extras.made) == 1


async def test_an_unclear_charge_is_not_sent_again_before_the_quiet_period_is_over(ground):
    ground.fate("CreateInvoice", "lost_before")
    await ground.asks()
    await ground.run(BillingSettings().quiet - timedelta(seconds=1))
    assert ground.fates.calls.count("CreateInvoice") == 1
    await ground.run(timedelta(seconds=2))
    assert ground.fates.calls.count("CreateInvoice") == 2


async def test_twice_unclear_without_a_trace_is_a_persons_turn(ground):
    ground.fate("CreateInvoice", "lost_before", "lost_before")
    await ground.asks()
    await ground.run(timedelta(hours=1))
    assert (await ground.engine.read(CHARGE, KEY)).status == "needs_human"
    with pytest.raises(Refused, match="WHMCS_CHARGE_UNCLEAR"):
        await ground.asks()
    assert ground.extras.made == []


async def test_a_key_with_another_amount_is_refused(ground):
    await ground.asks()
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await ground.asks(amount=1)


async def test_years_later_a_repeat_is_told_the_same_invoice_and_other_terms_are_refused(ground):  # §5.10
    first = await ground.asks()
    await grow_old(ground.engine, ground.clock, ground.store)
    assert "Data" not in str(await ground.engine.read(CHARGE, KEY))
    assert await ground.asks() == first
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await ground.asks(amount=2200)
    assert len(ground.extras.made) == 1


async def test_a_service_is_ended_once_and_a_repeat_finds_it_ended(ground):  # C22
    first, again = await ground.end(ENDING), await ground.end(ENDING)
    assert first == again
    assert (first.state, first.ended) == ("terminated", True)
    assert ground.services.terminated == [SERVICE]
    assert ground.cleared == [CLIENT]


@pytest.mark.parametrize("call", ["AddCancelRequest", "ModuleTerminate"])
@pytest.mark.parametrize("kind", ["lost_before", "lost_after", "down"])
async def test_an_end_whose_answer_is_lost_is_asked_for_again(ground, call, kind):
    ground.fate(call, kind)
    with pytest.raises(TryLater):
        await ground.end(ENDING)
    assert (await ground.end(ENDING)).ended
    assert ground.services.states[CLIENT, SERVICE] == "terminated"


async def test_a_service_that_stays_although_it_was_ended_is_told_as_it_is(ground):
    ground.services.keeps = True
    assert not (await ground.end(ENDING)).ended


async def test_nobody_ends_another_clients_service(ground):
    foreign = ENDING.model_copy(update={"whmcs_client_id": 43})
    with pytest.raises(Refused, match="NOT_FOUND"):
        await ground.end(foreign)
    assert ground.services.terminated == []


async def test_another_plan_is_priced(ground):
    ask = QuotePlanChange(whmcs_client_id=CLIENT, service_id=SERVICE, whmcs_product_id=202, billing_cycle="monthly")
    with pytest.raises(Refused, match="PLAN_CHANGE_NOT_OFFERED"):
        await QuoteAnotherPlan(ground.services)(ask)
    ground.services.quoted = Quote(880, 20, None)
    assert (await QuoteAnotherPlan(ground.services)(ask)).price_now == 880


@pytest.mark.parametrize(
    ("shown", "yen"),
    [("¥880.00 JPY", 880), ("¥1,980 JPY", 1980), ("0.00", 0), ("", None), ("free", None), ("¥1 to ¥2", None)],
)
def test_a_price_made_for_people_is_read_or_left(shown, yen):
    assert price_of(shown) == yen
