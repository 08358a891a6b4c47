"""What fulfillment asks of orders, on fakes."""

from decimal import Decimal

import pytest

from portal_contracts.catalog import Choice, ChoiceValue, ConfigOption, LocalizedText
from portal_contracts.orders import MarkActivating, RecordOutcome
from portal_contracts.problems import CATALOGUE, Refused, TryLater
from portal_orders.order import SalesItem, keep_items
from portal_orders.testing import ACCOUNT, CLIENT, EID, PRICE_LIST


@pytest.fixture
async def approved(world, carts):
    checkout = await world.check_out(*carts.sim(), carts.line("voicemail", "SIM-VOICEMAIL", parent="sim"))
    order_id = checkout.orders[0].order_id
    world.sales.change(order_id, state="approved")
    return order_id


def mark(order_id):
    return MarkActivating(order_id=order_id, attempt=1)


def outcome(order_id, kind, **facts):
    return RecordOutcome(order_id=order_id, attempt=1, outcome=kind, **facts)


def activated(order_id):
    return outcome(order_id, "activated", whmcs_order_id=7, whmcs_service_id=8)


async def code_of(action):
    with pytest.raises(Refused) as caught:
        await action
    return caught.value.code


async def test_an_order_is_read_with_its_mapping_and_its_customer(world, approved):
    order = await world.orders.use.read_for_provisioning(approved)
    assert (order.state, order.activation, order.category) == ("approved", "not_started", "sim")
    assert (order.account_id, order.whmcs_client_id) == (ACCOUNT, CLIENT)
    assert [(line.sku, line.whmcs_product_id, line.service) for line in order.lines] == [
        ("SIM-VOICE-ESIM-20G", 202, True),
        ("SIM-ACTIVATION", 211, False),
        ("SIM-VOICEMAIL", 221, False),
    ]
    assert (order.eid, order.esim, order.voice, order.sim_plan) == (EID, True, True, "SIM-VOICE-ESIM-20G")
    assert (order.voice_options, order.activation_type, order.scheduled_at) == (["SIM-VOICEMAIL"], "immediate", None)


async def test_an_eid_that_the_org_has_no_field_for_comes_from_the_portal(world, approved):
    await world.deliver_hint(approved)
    world.sales.change(approved, eid=None)
    assert (await world.orders.use.read_for_provisioning(approved)).eid == EID


async def test_what_provisioning_cannot_use_is_refused_by_name(world, approved):
    read = world.orders.use.read_for_provisioning
    assert await code_of(read("801000000000077AAA")) == "NOT_FOUND"
    items = world.sales.orders[approved].items
    broken = [SalesItem("01t000000000999AAA", 1, Decimal(1)), *items]
    world.sales.change(approved, items=tuple(broken))
    assert await code_of(read(approved)) == "PRODUCT_UNMAPPED"
    world.sales.change(approved, items=(items[0], items[0]))
    assert await code_of(read(approved)) == "PRODUCT_UNMAPPED"
    world.sales.change(approved, items=(SalesItem(items[0].product_id, 1, Decimal("0.5")),))
    assert await code_of(read(approved)) == "PRICE_MISMATCH"
    world.products.products = [one.model_copy(update={"whmcs_product_id": None}) for one in PRICE_LIST]
    assert await code_of(read(approved)) == "PRODUCT_UNMAPPED"
    world.customers.links.clear()
    assert await code_of(read(approved)) == "CUSTOMER_NOT_LINKED"


async def test_activating_is_written_once(world, approved):
    """C20."""
    write = world.orders.use.write_progress
    await write.mark_activating(mark(approved))
    await write.mark_activating(mark(approved))
    assert world.sales.writes == ["activating"]
    assert (await world.detail(approved)).activation == "activating"


@pytest.mark.parametrize("state", ["pending_review", "cancelled", "completed"])
async def test_only_an_approved_order_is_marked(world, approved, state):
    world.sales.change(approved, state=state)
    assert await code_of(world.orders.use.write_progress.mark_activating(mark(approved))) == "ORDER_NOT_APPROVED"


async def test_a_missing_payment_method_waits_for_the_customer(world, approved):
    """C04."""
    write = world.orders.use.write_progress
    for _ in range(2):
        await write.record(outcome(approved, "blocked", code="PAYMENT_METHOD_MISSING"))
    assert world.sales.writes == ["failure"]
    detail = await world.detail(approved)
    assert (detail.activation, detail.problem) == ("awaiting_payment_method", "PAYMENT_METHOD_MISSING")
    assert detail.who_acts.owner == "customer"
    await write.mark_activating(mark(approved))
    assert (await world.detail(approved)).activation == "activating"


async def test_success_completes_the_order_and_nothing_late_takes_it_back(world, approved):
    write = world.orders.use.write_progress
    await write.record(activated(approved))
    await write.record(activated(approved))
    await write.record(outcome(approved, "failed", code="SIM_REFUSED"))
    assert world.sales.writes == ["activated"]
    detail = await world.detail(approved)
    assert (detail.state, detail.activation, detail.service_id) == ("completed", "activated", 8)
    assert detail.activated_at is not None
    assert detail.who_acts.owner == "nobody"


async def test_a_completed_internet_order_gives_its_claim_to_the_service(world, carts):
    """C14: from here on WHMCS says that there is one."""
    placed = await world.check_out(*carts.internet(), address_confirmed=True)
    order_id = placed.orders[0].order_id
    world.sales.change(order_id, state="approved")
    await world.orders.use.write_progress.record(activated(order_id))
    assert not world.checkouts.claims


@pytest.mark.parametrize("call", ["activating", "failure", "activated"])
async def test_a_lost_answer_to_a_write_is_made_good_by_the_repeat(world, approved, call):
    write = world.orders.use.write_progress
    actions = {
        "activating": lambda: write.mark_activating(mark(approved)),
        "failure": lambda: write.record(outcome(approved, "failed", code="SIM_REFUSED")),
        "activated": lambda: write.record(activated(approved)),
    }
    world.sales.lost_answers = [call]
    with pytest.raises(TryLater):
        await actions[call]()
    await actions[call]()
    assert world.sales.writes == [call]
    assert (await world.detail(approved)).state == world.sales.orders[approved].state


async def test_an_order_that_staff_cancelled_is_not_opened_again(world, approved):
    world.sales.change(approved, state="cancelled")
    write = world.orders.use.write_progress
    assert await code_of(write.record(activated(approved))) == "ORDER_NOT_APPROVED"
    await write.record(outcome(approved, "failed", code="SIM_REFUSED"))
    assert world.sales.writes == []


@pytest.mark.parametrize(
    "facts", [{"outcome": "activated"}, {"outcome": "failed"}, {"outcome": "failed", "code": "NO_SUCH_CODE"}]
)
async def test_half_an_outcome_is_refused(world, approved, facts):
    command = RecordOutcome(order_id=approved, attempt=1, **facts)
    assert await code_of(world.orders.use.write_progress.record(command)) == "BAD_REQUEST"


async def test_every_problem_has_words_and_somebody_who_acts(world, approved):
    """C37: whatever fulfillment is blocked by, the customer reads a sentence."""
    for code, entry in CATALOGUE.items():
        if entry.kind == "refused":
            await world.orders.use.write_progress.record(outcome(approved, "blocked", code=code))
            detail = await world.detail(approved)
            assert detail.problem == code
            assert detail.who_acts.owner == entry.owner
            assert detail.who_acts.text.ja


TEXT = LocalizedText(en="Speed", ja="速度")
SPEED = ConfigOption(option_id=12, choice="speed", values={"1G": 34, "2G": 35})
FIXED = ConfigOption(option_id=7, value_id=1)


@pytest.fixture
def mapped(world):
    """A plan whose choice and fixed option are configurable options in WHMCS."""

    def put(*options):
        choices = [Choice(name="speed", label=TEXT, required=False, values=[ChoiceValue(value="2G", label=TEXT)])]
        update = {"choices": choices, "config_options": list(options)}
        world.products.products = [
            one.model_copy(update=update) if one.sku == "VPN-US" else one for one in world.products.products
        ]

    put(SPEED, FIXED)
    return put


async def test_what_was_chosen_is_ordered_as_whmcss_options_of_that_day(world, carts, mapped):  # R087, C30
    plan, fee = carts.vpn()
    order_id = await world.place_one(plan.model_copy(update={"options": {"speed": "2G"}}), fee)
    mapped(SPEED.model_copy(update={"values": {"2G": 99}}))  # staff renumber them after the checkout
    lines = (await world.orders.use.read_for_provisioning(order_id)).lines
    assert [line.config_options for line in lines] == [{12: 35, 7: 1}, {}]


async def test_what_was_left_open_is_whmcss_own_default(world, carts, mapped):
    order_id = await world.place_one(*carts.vpn())
    lines = (await world.orders.use.read_for_provisioning(order_id)).lines
    assert lines[0].config_options == {7: 1}


def test_an_order_the_portal_never_saw_has_the_options_that_salesforce_knows(world):
    (sold,) = (one for one in world.products.products if one.sku == "VPN-US")
    product = sold.model_copy(update={"config_options": [SPEED, FIXED]})
    item = SalesItem(product.product_id, 1, Decimal(1), {"speed": "1G", "colour": "red"})
    (kept,) = keep_items([item], (), [product])
    assert kept.config_options == {12: 34, 7: 1}
    assert keep_items([item], (kept,), ())[0].config_options == {12: 34, 7: 1}
