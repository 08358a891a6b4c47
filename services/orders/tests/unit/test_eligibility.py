"""Eligibility checks: states, requests, results, deadlines and escalations (R181-R196, R132, R135, C25)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.clocks import TOKYO
from portal_contracts.catalog import LocalizedText, Product
from portal_contracts.changefeed import AccountChanged
from portal_contracts.customer_news import EligibilityChanged
from portal_contracts.eligibility import DisputeEligibility, RequestEligibility
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import Address
from portal_orders.business_calendar import BusinessCalendar
from portal_orders.eligibility import CheckTerms, FoundEligibility, KeptEligibility, state_of, taken
from portal_orders.testing import ACCOUNT, HOME

ELSEWHERE = Address(postcode="530-0001", prefecture="大阪府", city="大阪市北区", street="梅田1-1-1")
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def plan(sku, eligibility):
    text = LocalizedText(en=sku, ja=sku)
    return Product(
        sku=sku,
        name=text,
        description=text,
        category="internet",
        item_class="service",
        billing_cycle="monthly",
        price=5500,
        orderable=True,
        eligibility=eligibility,
    )


class Customer:
    """The customer, and what staff and the org's events do."""

    def __init__(self, world, carts):
        self.world = world
        self.use = world.orders.for_customers.eligibility
        self.buyer = carts.buyer
        self.number = 0

    async def sees(self):
        return await self.use.show(ACCOUNT)

    async def asks(self, key="request-1", **facts):
        shown = await self.use.ask(RequestEligibility(request_id=key, **facts), self.buyer)
        await self.world.processes.run_until_idle()
        return shown

    async def doubts(self, key="dispute-1"):
        shown = await self.use.doubt(DisputeEligibility(request_id=key, reason="My neighbour has it"), ACCOUNT)
        await self.world.processes.run_until_idle()
        return shown

    async def staff_say(self, *fields, **facts):
        self.world.accounts.staff_say(ACCOUNT, **facts)
        await self.event(*fields)

    async def event(self, *fields, account=ACCOUNT, by_us=False):
        self.number += 1
        now = self.world.clock.now()
        event = AccountChanged(record_id=account, change="updated", fields=fields, by_us=by_us, committed_at=now)
        await self.world.deliver(event, f"account-{self.number}")
        await self.world.processes.run_until_idle()

    async def gets_result(self, *types, failed=False):
        state = "eligible" if types else "not_eligible"
        at = self.world.clock.now()
        await self.staff_say("Internet_Eligibility__c", state=state, types=types, checked_at=at, address_failed=failed)

    @property
    def news(self):
        return [event.status for event in self.world.recorded(EligibilityChanged)]


@pytest.fixture
def customer(world, carts):
    world.accounts.staff_say(ACCOUNT, state="not_requested", types=())
    return Customer(world, carts)


@pytest.mark.parametrize(
    ("status", "results", "expected"),
    [
        ("not_requested", [("Home 1G", "unknown")], ("not_requested", (), False)),
        ("pending", [("Home 1G", "unknown")], ("pending", (), False)),
        ("checked", [], ("not_eligible", (), False)),
        ("checked", [("Not Available", "not_eligible")], ("not_eligible", (), False)),
        ("checked", [("Home 1G", "unknown")], ("eligible", ("Home 1G",), False)),
        ("checked", [("Home 1G", "unknown"), ("Home 10G", "unknown")], ("eligible", ("Home 1G", "Home 10G"), False)),
        ("checked", [("住所不明", "address_failed")], ("not_eligible", (), True)),
        ("unknown", [("Home 1G", "unknown")], ("pending", (), False)),
    ],
)
def test_status_and_result_make_the_state(status, results, expected):
    """C25; a status nobody knows is somebody's work under way, never a result."""
    assert state_of(status, results) == expected


def test_an_older_reading_and_one_from_before_our_request_change_nothing():
    kept = KeptEligibility(ACCOUNT, "pending", read_at=NOW, changed_at=NOW, requested_at=NOW, written=False)
    older = FoundEligibility("eligible", NOW - timedelta(hours=1), types=("Home 1G",))
    assert taken(kept, ACCOUNT, older, NOW) == kept
    unwritten = FoundEligibility("not_requested", NOW + timedelta(hours=1))
    assert taken(kept, ACCOUNT, unwritten, NOW).state == "pending"
    assert taken(replace(kept, written=True), ACCOUNT, unwritten, NOW).state == "not_requested"


async def test_a_request_becomes_a_case_the_accounts_fields_and_an_opportunity(world, customer):
    """R181-R185."""
    assert (await customer.sees()).state == "not_requested"
    shown = await customer.asks(note="The building is new.")
    assert (shown.state, shown.speed) == ("pending", "standard")
    assert shown.due_by == shown.who_acts.until is not None
    (case,) = world.cases.opened.values()
    assert (case.kind, case.for_customer) == ("eligibility_check", True)
    assert HOME.street in case.description
    assert "The building is new." in case.description
    assert f"Due by: {shown.due_by.astimezone(TOKYO):%Y-%m-%d %H:%M} JST" in case.description  # R191
    assert world.accounts.found[ACCOUNT].state == "pending"
    assert world.accounts.opportunities == {ACCOUNT: "introduction"}


async def test_one_open_check_is_one_however_often_it_is_asked_for(world, customer):
    await customer.asks("request-1")
    await customer.asks("request-1")
    await customer.asks("request-2", speed="express")
    assert len(world.cases.opened) == len(world.accounts.submitted) == 1
    assert (await customer.sees()).speed == "standard"


async def test_a_write_whose_answer_was_lost_happens_once(world, customer):
    world.accounts.lost_answers = 2
    await customer.asks()
    for _ in range(5):
        world.clock.advance(timedelta(minutes=5))
        await world.processes.run_until_idle()
    assert len(world.accounts.submitted) == 1
    assert (await customer.sees()).state == "pending"


async def test_while_salesforce_is_away_a_request_is_taken_and_carried_out_later(world, customer):
    await customer.sees()
    world.accounts.away = world.cases.away = True
    assert (await customer.asks()).state == "pending"
    assert world.accounts.submitted == []
    world.accounts.away = world.cases.away = False
    world.clock.advance(timedelta(minutes=30))
    await world.processes.run_until_idle()
    assert len(world.accounts.submitted) == len(world.cases.opened) == 1


async def test_nothing_known_and_salesforce_away_is_an_answer_of_its_own(world, customer):
    world.accounts.away = True
    with pytest.raises(TryLater):
        await customer.sees()


async def test_a_result_is_shown_with_its_plans_and_told_once(world, customer):
    """R187, R190, R196."""
    world.shelf.plans = (plan("INT-HOME-1G", "Home 1G"), plan("INT-APT-1G", "Apartment 1G"))
    await customer.asks()
    await customer.gets_result("Home　1g")
    shown = await customer.sees()
    assert (shown.state, [one.sku for one in shown.products]) == ("eligible", ["INT-HOME-1G"])
    assert customer.news == ["eligible"]
    await customer.event("Internet_Eligibility__c")
    await customer.event()
    assert customer.news == ["eligible"]
    await customer.gets_result("Home 1G", "Home 10G")
    assert customer.news == ["eligible", "eligible"]


async def test_our_own_writes_and_other_fields_are_not_looked_at(world, customer):
    await customer.sees()
    reads = world.accounts.reads
    await customer.event("Internet_Eligibility__c", by_us=True)
    await customer.event("Phone")
    assert world.accounts.reads == reads


async def test_a_strangers_account_is_left_alone(world, customer):
    """An org has many accounts that nobody signs in with."""
    stranger = "001000000000009AAA"
    world.accounts.staff_say(stranger, state="eligible", types=("Home 1G",), checked_at=world.clock.now())
    await customer.event("Internet_Eligibility__c", account=stranger)
    assert stranger not in world.eligibility.rows
    assert customer.news == []


async def test_what_sales_enter_for_a_customer_is_told_but_not_what_is_old(world, customer):
    """R193: entered by hand, without a request."""
    await customer.gets_result("Home 1G")
    assert customer.news == ["eligible"]
    world.eligibility.rows.clear()
    world.clock.advance(timedelta(days=3))
    await customer.event()
    assert customer.news == ["eligible"]


async def test_an_address_that_has_a_result_is_not_checked_again_and_another_is(customer):
    await customer.asks()
    await customer.gets_result()
    with pytest.raises(Refused) as refused:
        await customer.asks("request-2")
    assert refused.value.code == "ELIGIBILITY_ALREADY_CHECKED"
    assert (await customer.asks("request-3", address=ELSEWHERE)).state == "pending"


async def test_a_customer_without_any_address_is_told_so(world, customer):
    world.billing.home = None
    with pytest.raises(Refused) as refused:
        await customer.asks()
    assert refused.value.code == "ADDRESS_NOT_CONFIRMED"


async def test_a_disputed_result_goes_to_the_supervisor_once(world, customer):
    """R132."""
    with pytest.raises(Refused) as refused:
        await customer.doubts()
    assert refused.value.code == "ELIGIBILITY_NO_RESULT"
    await customer.asks()
    await customer.gets_result()
    assert (await customer.doubts()).disputed
    await customer.doubts("dispute-2")
    escalated = [title for title in world.cases.titles if "ESCALATION" in title]
    assert escalated == ["ESCALATION to the supervisor: disputed eligibility result"]
    await customer.gets_result("Home 1G")
    assert not (await customer.sees()).disputed


async def test_an_address_that_could_not_be_verified_is_escalated(world, customer):
    """R135."""
    await customer.asks()
    await customer.gets_result(failed=True)
    assert "ESCALATION to the supervisor: address could not be verified" in world.cases.titles
    assert (await customer.sees()).who_acts.owner == "staff"


@pytest.mark.parametrize(
    ("speed", "asked", "due"),
    [
        ("express", "2026-04-30 23:59", "2026-05-01 13:00"),  # one minute to midnight at the end of a month
        ("express", "2026-05-01 16:00", "2026-05-07 11:00"),  # Golden Week
        ("express", "2028-02-28 17:00", "2028-02-29 12:00"),  # a leap day
        ("express", "2028-02-29 23:59", "2028-03-01 13:00"),
        ("express", "2027-02-28 23:59", "2027-03-01 13:00"),  # a Sunday, and no leap day
        ("standard", "2026-04-01 09:00", "2026-04-08 12:00"),
        ("standard", "2026-12-31 23:59", "2027-01-12 12:00"),  # New Year and Coming of Age Day
        ("standard", "2028-02-25 18:00", "2028-03-06 12:00"),
    ],
)
def test_a_check_is_due_after_so_many_business_hours(speed, asked, due):
    """R191, R192."""
    terms = CheckTerms(BusinessCalendar(), standard=timedelta(hours=48), express=timedelta(hours=4))
    found = terms.due_by(speed, datetime.fromisoformat(asked).replace(tzinfo=TOKYO)).astimezone(TOKYO)
    assert f"{found:%Y-%m-%d %H:%M}" == due


@pytest.mark.parametrize(("speed", "hours"), [("standard", 48), ("express", 4)])
async def test_a_check_that_is_late_is_escalated_once(world, customer, speed, hours):
    """R191, R192."""
    shown = await customer.asks(speed=speed)
    begun = world.clock.now()
    assert shown.due_by - begun >= timedelta(hours=hours)
    late = f"ESCALATION to the supervisor: {speed} eligibility check is late"
    world.clock.advance(shown.due_by - begun - timedelta(minutes=1))
    await world.processes.run_until_idle()
    assert late not in world.cases.titles
    for _ in range(3):
        world.clock.advance(timedelta(days=1))
        await world.processes.run_until_idle()
    assert world.cases.titles.count(late) == 1


async def test_a_result_whose_event_was_lost_is_found_all_the_same(world, customer):
    """C24."""
    await customer.asks()
    world.accounts.staff_say(ACCOUNT, state="eligible", types=("Home 1G",), checked_at=world.clock.now())
    world.clock.advance(timedelta(hours=25))
    await world.processes.run_until_idle()
    assert customer.news == ["eligible"]


@pytest.mark.parametrize(("types", "stage"), [(("Home 1G",), "ready"), ((), "void")])
async def test_a_result_moves_the_enquiry_on_and_closes_its_case(world, customer, types, stage):
    """R189, R225, R230."""
    await customer.asks()
    (key,) = world.cases.opened
    world.accounts.lost_answers = 1
    await customer.gets_result(*types)
    world.clock.advance(timedelta(minutes=5))
    await world.processes.run_until_idle()
    assert world.accounts.opportunities == {ACCOUNT: stage}
    assert world.accounts.concluded == [ACCOUNT]
    assert world.cases.closed == [key]


async def test_a_result_whose_event_was_lost_closes_its_case_too(world, customer):
    """R189, C24: the check itself finds the result, or finds that somebody took it before."""
    await customer.asks()
    world.accounts.staff_say(ACCOUNT, state="not_eligible", checked_at=world.clock.now())
    world.clock.advance(timedelta(hours=25))
    await world.processes.run_until_idle()
    assert (world.accounts.opportunities, len(world.cases.closed)) == ({ACCOUNT: "void"}, 1)


async def test_a_case_that_opens_after_the_result_is_closed_all_the_same(world, customer):
    """R189: support was away for as long as staff needed."""
    await customer.sees()
    world.cases.away = True
    await customer.asks()
    await customer.gets_result("Home 1G")
    assert world.cases.closed == []
    world.cases.away = False
    world.clock.advance(timedelta(minutes=30))
    await world.processes.run_until_idle()
    assert (len(world.cases.opened), len(world.cases.closed)) == (1, 1)


async def test_a_check_that_staff_take_back_leaves_its_case_open(world, customer):
    await customer.asks()
    await customer.staff_say("Internet_Eligibility_Status__c", state="not_requested", requested_at=None)
    world.clock.advance(timedelta(hours=25))
    await world.processes.run_until_idle()
    assert (world.accounts.opportunities, world.cases.closed) == ({ACCOUNT: "introduction"}, [])


async def test_an_enquiry_that_was_ordered_from_stays_where_it_is(world, customer):
    await customer.asks()
    world.accounts.opportunities[ACCOUNT] = "post_processing"
    await customer.gets_result()
    assert world.accounts.opportunities == {ACCOUNT: "post_processing"}
