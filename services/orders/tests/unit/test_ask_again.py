"""A customer says "I have done it", or gives another reservation, on fakes (§2.1, D09)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from portal_chassis.actor import Actor
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import Refused, TryLater
from portal_contracts.provisioning_requests import ChangePorting, RecheckOrder
from portal_orders.porting import PortingOnFile
from portal_orders.testing import ACCOUNT, CLIENT, EID

STRANGER = "001000000000009AAA"


def customer(account_id=ACCOUNT):
    return Actor(
        user_id="7b6f5c7e-0000-4000-8000-000000000001",
        whmcs_client_id=CLIENT,
        account_id=account_id,
        roles=("customer",),
        session_id="session-example",
        authenticated_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        locale="ja",
    )


@pytest.fixture
async def blocked(world, carts):
    """An approved voice line with a number to bring along, blocked over its reservation."""
    lines = (
        carts.line("sim", "SIM-VOICE-ESIM-20G", eid=EID, porting=carts.porting()),
        carts.line("sim-fee", "SIM-ACTIVATION", parent="sim"),
    )
    order_id = await world.place_one(*lines)
    await world.approve(order_id)
    await world.progress(order_id, "blocked", code="PORTING_RESERVATION_REFUSED")
    return order_id


@pytest.fixture
def ask(world, carts):
    """Ask as the customer; the reservation given is a good one unless the test says otherwise."""

    async def send(kind, order_id, account_id=ACCOUNT, request_id="request-0001", **facts):
        if kind is ChangePorting:
            facts.setdefault("porting", carts.porting(reservation_number="2200000000"))
        message = kind(request_id=request_id, order_id=order_id, **facts)
        return await world.bus.call(message, actor=customer(account_id))

    return send


async def code_of(action):
    with pytest.raises(Refused) as caught:
        await action
    return caught.value.code


@pytest.mark.parametrize("kind", [RecheckOrder, ChangePorting])
async def test_a_foreign_order_does_not_exist(world, blocked, ask, kind):
    assert await code_of(ask(kind, blocked, STRANGER)) == "NOT_FOUND"
    assert await code_of(ask(kind, "801000000000077AAA")) == "NOT_FOUND"
    assert not world.hints.kept


async def test_a_recheck_asks_fulfillment_in_the_customers_name_once(world, blocked, ask):
    await ask(RecheckOrder, blocked)
    await ask(RecheckOrder, blocked)
    assert world.hinted > 1
    await world.follow()
    requests = world.recorded(ProvisionRequested)
    assert [(one.source, one.request_id) for one in requests[1:]] == [("customer", "request-0001")]


async def test_a_recheck_of_what_has_failed_starts_nothing(world, blocked, ask):
    """Only staff's explicit retry opens another attempt (§2.1)."""
    await world.progress(blocked, "failed", code="SIM_REFUSED")
    await ask(RecheckOrder, blocked)
    await world.follow()
    assert world.sources == ["change_event"]


async def test_a_recheck_before_approval_is_no_news(world, ask):
    order_id = await world.place_one()
    await ask(RecheckOrder, order_id)
    await world.follow()
    assert world.sources == []
    assert world.book.kinds(order_id) == ["order.placed"]


async def test_another_reservation_stands_in_salesforce_and_in_the_portal_and_wakes_the_order(
    world, carts, blocked, ask
):
    await ask(ChangePorting, blocked)
    assert world.sales.orders[blocked].porting.data["reservation_number"] == "2200000000"
    order = await world.orders.use.read_for_provisioning(blocked)
    assert order.porting == carts.porting(reservation_number="2200000000")
    await world.follow()
    assert world.sources == ["change_event", "customer"]
    assert world.book.kinds(blocked)[-1] == "order.porting_changed"
    assert "2200000000" not in str(world.events) + str(world.book.timelines[blocked])


async def test_an_org_without_the_fields_keeps_the_reservation_in_the_portal(world, carts, blocked, ask):
    """C17: the org lacks them; the snapshot is what provisioning gets."""
    world.sales.has_fields = False
    world.sales.change(blocked, porting=None)
    await ask(ChangePorting, blocked)
    assert "porting" not in world.sales.writes
    order = await world.orders.use.read_for_provisioning(blocked)
    assert order.porting == carts.porting(reservation_number="2200000000")


async def test_a_lost_answer_of_salesforce_is_repeated_with_the_same_key(world, blocked, ask):
    world.sales.lost_answers.append("porting")
    with pytest.raises(TryLater):
        await ask(ChangePorting, blocked)
    assert "order.porting_changed" not in world.book.kinds(blocked)
    await ask(ChangePorting, blocked)
    await ask(ChangePorting, blocked)
    assert world.book.kinds(blocked).count("order.porting_changed") == 1


async def test_a_reservation_that_is_too_short_for_the_day_of_activation_is_refused(world, carts, blocked, ask):
    """D09: a scheduled order is judged by its own day."""
    tomorrow = carts.porting(reservation_expires_on=date(2026, 4, 2))
    await ask(ChangePorting, blocked, porting=tomorrow)
    in_a_week = world.clock.now() + timedelta(days=7)
    await world.change(blocked, "Activation_Scheduled_At__c", scheduled=True, scheduled_at=in_a_week)
    again = ask(ChangePorting, blocked, request_id="request-0002", porting=tomorrow)
    assert await code_of(again) == "PORTING_TOO_SHORT"


async def test_a_reservation_the_operators_fetch_is_refused_where_none_does(blocked, carts, ask):
    one_stop = carts.porting(one_stop=True, reservation_number=None, reservation_expires_on=None)
    assert await code_of(ask(ChangePorting, blocked, porting=one_stop)) == "PORTING_NOT_OFFERED"


async def test_an_order_that_brings_no_number_has_no_reservation_to_change(world, carts, ask):
    order_id = await world.place_one(*carts.sim())
    assert await code_of(ask(ChangePorting, order_id)) == "NOT_FOUND"


@pytest.mark.parametrize("stages", [["sim_requested"], ["sim_active"], ["accepted"], ["sim_active", "blocked"]])
async def test_past_the_pivot_nothing_changes_any_more(world, blocked, ask, stages):
    """C19."""
    for stage in stages:
        await world.progress(blocked, stage)
    assert await code_of(ask(ChangePorting, blocked)) == "PROVISIONING_PAST_PIVOT"


async def test_a_request_that_the_operator_refused_may_be_mended(world, blocked, ask):
    await world.progress(blocked, "sim_requested")
    world.clock.advance(60)
    await world.progress(blocked, "blocked", code="PORTING_IDENTITY_MISMATCH")
    await ask(ChangePorting, blocked)


async def test_staffs_correction_goes_before_what_was_ordered_and_a_withdrawal_before_both(world, carts, blocked):
    """From Salesforce first, else the snapshot; a number that staff took back is not brought along."""
    filled = {"reservation_number": "3300000000"}
    world.sales.change(blocked, porting=PortingOnFile(wanted=True, data=filled))
    read = world.orders.use.read_for_provisioning
    assert (await read(blocked)).porting == carts.porting(reservation_number="3300000000")
    world.sales.change(blocked, porting=PortingOnFile(wanted=True, data={"reservation_number": None}))
    assert await code_of(read(blocked)) == "PORTING_DATA_MISSING", "staff emptied it: the old one is not used"
    world.sales.change(blocked, porting=PortingOnFile(wanted=False, data=filled))
    assert (await read(blocked)).porting is None
    world.sales.change(blocked, porting=PortingOnFile(wanted=True, data={"reservation_number": "12"}))
    assert await code_of(read(blocked)) == "PORTING_DATA_MISSING"


async def test_a_number_is_forgotten_when_the_order_is_over(world, blocked):
    await world.change(blocked, "Status", state="completed", activation="activated", whmcs_order_id=7)
    assert world.book.orders[blocked].porting is None
    assert "1100000000" not in str(world.book.orders[blocked])
