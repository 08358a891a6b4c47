"""What staff see before they approve: the five checks, escalations and deadlines (R127-R135, C31, C32)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from portal_chassis.clocks import TOKYO
from portal_contracts.billing import Subscription
from portal_contracts.identity_verification import VerificationCheck
from portal_contracts.problems import Refused, TryLater
from portal_orders.eligibility import FoundEligibility, KeptEligibility, mark_of
from portal_orders.order import SalesItem, SalesOrder
from portal_orders.review import ReviewFacts, card_of, with_card, without_card
from portal_orders.settings import OrdersSettings
from portal_orders.testing import ACCOUNT, CLIENT, HOME, PRICE_LIST

BY_SKU = {product.sku: product for product in PRICE_LIST}
PLACED = datetime(2026, 4, 1, 10, 0, tzinfo=TOKYO).astimezone(UTC)
VERIFIED = VerificationCheck(method="document_upload", status="verified", passed=True)
FOUND = FoundEligibility("eligible", PLACED, types=("Home 1G",))
KEPT = KeptEligibility(
    ACCOUNT, "eligible", read_at=PLACED, changed_at=PLACED, types=("Home 1G",), address_mark=mark_of(HOME)
)
TERMS = OrdersSettings().review_terms


def order(**facts):
    return SalesOrder(
        **{
            "order_id": "801000000000001AAA",
            "account_id": ACCOUNT,
            "order_number": "00000100",
            "key": "checkout-1",
            "opportunity_id": None,
            "state": "pending_review",
            "activation": "not_started",
            "changed_at": PLACED,
            "created_at": PLACED,
            "items": (SalesItem(BY_SKU["INT-HOME-1G"].product_id, 1, Decimal(5500)),),
            "address": HOME,
            **facts,
        }
    )


def facts(sku="INT-HOME-1G", **changes):
    given = {
        "order": order(),
        "service": BY_SKU[sku],
        "verification": VERIFIED,
        "found": FOUND,
        "kept": KEPT,
        "services": (),
        "orders": (),
        **changes,
    }
    return ReviewFacts(**given)


def passed(card):
    return [finding.passed for finding in card.findings]


def in_whmcs(sku, group="Internet", state="active"):
    return Subscription(
        service_id=1,
        name=sku,
        group=group,
        whmcs_product_id=BY_SKU[sku].whmcs_product_id,
        state=state,
        billing_cycle="Monthly",
        amount=5500,
        started_on=None,
        next_due_on=None,
        read_at=PLACED,
    )


def test_an_order_without_fault_passes_all_five_checks():
    """R127."""
    card = card_of(facts(), TERMS)
    assert passed(card) == [True] * 5
    assert card.escalations == ()


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (0, {"verification": None}),
        (0, {"verification": VerificationCheck(method="staff", status="pending", passed=False)}),
        (1, {"service": BY_SKU["INT-APT-1G"]}),
        (1, {"found": FoundEligibility("pending", PLACED)}),
        (2, {"order": order(address=HOME.model_copy(update={"street": "神南9-9-9"}))}),
        (2, {"order": order(address=None)}),
        (3, {"services": (in_whmcs("INT-APT-1G"),)}),
        (3, {"services": (in_whmcs("INT-HOME-1G", group="Old lines", state="suspended"),)}),
    ],
)
def test_each_check_can_fail(place, changes):
    assert passed(card_of(facts(**changes), TERMS))[place] is False


def test_what_only_a_person_can_judge_says_look():
    card = card_of(facts(order=order(description="Please call first."), kept=None), TERMS)
    assert [card.findings[2].passed, card.findings[4].passed] == [None, None]


def test_a_terminated_line_is_no_duplicate():
    assert card_of(facts(services=(in_whmcs("INT-HOME-1G", state="terminated"),)), TERMS).findings[3].passed


def test_escalations_name_their_reason():
    """R132-R135, C32."""
    dear = order(items=(SalesItem(BY_SKU["INT-HOME-1G"].product_id, 1, Decimal(100_001)),), address=None)
    kept = replace(KEPT, disputed=True)
    found = " ".join(card_of(facts(order=dear, kept=kept), TERMS).escalations)
    assert [number in found for number in ("R132", "R133", "R134", "R135")] == [True, False, True, True]


@pytest.mark.parametrize(("yen", "escalated"), [(100_000, 0), (100_001, 1)])
def test_the_threshold_itself_is_not_above_it(yen, escalated):
    dear = order(items=(SalesItem(BY_SKU["INT-HOME-1G"].product_id, 1, Decimal(yen)),))
    assert len(card_of(facts(order=dear), TERMS).escalations) == escalated


@pytest.mark.parametrize(
    ("placed", "due"),
    [
        ("2026-04-01 10:00", "2026-04-01 12:00"),
        ("2026-04-30 23:59", "2026-05-01 11:00"),
        ("2026-05-02 12:00", "2026-05-07 11:00"),
        ("2028-02-29 17:30", "2028-03-01 10:30"),
    ],
)
def test_a_standard_review_has_two_business_hours(placed, due):
    """R130."""
    at = datetime.fromisoformat(placed).replace(tzinfo=TOKYO).astimezone(UTC)
    card = card_of(facts(order=order(created_at=at)), TERMS)
    assert f"{card.due_by.astimezone(TOKYO):%Y-%m-%d %H:%M}" == due


@pytest.mark.parametrize("by", ["staff", "value", "category"])
def test_a_priority_review_has_thirty_minutes_at_any_time(by):
    """R131, C31."""
    settings = {"value": {"review_priority_yen": 5500}, "category": {"review_priority_categories": "vpn,internet"}}
    terms = OrdersSettings(**settings.get(by, {})).review_terms
    midnight = datetime(2026, 5, 3, 0, 0, tzinfo=TOKYO)
    card = card_of(facts(order=order(created_at=midnight, priority=by == "staff")), terms)
    assert card.priority
    assert card.due_by - midnight == timedelta(minutes=30)


def test_the_card_stands_in_front_of_what_others_wrote_and_is_replaced():
    first = with_card("Please call first.", card_of(facts(), TERMS).text)
    staff = f"{first}\nRejected: ADDRESS unknown street"
    second = with_card(staff, card_of(facts(verification=None), TERMS).text)
    assert without_card(second) == "Please call first.\nRejected: ADDRESS unknown street"
    assert second.count("--- Portal review") == 1
    assert "[NO]   Identity" in second


async def test_a_placed_order_gets_its_card_and_a_second_one_is_counted(world, carts):
    first = await world.place_one()
    for number in range(2):
        await world.check_out(*carts.vpn(f"again{number}"), key=f"key-000{number}")
    await world.processes.run_until_idle()
    text = world.sales.orders[first].description
    assert "[ok]   Identity: verified" in text
    last = list(world.sales.orders.values())[-1]
    assert "3 orders within 24 hours (R133)" in last.description


async def test_a_card_whose_write_was_lost_is_written_all_the_same(world):
    world.sales.lost_answers = ["review"]
    order_id = await world.place_one()
    world.clock.advance(timedelta(minutes=5))
    await world.processes.run_until_idle()
    assert world.sales.orders[order_id].description.count("--- Portal review") == 1


async def test_an_order_approved_before_its_card_is_left_alone(world):
    world.sales.away = False
    order_id = await world.place_one()
    await world.approve(order_id)
    await world.processes.run_until_idle()
    assert "review" not in world.sales.writes


async def test_an_order_that_waits_too_long_is_escalated_once_and_a_reviewed_one_never(world, carts):
    """R130."""
    late = await world.place_one()
    reviewed = (await world.check_out(*carts.vpn("second"), key="second-key")).orders[0].order_id
    await world.processes.run_until_idle()
    await world.approve(reviewed)
    world.clock.advance(timedelta(days=7))
    await world.processes.run_until_idle()
    number = world.book.orders[late].order_number
    assert world.cases.titles == [f"ESCALATION to the supervisor: order {number} waits for its review"]


async def test_a_card_turns_ok_when_identity_is_verified_later_and_is_left_alone_when_nothing_changes(world):
    """R127: staff approve by what is true now."""
    world.verifications.passed = False
    order_id = await world.place_one()
    await world.processes.run_until_idle()
    assert "[NO]   Identity: pending" in world.sales.orders[order_id].description
    world.verifications.passed = True
    world.clock.advance(timedelta(hours=1))
    await world.processes.run_until_idle()
    text = world.sales.orders[order_id].description
    assert "[ok]   Identity: verified" in text
    assert text.count("--- Portal review") == 1
    for _ in range(3):
        world.clock.advance(timedelta(hours=1))
        await world.processes.run_until_idle()
    assert world.sales.writes.count("review") == 2


async def test_staff_who_mark_an_order_a_priority_one_have_thirty_minutes_from_its_placing(world):
    """R131, C31: the mark counts at once, not at the next hour."""
    order_id = await world.place_one()
    await world.processes.run_until_idle()
    world.clock.advance(timedelta(minutes=29))
    await world.change(order_id, "Priority__c", priority=True)
    await world.processes.run_until_idle()
    assert "(priority)" in world.sales.orders[order_id].description
    assert world.cases.titles == []
    world.clock.advance(timedelta(minutes=1))
    await world.processes.run_until_idle()
    number = world.book.orders[order_id].order_number
    assert world.cases.titles == [f"ESCALATION to the supervisor: order {number} waits for its review"]


async def test_an_order_that_sales_enter_for_a_portal_customer_is_reviewed_like_any_other(world):
    """R127, R130; a stranger's is nobody's here."""
    placed = world.sales.orders[await world.place_one()]
    entered, strangers = "801000000000888AAA", "801000000000777AAA"
    world.sales.orders[entered] = replace(placed, order_id=entered, key=None, order_number="00000888", description="")
    world.sales.orders[strangers] = replace(
        world.sales.orders[entered], order_id=strangers, account_id="001000000000009AAA"
    )
    for order_id in (entered, strangers):
        await world.deliver_hint(order_id)
    await world.processes.run_until_idle()
    assert "--- Portal review" in world.sales.orders[entered].description
    assert world.sales.orders[strangers].description == ""
    world.clock.advance(timedelta(days=7))
    await world.processes.run_until_idle()
    assert "ESCALATION to the supervisor: order 00000888 waits for its review" in world.cases.titles


async def test_a_deadline_does_not_wait_for_whoever_knows_more(world):
    """R130: WHMCS is away all the time."""
    order_id = await world.place_one()
    await world.processes.run_until_idle()
    world.billing.fails_with = TryLater("WHMCS_UNAVAILABLE")
    for _ in range(24):
        world.clock.advance(timedelta(hours=1))
        await world.processes.run_until_idle()
    number = world.book.orders[order_id].order_number
    assert world.cases.titles == [f"ESCALATION to the supervisor: order {number} waits for its review"]


async def test_a_voice_line_waits_for_its_customers_verification_where_that_is_the_rule(world, carts):
    """C26: documents alone do not do."""
    order_id = await world.place_one(*carts.sim())
    await world.approve(order_id)
    read = world.orders.use.read_for_provisioning
    assert (await read(order_id)).whmcs_client_id == CLIENT
    strict = replace(read, verifications=world.verifications)
    assert await strict(order_id)
    world.verifications.passed, world.verifications.method = False, "staff"
    with pytest.raises(Refused) as refused:
        await strict(order_id)
    assert (refused.value.code, refused.value.facts) == (
        "VERIFICATION_MISSING",
        {"commodity": "sim_voice", "method": "staff"},
    )
