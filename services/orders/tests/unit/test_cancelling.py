"""Cancelling a service and asking for another plan, on fakes and virtual time (R207-R218, C22, C27, C33, C34, D10)."""

import asyncio
from datetime import date, timedelta
from itertools import count

import pytest

from portal_chassis.clocks import TOKYO
from portal_contracts.billing import Subscription
from portal_contracts.cancellation import (
    PreviewCancellation,
    PreviewPlanChange,
    RequestCancellation,
    RequestPlanChange,
    RevokeCancellation,
)
from portal_contracts.customer_news import CancellationProgressed, ServiceCancellationProgressed
from portal_contracts.problems import Refused, TryLater
from portal_contracts.sim_lines import LineChanged, LineEnding
from portal_contracts.values import long_salesforce_id
from portal_orders.cancellation_consumers import line_changed
from portal_orders.cancellation_ports import Contract
from portal_orders.cancellation_process import KIND
from portal_orders.cancellation_settings import CancellationSettings
from portal_orders.cancellation_testing import (
    FixedServiceBilling,
    FixedServiceLines,
    InMemoryCancellations,
    InMemoryContracts,
    InMemoryRequestCases,
)
from portal_orders.cancellation_wiring import ServiceSide, join_services
from portal_orders.check_out import Buyer
from portal_orders.rows_in_memory import InMemoryCommandLog
from portal_orders.settings import OrdersSettings
from portal_orders.tell_staff import SUPERVISOR
from portal_orders.testing import ACCOUNT, CLIENT

SIM, INTERNET, VPN = 7001, 7002, 7003
SOMEBODY_ELSE = Buyer(long_salesforce_id("001000000000002"), 43)


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
        end = self.clock.now() + by
        while True:
            await self.world.processes.run_until_idle()
            due = self.world.processes._store.next_due()
            if due is None or due > end:
                break
            self.clock.advance_to(due)
        self.clock.advance_to(end)

    async def view(self):
        (kept,) = self.kept.rows.values()
        return await self.world.processes.read(KIND, kept.cancellation_id)

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


async def test_a_preview_shows_what_it_would_mean_and_changes_nothing(life):
    found = await life.preview(INTERNET)
    assert found.ends_on == life.clock.today() + timedelta(days=30)
    assert (found.notice_days, found.equipment_return, found.revocable) == (30, True, True)
    assert found.remaining_total == sum(fee.amount for fee in found.remaining_fees) == 2970
    assert all(step.en and step.ja for step in found.next_steps)
    assert life.kept.rows == {}
    assert life.contracts.writes == []


async def test_a_request_opens_the_case_and_writes_the_stage_and_the_date(life, ordered):  # R207-R210
    cancelled = await life.request(reason="引っ越し")
    await life.run()
    (case,) = life.cases.opened.values()
    contract = life.contracts.rows[SIM]
    assert (case[0], "引っ越し" in case[2]) == ("cancellation_request", True)
    assert (contract.stage, contract.ends_at, contract.line_return) == (
        "cancelling",
        cancelled.effective_at,
        "not_needed",
    )
    assert life.told == ["requested"]
    assert life.world.book.kinds(ordered)[-1] == "service.cancellation_requested"
    assert "引っ越し" not in str((await life.view()).state)


async def test_equipment_is_to_come_back_for_internet(life):  # R218
    await life.request(INTERNET)
    await life.run()
    assert life.contracts.rows[INTERNET].line_return == "not_yet"


@pytest.mark.parametrize("service_id", [SIM, INTERNET])
async def test_by_hand_it_ends_when_staff_have_ended_the_service(life, service_id, ordered):  # C22, R212, R213
    cancelled = await life.request(service_id)
    await life.run(cancelled.effective_at - life.clock.now() - timedelta(minutes=1))
    assert life.state() == ["requested"]
    await life.run(timedelta(hours=2))
    assert life.state() == ["ending"]
    life.billing.set_state(service_id, "cancelled")
    await life.run(timedelta(hours=2))
    assert (life.state(), life.stage(service_id), life.told) == (["completed"], "cancelled", ["requested", "completed"])
    assert life.cases.closed == list(life.cases.opened)
    assert life.billing.ended == []
    assert life.world.book.kinds(ordered)[-1] == "service.cancelled"


@pytest.mark.parametrize("loses", [0, 2])
@pytest.mark.parametrize("service_id", [SIM, INTERNET])
async def test_by_itself_it_ends_with_the_same_stages_and_once(automatic, service_id, loses):  # C22
    automatic.billing.loses = loses
    cancelled = await automatic.request(service_id)
    await automatic.run(cancelled.effective_at - automatic.clock.now() - timedelta(seconds=1))
    assert automatic.billing.ended == []
    await automatic.run(timedelta(hours=1))
    assert automatic.billing.ended == [service_id]
    assert (automatic.state(), automatic.stage(service_id)) == (["completed"], "cancelled")
    assert automatic.contracts.writes == ["cancelling", "cancelled"]
    assert automatic.told == ["requested", "completed"]


async def test_a_service_that_stays_on_is_a_persons_turn_after_a_day_and_ends_when_it_is_off(life):  # C22: the SLA
    cancelled = await life.request()
    await life.run(cancelled.effective_at - life.clock.now() + timedelta(hours=23))
    assert (await life.view()).status == "waiting"
    await life.run(timedelta(hours=3))
    view = await life.view()
    assert (view.status, view.code) == ("needs_human", "CANCELLATION_OVERDUE")
    await life.run(timedelta(days=2))
    told = [title for title in life.world.cases.titles if title.startswith(f"{SUPERVISOR}Cancellation")]
    assert len(told) == 1, "a supervisor is told once, however often it is looked at"
    life.billing.set_state(SIM, "terminated")
    await life.run(timedelta(hours=2))
    assert life.state() == ["completed"]


async def test_vpn_ends_the_same_day(life):  # R217
    cancelled = await life.request(VPN)
    life.billing.set_state(VPN, "terminated")
    await life.run()
    assert cancelled.ends_on == life.clock.today()
    assert not cancelled.revocable
    assert life.state() == ["completed"]


# repeats and races


async def test_a_repeat_never_moves_the_date(life):  # C34
    first = await life.request(INTERNET, request_id="request-x1")
    await life.run(timedelta(days=3))
    again = await life.request(INTERNET, request_id="request-x1", ends_on=first.ends_on)
    assert (again.cancellation_id, again.ends_on) == (first.cancellation_id, first.ends_on)
    assert len(life.cases.opened) == 1


@pytest.mark.parametrize("same_key", [True, False])
async def test_two_tabs_make_one_cancellation(life, same_key):
    ends_on = (await life.preview()).ends_on
    keys = ["request-x1", "request-x1" if same_key else "request-x2"]
    both = await asyncio.gather(
        *(life.request(request_id=key, ends_on=ends_on) for key in keys), return_exceptions=True
    )
    await life.run()
    assert len(life.kept.rows) == len(life.cases.opened) == 1
    codes = [one.code for one in both if isinstance(one, Refused)]
    assert codes == ([] if same_key else ["CANCELLATION_UNDER_WAY"])


async def test_a_key_with_something_else_is_refused(life):
    await life.request(request_id="request-x1")
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await life.request(INTERNET, request_id="request-x1")


async def test_a_day_that_turned_meanwhile_is_told(life):
    seen = (await life.preview(INTERNET)).ends_on
    life.clock.advance(24 * 3600)
    with pytest.raises(Refused, match="CANCELLATION_DATE_CHANGED") as no:
        await life.request(INTERNET, ends_on=seen)
    assert no.value.facts == {"ends_on": (seen + timedelta(days=1)).isoformat()}
    assert life.kept.rows == {}


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_lost_answer_of_salesforce_is_made_up_for(life, lost):
    life.contracts.lose = lost
    await life.request()
    await life.run(timedelta(minutes=1))
    assert life.stage() == "cancelling"
    assert life.contracts.writes == ["cancelling"]


async def test_salesforce_that_is_away_does_not_lose_the_request(life):
    ends_on = (await life.preview()).ends_on
    await life.request(ends_on=ends_on)
    life.contracts.fails_with = TryLater("SALESFORCE_UNAVAILABLE")
    await life.run(timedelta(minutes=5))
    assert life.stage() == "active"
    life.contracts.fails_with = None
    await life.run(timedelta(hours=2))
    assert life.stage() == "cancelling"


# taking it back


async def test_it_can_be_taken_back_until_its_date(life, ordered):
    await life.request()
    await life.run(timedelta(days=3))
    assert (await life.revoke()).state == "withdrawing"
    await life.run()
    contract = life.contracts.rows[SIM]
    assert (life.state(), contract.stage, contract.ends_at) == (["withdrawn"], "active", None)
    assert life.told == ["requested", "withdrawn"]
    assert life.cases.closed == list(life.cases.opened)
    assert (await life.revoke()).state == "withdrawn"
    await life.run(timedelta(days=60))
    assert life.contracts.writes == ["cancelling", "active"]
    assert life.billing.ended == []


async def test_after_its_date_it_cannot_be_taken_back(life):
    cancelled = await life.request()
    await life.run(cancelled.effective_at - life.clock.now())
    with pytest.raises(Refused, match="CANCELLATION_TOO_LATE"):
        await life.revoke()


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_taking_back_waits_for_a_mark_whose_answer_was_lost(life, lost):
    life.contracts.lose = lost
    await life.request()
    await life.run()
    await life.revoke()
    await life.run(timedelta(minutes=10))
    assert (life.state(), life.stage()) == (["withdrawn"], "active")


async def test_a_service_that_was_kept_can_be_cancelled_anew(life):
    await life.request()
    await life.run()
    await life.revoke()
    await life.run()
    await life.request()
    await life.run()
    assert sorted(life.state()) == ["requested", "withdrawn"]


async def test_staff_may_take_it_back_in_salesforce(life):
    cancelled = await life.request()
    await life.run()
    life.contracts.change(SIM, stage="active")
    assert cancelled.effective_at > life.clock.now() + timedelta(days=2)
    await life.run(timedelta(days=1, minutes=1))
    assert life.state() == ["withdrawn"], "seen within a day (C33)"
    assert life.told == ["requested", "withdrawn"]


async def test_staff_may_give_a_later_date_in_salesforce(automatic):
    cancelled = await automatic.request()
    await automatic.run()
    later = cancelled.effective_at + timedelta(days=10)
    automatic.contracts.change(SIM, ends_at=later)
    await automatic.run(cancelled.effective_at - automatic.clock.now() + timedelta(days=9))
    assert automatic.billing.ended == []
    (kept,) = automatic.kept.rows.values()
    assert (kept.effective_at, kept.ends_on) == (later, (later - timedelta(seconds=1)).astimezone(TOKYO).date())
    await automatic.run(timedelta(days=2))
    assert automatic.billing.ended == [SIM]
    assert automatic.told == ["requested", "rescheduled", "completed"]


async def test_staff_may_give_an_earlier_date_in_salesforce_and_the_customer_is_told(automatic, ordered):  # C33
    cancelled = await automatic.request(INTERNET)
    await automatic.run()
    earlier = cancelled.effective_at - timedelta(days=10)
    automatic.contracts.change(INTERNET, ends_at=earlier)
    await automatic.run(timedelta(days=1, minutes=1))
    (kept,) = automatic.kept.rows.values()
    assert (kept.effective_at, kept.ends_on) == (earlier, cancelled.ends_on - timedelta(days=10))
    assert automatic.told == ["requested", "rescheduled"]
    assert automatic.world.book.kinds(ordered)[-1] == "service.cancellation_rescheduled"
    await automatic.run(earlier - automatic.clock.now() + timedelta(hours=1))
    assert automatic.billing.ended == [INTERNET]
    assert automatic.state() == ["completed"]


async def test_what_staff_end_before_its_date_is_closed_within_a_day(life):  # C24, C33
    cancelled = await life.request()
    await life.run()
    life.billing.set_state(SIM, "cancelled")
    assert cancelled.effective_at > life.clock.now() + timedelta(days=2)
    await life.run(timedelta(days=1, minutes=1))
    assert (life.state(), life.stage(), life.told) == (["completed"], "cancelled", ["requested", "completed"])


@pytest.mark.parametrize("how", ["service", "stage"])
async def test_what_staff_ended_already_cannot_be_taken_back(life, how):
    await life.request()
    await life.run()
    if how == "service":
        life.billing.set_state(SIM, "terminated")
    else:
        life.contracts.change(SIM, stage="cancelled")
    with pytest.raises(Refused, match="CANCELLATION_TOO_LATE"):
        await life.revoke()
    assert life.state() == ["requested"]


# what cannot be


async def test_the_initial_cancellation_ends_it_at_once_within_eight_days(life):  # D10
    today = life.clock.today()
    service = life.billing.subscriptions[INTERNET]
    life.billing.subscriptions[INTERNET] = service.model_copy(update={"started_on": today - timedelta(days=7)})
    found = await life.preview(INTERNET)
    assert (found.initial_cancellation, found.initial_cancellation_until) == (True, today)
    cancelled = await life.request(INTERNET, initial_cancellation=True, ends_on=today)
    assert (cancelled.ends_on, cancelled.initial_cancellation) == (today, True)
    await life.run()
    (case,) = life.cases.opened.values()
    assert "初期契約解除: yes / はい" in case[2]


async def test_after_eight_days_there_is_no_initial_cancellation(life):
    with pytest.raises(Refused, match="CANCELLATION_NOT_POSSIBLE"):
        await life.request(INTERNET, initial_cancellation=True, ends_on=life.clock.today())


@pytest.mark.parametrize("state", ["pending", "terminated", "cancelled", "unknown"])
async def test_a_service_that_does_not_run_is_not_cancelled(life, state):
    life.billing.set_state(SIM, state)
    with pytest.raises(Refused, match="CANCELLATION_NOT_POSSIBLE"):
        await life.preview()


async def test_a_service_nobody_knows_the_kind_of_is_not_cancelled_here(life):
    del life.contracts.rows[SIM]
    with pytest.raises(Refused, match="CANCELLATION_NOT_POSSIBLE"):
        await life.preview()


async def test_a_service_from_before_the_portal_is_known_by_its_group_in_whmcs(life):  # R044, R177
    life.has(SIM, "sim", product=999)
    del life.contracts.rows[SIM]
    service = life.billing.subscriptions[SIM]
    life.billing.subscriptions[SIM] = service.model_copy(update={"group": "ＭＯＢＩＬＥ"})
    wanted = RequestPlanChange(request_id="request-p1", service_id=SIM, sku="SIM-DATA-ESIM-10G")
    assert (await life.use.plan_change.request(wanted, life.buyer)).case_id
    cancelled = await life.request()
    assert (await life.use.cancel.contract(SIM, life.buyer)).category == "sim"
    await life.run(cancelled.effective_at - life.clock.now() + timedelta(minutes=1))
    life.billing.set_state(SIM, "terminated")
    await life.run(timedelta(hours=2))
    assert (life.state(), life.contracts.writes) == (["completed"], [])
    assert sorted(case[0] for case in life.cases.opened.values()) == ["cancellation_request", "general_inquiry"]


async def test_what_staff_are_cancelling_already_is_not_cancelled_twice(life):
    life.contracts.change(SIM, stage="cancelling")
    with pytest.raises(Refused, match="CANCELLATION_UNDER_WAY"):
        await life.preview()


async def test_nobody_sees_or_cancels_anybody_elses_service(life):
    for work in (
        life.preview(buyer=SOMEBODY_ELSE),
        life.request(buyer=SOMEBODY_ELSE),
        life.revoke(buyer=SOMEBODY_ELSE),
    ):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await work
    with pytest.raises(Refused, match="NOT_FOUND"):
        await life.use.cancel.contract(SIM, SOMEBODY_ELSE)


async def test_the_sales_side_of_a_service_is_shown_with_its_cancellation(life, ordered):
    await life.request()
    await life.run()
    found = await life.use.cancel.contract(SIM, life.buyer)
    assert (found.stage, found.category, found.order_id) == ("cancelling", "sim", ordered)
    assert found.cancellation.state == "requested"


# another plan


async def test_another_plan_is_priced_and_asked_for_in_a_case(life):  # §5 item 3
    found = await life.use.plan_change.preview(PreviewPlanChange(service_id=SIM, sku="SIM-DATA-ESIM-10G"), life.buyer)
    assert (found.monthly, found.price_now) == (1650, 880)
    command = RequestPlanChange(request_id="request-p1", service_id=SIM, sku="SIM-DATA-ESIM-10G")
    first = await life.use.plan_change.request(command, life.buyer)
    assert first == await life.use.plan_change.request(command, life.buyer)
    (case,) = life.cases.opened.values()
    assert "880 yen" in case[2]


async def test_a_plan_whmcs_prices_not_is_asked_for_all_the_same(life):  # §5 item 3: else a request case
    life.billing.price = None
    wanted = {"service_id": SIM, "sku": "SIM-DATA-ESIM-10G"}
    found = await life.use.plan_change.preview(PreviewPlanChange(**wanted), life.buyer)
    assert (found.monthly, found.price_now) == (1650, None)
    await life.use.plan_change.request(RequestPlanChange(request_id="request-p1", **wanted), life.buyer)
    (case,) = life.cases.opened.values()
    assert "to be told" in case[2]


async def test_a_key_asks_for_one_plan_and_no_other(life):  # C16
    life.has(SIM, "sim", product=999)
    wanted = {"request_id": "request-p1", "service_id": SIM}
    await life.use.plan_change.request(RequestPlanChange(sku="SIM-DATA-ESIM-10G", **wanted), life.buyer)
    opened = dict(life.cases.opened)
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await life.use.plan_change.request(RequestPlanChange(sku="SIM-VOICE-ESIM-20G", **wanted), life.buyer)
    assert life.cases.opened == opened


async def test_an_internet_plan_is_offered_where_staff_found_it_available(life):  # R080
    query = PreviewPlanChange(service_id=INTERNET, sku="INT-HOME-1G")
    life.world.accounts.staff_say(ACCOUNT, state="not_eligible", types=())
    with pytest.raises(Refused, match="NOT_ELIGIBLE"):
        await life.use.plan_change.preview(query, life.buyer)
    plan = (await life.world.products.find(skus=["INT-HOME-1G"]))[0]
    life.world.accounts.staff_say(ACCOUNT, state="eligible", types=(plan.eligibility,))
    assert (await life.use.plan_change.preview(query, life.buyer)).sku == "INT-HOME-1G"


@pytest.mark.parametrize("sku", ["INT-HOME-1G", "SIM-VOICE-ESIM-20G", "SIM-ACTIVATION", "NOTHING"])
async def test_a_plan_that_does_not_fit_is_not_offered(life, sku):
    with pytest.raises(Refused, match="PLAN_CHANGE_NOT_OFFERED"):
        await life.use.plan_change.preview(PreviewPlanChange(service_id=SIM, sku=sku), life.buyer)


@pytest.mark.parametrize("state", ["working", "unclear", "done", "refused"])
def test_a_change_of_a_line_is_told_in_both_languages(life, ordered, state):
    code = {"unclear": "LINE_CHANGE_UNCLEAR", "refused": "LINE_CHANGE_REFUSED"}.get(state)
    event = LineChanged(
        change_id="0" * 32,
        order_id=ordered,
        account_id=ACCOUNT,
        kind="top_up",
        state=state,
        code=code,
        megabytes=1000,
        occurred_at=life.clock.now(),
    )
    entry = line_changed(event)
    assert entry.kind == f"line.top_up.{state}"
    assert "1000 MB" in entry.text.en
    assert "1000 MB" in entry.text.ja
    assert entry.who_acts.owner == ("staff" if code else "nobody")


# the SIM line (C22, automatic mode)


def standing(code):
    return LineEnding(state="stands", code=code)


async def over(life, cancelled, by=timedelta(hours=2)):
    await life.run(cancelled.effective_at - life.clock.now() + by)


async def test_the_line_ends_after_the_service_and_before_the_case_is_closed(automatic):
    automatic.lines.answers = [LineEnding(state="working"), LineEnding(state="working")]
    cancelled = await automatic.request()
    await automatic.run(cancelled.effective_at - automatic.clock.now() - timedelta(seconds=1))
    assert automatic.lines.asked == []
    automatic.billing.loses = 1
    await automatic.run(timedelta(seconds=1))
    assert (automatic.billing.ended, automatic.lines.asked) == ([SIM], [])  # WHMCS's answer was lost: not over yet
    await automatic.run(timedelta(hours=1))
    assert automatic.lines.asked == [(cancelled.cancellation_id, SIM)] * 3
    assert automatic.state() == ["completed"]
    assert automatic.cases.closed == list(automatic.cases.opened)
    assert automatic.cases.tasks == {}


@pytest.mark.parametrize("answer", [TryLater("SERVICE_UNAVAILABLE"), TryLater("DEADLINE_PASSED")])
async def test_an_answer_of_fulfillments_that_is_lost_is_asked_for_again_under_the_same_key(automatic, answer):
    automatic.lines.answers = [answer, answer]
    cancelled = await automatic.request()
    await over(automatic, cancelled)
    assert set(automatic.lines.asked) == {(cancelled.cancellation_id, SIM)}
    assert (automatic.state(), automatic.billing.ended) == (["completed"], [SIM])
    assert automatic.told == ["requested", "completed"]


@pytest.mark.parametrize("code", ["LINE_CHANGE_REFUSED", "LINE_CHANGE_UNCLEAR"])
async def test_a_line_that_stands_is_a_persons_turn_and_goes_on_by_itself_when_it_has_ended(automatic, code):
    automatic.lines.answers = [standing(code)] * 2
    cancelled = await automatic.request()
    await over(automatic, cancelled, timedelta(minutes=30))
    view = await automatic.view()
    assert (view.status, view.code, view.facts["why"]) == ("needs_human", "CANCELLATION_LINE_STANDS", code)
    assert (automatic.state(), automatic.stage(), automatic.cases.closed) == (["ending"], "cancelling", [])
    await automatic.run(timedelta(hours=3))
    assert (automatic.state(), automatic.stage()) == (["completed"], "cancelled")


async def test_a_line_the_operator_does_not_end_within_a_day_is_a_persons_turn(automatic):
    cancelled = await automatic.request()
    automatic.lines.answers = [
        LineEnding(state="working", again_at=cancelled.effective_at + timedelta(hours=hour)) for hour in range(1, 30)
    ]
    await over(automatic, cancelled, timedelta(hours=25))
    assert (await automatic.view()).code == "CANCELLATION_LINE_STANDS"


async def test_a_line_from_before_the_portal_is_a_task_of_staffs_alone(automatic):
    automatic.lines.known.clear()
    cancelled = await automatic.request()
    await over(automatic, cancelled)
    (task,) = automatic.cases.tasks.values()
    assert "end this SIM line at Freebit by hand" in task[2]
    assert automatic.state() == ["completed"]


@pytest.mark.parametrize("service_id", [INTERNET, VPN])
async def test_only_a_sim_has_a_line_to_end(world, carts, ordered, service_id):
    life = Life(world, carts.buyer, cancellation_automatic=True)
    life.has(service_id, {INTERNET: "internet", VPN: "vpn"}[service_id], order_id=ordered)
    await over(life, await life.request(service_id))
    assert (life.state(), life.lines.asked) == (["completed"], [])


async def test_by_hand_staff_end_the_line_too(life):
    cancelled = await life.request()
    await life.run()
    (case,) = life.cases.opened.values()
    assert "SIM回線の手続き: our staff" in case[2]
    life.billing.set_state(SIM, "terminated")
    await over(life, cancelled)
    assert (life.state(), life.lines.asked) == (["completed"], [])


async def test_a_cancellation_that_was_taken_back_ends_no_line(automatic):
    cancelled = await automatic.request()
    await automatic.revoke()
    await over(automatic, cancelled)
    assert (automatic.billing.ended, automatic.lines.asked) == ([], [])


# what staff settle, and what nobody sold here


@pytest.mark.parametrize("mode", [False, True])
async def test_what_is_paid_beyond_the_end_is_a_task_with_its_figures(world, carts, ordered, mode):  # R214
    life = Life(world, carts.buyer, cancellation_automatic=mode)
    life.has(SIM, "sim", order_id=ordered)
    cancelled = await life.request()
    paid = {"next_due_on": cancelled.ends_on + timedelta(days=11), "amount": 3000}
    life.billing.subscriptions[SIM] = life.billing.subscriptions[SIM].model_copy(update=paid)
    life.billing.set_state(SIM, "active" if mode else "terminated")
    await over(life, cancelled)
    (task,) = life.cases.tasks.values()
    assert "Paid days after the last one: 10" in task[2]
    assert "yen" in task[2]
    assert f"{CLIENT}, {SIM}" in task[2]
    assert life.state() == ["completed"]
    assert not set(life.cases.tasks) & set(life.cases.closed)  # it outlives the case of the cancellation


async def test_an_initial_cancellation_is_settled_by_staff(life):  # D10
    today = life.clock.today()
    service = life.billing.subscriptions[INTERNET]
    life.billing.subscriptions[INTERNET] = service.model_copy(update={"started_on": today})
    await life.request(INTERNET, initial_cancellation=True, ends_on=today)
    life.billing.set_state(INTERNET, "terminated")
    await life.run(timedelta(hours=2))
    (task,) = life.cases.tasks.values()
    assert "Initial cancellation: yes" in task[2]


async def test_a_service_from_before_the_portal_has_mails_and_no_timeline(world, carts):
    life = Life(world, carts.buyer)
    life.has(SIM, "sim")
    cancelled = await life.request()
    await life.run()
    await life.revoke()
    await life.run(timedelta(hours=1))
    told = life.world.recorded(ServiceCancellationProgressed)
    assert [(one.stage, one.service_id, one.name.ja) for one in told] == [
        ("requested", SIM, "Service"),
        ("withdrawn", SIM, "Service"),
    ]
    assert {one.cancellation_id for one in told} == {cancelled.cancellation_id}
    assert life.told == []


@pytest.mark.parametrize("service_id", [SIM, INTERNET])
async def test_the_customer_reads_nothing_internal_in_the_case(life, service_id):
    await life.request(service_id, reason="引っ越し")
    await life.run()
    (case,) = life.cases.opened.values()
    for internal in ("Freebit", "Opportunity", "006"):
        assert internal not in case[2]


@pytest.mark.parametrize("known", [True, False])
async def test_a_plan_change_of_a_sim_says_how_to_find_the_line(life, known):
    if not known:
        life.lines.finds = TryLater("FREEBIT_UNAVAILABLE")
    command = RequestPlanChange(request_id="request-p1", service_id=SIM, sku="SIM-DATA-ESIM-10G")
    await life.use.plan_change.request(command, life.buyer)
    (case,) = life.cases.opened.values()
    for words in ("2970 yen monthly", "SIM-DATA-ESIM-10G", "1650 yen monthly", "880 yen"):
        assert words in case[2]
    line = ("07000006001", "ICCID 8981030000000000015", "PASI_20G", "翌月1日")
    assert all((words in case[2]) is known for words in line)
