"""One trigger, many sources: what opens an attempt, what wakes one, what is absorbed (requirements §2.1)."""

import itertools
from datetime import timedelta

import pytest

from portal_chassis.testing import InMemoryTransaction
from portal_contracts.fulfillment import ProvisioningProgressed
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import Refused
from portal_fulfillment.attempt import Verdict
from portal_fulfillment.provisioning_state import PROVISIONING

ORDER = "801000000000001AAA"
SOURCES = ("platform_event", "change_event", "sweeper", "signed_call")


def absorbed(desk):
    return [event.source for event in desk.events if getattr(event, "stage", "") == "absorbed"]


@pytest.mark.parametrize("sources", list(itertools.permutations(SOURCES)))
async def test_one_approval_through_all_sources_in_any_order_is_one_activation(desk, new_order, sources):  # C01
    desk.orders.put(new_order())
    for source in sources:
        await desk.signal(source, at=desk.clock.now() - timedelta(seconds=1))
        await desk.signal(source, at=desk.clock.now() - timedelta(seconds=1))
        await desk.run(timedelta(minutes=1))
    await desk.run(timedelta(hours=2))
    desk.assert_exactly_one_of_each()
    started = [event.source for event in desk.events if getattr(event, "stage", "") == "started"]
    assert started == [sources[0]]
    assert (
        set(absorbed(desk)) == set(SOURCES)
        if sources[0] != "sweeper"
        else set(SOURCES) - {"sweeper"} <= set(absorbed(desk))
    )


async def test_one_event_a_hundred_times_with_new_idempotency_keys_is_one_activation(desk, new_order):  # T-11, C20
    desk.orders.put(new_order())
    approved_at = desk.clock.now()
    for _ in range(100):
        await desk.signal("platform_event", at=approved_at)
    await desk.run(timedelta(hours=2))
    desk.assert_exactly_one_of_each()
    assert len(absorbed(desk)) == 99


async def test_the_same_signal_published_twice_is_told_once(desk, new_order):
    desk.orders.put(new_order())
    await desk.signal("platform_event", request_id="one")
    for _ in range(3):
        await desk.signal("change_event", request_id="two", at=desk.clock.now() - timedelta(minutes=1))
    await desk.signal("platform_event", request_id="one")
    assert absorbed(desk) == ["change_event"]


async def test_the_sweepers_many_rounds_are_told_once_for_each_attempt(desk, new_order):
    desk.billing.payment_method = False
    await desk.provision(by=timedelta(minutes=1))
    for _ in range(50):
        await desk.signal("sweeper")
        await desk.run(timedelta(seconds=5))
    assert absorbed(desk) == ["sweeper"]
    assert desk.billing.calls.count("billing.can_pay") == 1  # and it wakes nothing


async def test_the_portals_own_write_that_fires_the_flow_again_changes_nothing(desk, new_order):  # C20: self-trigger
    desk.orders.put(new_order())
    mark = desk.orders.mark_activating

    async def mark_and_fire(order_id, attempt):
        await mark(order_id, attempt)
        await desk.signal("platform_event")

    desk.orders.mark_activating = mark_and_fire
    await desk.signal("platform_event")
    await desk.run(timedelta(hours=2))
    desk.assert_exactly_one_of_each()


async def test_a_late_duplicate_of_the_first_approval_does_not_reopen_a_failed_order(desk):
    approved_at = desk.clock.now()
    desk.sims.refuses = Refused("SIM_IN_USE")
    await desk.provision()
    desk.sims.refuses = None
    for source in SOURCES:
        assert await desk.signal(source, at=approved_at) is Verdict.ABSORB
    assert (await desk.run(timedelta(hours=1))).status == "failed"


async def test_the_sweeper_never_retries_a_failed_order(desk):
    desk.sims.refuses = Refused("SIM_IN_USE")
    await desk.provision()
    desk.clock.advance(3600)
    assert await desk.signal("sweeper") is Verdict.ABSORB


@pytest.mark.parametrize("source", ["platform_event", "change_event", "signed_call", "operator"])
async def test_somebodys_newer_request_opens_another_attempt_of_a_failed_order(desk, source):
    desk.sims.refuses = Refused("SIM_IN_USE")
    await desk.provision()
    desk.sims.refuses = None
    desk.clock.advance(60)
    assert await desk.signal(source) is Verdict.OPEN
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()
    assert [event.attempt for event in desk.events if getattr(event, "stage", "") == "started"] == [1, 2]


async def test_a_request_that_was_seen_before_never_opens_another_attempt(desk):  # R142
    await desk.signal("signed_call", request_id="key")
    await desk.run()
    desk.clock.advance(60)
    assert await desk.signal("signed_call", request_id="key") is Verdict.ABSORB


async def test_an_order_approved_after_it_was_looked_at_too_early_is_found_by_the_sweeper(desk, new_order):
    await desk.provision(new_order(state="pending_review"))
    desk.orders.put(new_order())
    assert await desk.signal("sweeper") is Verdict.OPEN
    assert (await desk.run(timedelta(hours=1))).status == "done"


async def test_an_active_order_absorbs_everything(desk):
    await desk.provision()
    desk.clock.advance(60)
    for source in (*SOURCES, "operator"):
        assert await desk.signal(source) is Verdict.ABSORB
    await desk.run(timedelta(hours=1))
    desk.assert_exactly_one_of_each()


async def test_an_attempt_an_operator_cancelled_can_be_followed_by_another(desk):
    desk.billing.payment_method = False
    await desk.provision(by=timedelta(minutes=1))
    async with desk.database.transaction() as transaction:
        await desk.engine.cancel(transaction, PROVISIONING, ORDER, "ORDER_NOT_APPROVED")
    desk.billing.payment_method = True
    desk.clock.advance(60)
    assert await desk.signal("operator") is Verdict.OPEN
    assert (await desk.run(timedelta(hours=1))).status == "done"


async def test_a_signal_whose_transaction_is_rolled_back_has_not_happened(desk, new_order):
    desk.orders.put(new_order())
    event = ProvisionRequested(order_id=ORDER, source="platform_event", request_id="one", occurred_at=desk.clock.now())

    async def look_and_fail():
        async with desk.database.transaction() as transaction:
            await desk.look_at_signal(event, transaction)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await look_and_fail()
    assert await desk.view() is None
    assert await desk.signal("platform_event", request_id="one") is Verdict.OPEN


async def test_progress_is_numbered_by_attempt_and_never_lacks_its_source(desk):
    await desk.provision()
    progressed = [event for event in desk.events if isinstance(event, ProvisioningProgressed)]
    assert {event.attempt for event in progressed} == {1}
    assert all(event.source for event in progressed if event.stage in {"started", "absorbed"})


async def test_a_consumer_does_only_local_work(desk, new_order):  # architecture §4
    desk.orders.put(new_order())
    event = ProvisionRequested(order_id=ORDER, source="platform_event", request_id="one", occurred_at=desk.clock.now())
    await desk.look_at_signal(event, InMemoryTransaction())
    assert (desk.orders.calls, desk.billing.calls, desk.sims.calls) == ([], [], [])


# what a signal leaves behind, and signals about orders that are not there


async def test_a_customers_signal_wakes_and_never_opens(desk, new_order):
    assert await desk.signal("customer") is Verdict.ABSORB
    assert await desk.view() is None
    desk.billing.refuses = {"reserve": Refused("WHMCS_ORDER_REFUSED", facts={"message": "closed"})}
    await desk.provision(new_order("internet"))
    desk.clock.advance(60)
    assert await desk.signal("customer") is Verdict.ABSORB  # it has failed: staff decide


async def test_a_customers_signal_does_not_reopen_what_was_withdrawn(desk, new_order):
    await desk.provision(new_order("internet", state="cancelled"))
    desk.clock.advance(60)
    assert await desk.signal("customer") is Verdict.ABSORB


async def test_the_ledger_and_the_timeline_keep_who_sent_a_signal_and_its_correlation(desk, new_order):  # R148, R149
    desk.orders.put(new_order("internet"))
    await desk.signal("platform_event", request_id="event-1", requested_by="Sato", correlation_id="flow-7")
    await desk.signal("signed_call", request_id="key-1", requested_by="Suzuki", correlation_id="call-8")
    await desk.run()
    kept = {
        key: (signal.requested_by, verdict, number)
        for (_, key), (signal, verdict, number, _) in desk.attempts.signals.items()
    }
    assert kept == {
        "platform_event:event-1": ("Sato", Verdict.OPEN, 1),
        "signed_call:key-1": ("Suzuki", Verdict.ABSORB, 1),
    }
    progressed = [event for event in desk.events if isinstance(event, ProvisioningProgressed)]
    assert [(event.stage, event.request_id, event.requested_by, event.correlation_id) for event in progressed[:2]] == [
        ("started", "event-1", "Sato", "flow-7"),
        ("absorbed", "key-1", "Suzuki", "call-8"),
    ]
    assert {event.correlation_id for event in progressed[2:]} == {"flow-7"}


async def test_an_event_before_its_commit_is_withdrawn_and_the_sweeper_finds_the_order_later(desk, new_order):  # T-13
    await desk.signal("platform_event")
    view = await desk.run()
    assert (view.status, view.code, desk.stages[-1]) == ("failed", "NOT_FOUND", "withdrawn")
    desk.clock.advance(60)
    desk.orders.put(new_order("internet"))
    assert await desk.signal("sweeper") is Verdict.OPEN
    assert (await desk.run(timedelta(hours=1))).status == "done"
    assert {number: row.state for (_, number), row in desk.attempts.rows.items()} == {1: "withdrawn", 2: "activated"}


async def test_an_event_of_a_rolled_back_approval_changes_nothing_for_ever(desk, new_order):  # T-13, I7
    await desk.provision(new_order(state="pending_review"))
    await desk.run(timedelta(days=10))
    assert (desk.billing.ledger, desk.sims.requested, desk.orders.outcomes, desk.orders.marks) == ([], [], [], [])
    assert desk.attempts.rows[ORDER, 1].state == "withdrawn"


async def test_the_sweepers_rounds_stand_in_the_ledger_once_for_each_attempt(desk, new_order):
    await desk.provision(new_order("internet", state="pending_review"))
    for _ in range(5):
        desk.clock.advance(300)
        await desk.signal("sweeper")
        await desk.run()
        await desk.signal("sweeper", at=desk.clock.now() - timedelta(hours=1))
    sweeps = [key for _, key in desk.attempts.signals if key.startswith("sweeper")]
    assert len(sweeps) == len(set(sweeps)) == 10
    assert {number for _, number in desk.attempts.rows} == {1, 2, 3, 4, 5, 6}
