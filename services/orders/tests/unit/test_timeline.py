"""The timeline on fakes: plain words for the customer, codes and ids for staff."""

from typing import get_args

import pytest

from portal_chassis.telemetry import continue_from
from portal_contracts.fulfillment import OrderActivated, ProvisioningProgressed, ProvisioningStage
from portal_contracts.orders import TimelineGrew
from portal_contracts.problems import CATALOGUE, Refused
from portal_orders.testing import ACCOUNT


async def test_fulfillments_progress_is_in_the_timeline_in_both_languages(world):
    order_id = await world.place_one()
    await world.progress(order_id, "started", source="platform_event")
    await world.progress(order_id, "blocked", code="PAYMENT_METHOD_MISSING")
    await world.progress(order_id, "absorbed", source="sweeper")
    read = world.orders.use.read_orders
    timeline = await read.timeline(order_id, ACCOUNT, 1)
    assert [entry.kind for entry in timeline.entries] == [
        "provisioning.started",
        "provisioning.blocked",
        "provisioning.absorbed",
    ]
    started, blocked, _ = timeline.entries
    assert "Salesforce's event" in started.text.en
    assert (blocked.who_acts.owner, blocked.who_acts.action) == ("customer", "/billing/payment-methods")
    assert "お支払い方法" in blocked.text.ja
    assert [event.sequence for event in world.recorded(TimelineGrew)] == [1, 2, 3, 4]
    assert (timeline.last_sequence, (await world.detail(order_id)).timeline_sequence) == (4, 4)
    assert (await read.timeline(order_id, ACCOUNT, 4)).entries == []


async def test_what_staff_stopped_waits_for_staff_in_the_timeline_as_in_the_order(world):
    order_id = await world.place_one()
    await world.approve(order_id, activation="failed", error_code="PROVISIONING_CANCELLED")
    await world.progress(order_id, "cancelled", code="PROVISIONING_CANCELLED")
    entry = (await world.orders.use.read_orders.timeline(order_id, ACCOUNT, 0)).entries[-1]
    assert (entry.who_acts.owner, entry.text.en) == ("staff", "Our staff stopped the set-up.")
    assert entry.who_acts == (await world.detail(order_id)).who_acts


async def test_a_parked_order_takes_longer_than_usual_until_it_moves(world):
    order_id = await world.place_one()
    await world.approve(order_id, activation="activating")
    await world.progress(order_id, "needs_human", code="SIM_UNCLEAR")
    assert (await world.detail(order_id)).activation == "needs_reconciliation"
    await world.progress(order_id, "sim_active")
    assert (await world.detail(order_id)).activation == "activating"
    world.clock.advance(3600)
    assert (await world.detail(order_id)).status.en == "Taking longer than usual"


async def test_the_end_is_in_the_timeline(world):
    order_id = await world.place_one()
    event = OrderActivated(
        order_id=order_id,
        account_id=ACCOUNT,
        whmcs_order_id=7,
        whmcs_service_id=8,
        category="vpn",
        occurred_at=world.clock.now(),
    )
    await world.deliver(event)
    assert world.book.kinds(order_id) == ["order.placed", "order.activated"]


async def test_staff_see_codes_ids_senders_and_the_trace_and_customers_do_not(world):
    """R148, R149: plain words for the customer, the rest for staff."""
    order_id = await world.place_one()
    with continue_from(f"00-{'a' * 32}-{'b' * 16}-01"):
        await world.progress(
            order_id,
            "blocked",
            code="SIM_CARD_UNKNOWN",
            facts={"whmcs_order_id": 7, "card": "89811000000000000018", "pair": "400_352"},
            source="operator",
            request_id="request-0001",
            requested_by="operator@staff.example",
            correlation_id="approval-0001",
        )
    entry = (await world.orders.use.read_orders.file(order_id)).timeline[-1]
    assert (entry.code, entry.source, entry.request_id) == ("SIM_CARD_UNKNOWN", "operator", "request-0001")
    assert (entry.requested_by, entry.correlation_id) == ("operator@staff.example", "approval-0001")
    assert entry.trace_id == "a" * 32
    assert entry.facts == {"whmcs_order_id": 7, "card": "…0018", "pair": "400_352"}
    assert entry.staff_text.startswith("SIM_CARD_UNKNOWN: Freebit does not know SIM card …0018")
    shown = str(await world.orders.use.read_orders.timeline(order_id, ACCOUNT, 0))
    assert all(text not in shown for text in ("operator@staff.example", "SIM_CARD_UNKNOWN", "0018", "a" * 32))


@pytest.mark.parametrize("stage", get_args(ProvisioningStage))
async def test_every_stage_is_told_in_both_languages(world, stage):
    order_id = await world.place_one()
    await world.progress(order_id, stage)
    entry = world.book.timelines[order_id][-1]
    assert entry.kind == f"provisioning.{stage}"
    assert entry.text.en
    assert entry.text.ja
    assert entry.who_acts.text.ja


@pytest.mark.parametrize("code", [name for name, entry in CATALOGUE.items() if entry.owner == "customer"])
async def test_whatever_a_customer_can_mend_says_where(world, code):
    """§2.1: blocked is never a dead end."""
    order_id = await world.place_one()
    until = world.clock.now()
    await world.progress(order_id, "blocked", code=code, until=until)
    acts = world.book.timelines[order_id][-1].who_acts
    page = "porting" if code.startswith("PORTING_") else "recheck"
    wanted = "/billing/payment-methods" if code == "PAYMENT_METHOD_MISSING" else f"/orders/{order_id}/{page}"
    assert (acts.owner, acts.action, acts.until) == ("customer", wanted, until)


async def test_a_blocked_order_says_until_when_and_with_which_facts(world):
    order_id = await world.place_one()
    await world.approve(order_id)
    until = world.clock.now()
    facts = {"days": 1, "needed": 2}
    await world.progress(order_id, "blocked", code="PORTING_TOO_SHORT", facts=facts, until=until)
    await world.change(order_id, activation="failed", error_code="PORTING_TOO_SHORT")
    acts = (await world.detail(order_id)).who_acts
    assert "1 more days; at least 2" in acts.text.en
    assert (acts.action, acts.until) == (f"/orders/{order_id}/porting", until)


async def test_what_fulfillment_said_before_does_not_overtake_what_it_said_last(world):
    """Events may be delivered in another order."""
    order_id = await world.place_one()
    earlier = world.clock.now()
    world.clock.advance(60)
    await world.progress(order_id, "needs_human", attempt=2)
    late = ProvisioningProgressed(order_id=order_id, attempt=2, stage="sim_active", occurred_at=earlier)
    await world.deliver(late, "late-1")
    await world.deliver(late.model_copy(update={"attempt": 1}), "late-2")
    progress = world.book.orders[order_id].progress
    assert (progress.stage, progress.attempt, progress.past_pivot) == ("needs_human", 2, True)


async def test_the_file_of_an_order_nobody_knows_is_refused(world):
    with pytest.raises(Refused) as caught:
        await world.orders.use.read_orders.file("801000000000077AAA")
    assert caught.value.code == "NOT_FOUND"


async def test_staff_read_the_error_with_its_time_and_the_ids_of_whmcs(world):
    order_id = await world.place_one()
    at = world.clock.now()
    await world.approve(
        order_id,
        activation="failed",
        error_code="SIM_REFUSED",
        error_text="SIM_REFUSED: no",
        error_at=at,
        whmcs_order_id=7,
        whmcs_service_id=8,
    )
    file = await world.orders.use.read_orders.file(order_id)
    assert (file.error_code, file.error_text, file.error_at) == ("SIM_REFUSED", "SIM_REFUSED: no", at)
    assert (file.whmcs_order_id, file.whmcs_service_id, file.activation) == (7, 8, "failed")
