"""Orders with a date: held, checked beforehand, followed when they change, started once and in time (C15, C38)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from portal_chassis.testing import operator_call
from portal_contracts.fulfillment import PreflightFailed, ProvisioningProgressed
from portal_contracts.porting import NumberPorting
from portal_contracts.problems import Refused
from portal_contracts.provisioning import ActivateNow, ListProvisioning, RetryProvisioning
from portal_fulfillment.schedule import start_of

ORDER = "801000000000001AAA"
START = datetime(2026, 4, 11, 1, 30, tzinfo=UTC)  # 10:30 in Tokyo; tests begin at noon of 1 April there
MINUTE = timedelta(minutes=1)


@pytest.fixture
def dated(new_order):
    def make(at=START, **changes):
        return new_order(activation_type="scheduled", scheduled_at=at, **changes)

    return make


def told(desk, stage):
    return [event for event in desk.events if isinstance(event, ProvisioningProgressed) and event.stage == stage]


def missing(desk):
    return [event for event in desk.events if isinstance(event, PreflightFailed)]


async def run_to(desk, moment):
    return await desk.run(moment - desk.clock.now())


async def test_a_scheduled_order_starts_at_its_minute_and_not_before(desk, dated):  # R164, R166, T-17
    await desk.provision(dated(), by=timedelta())
    view = await run_to(desk, START - timedelta(seconds=1))
    assert (view.status, view.because) == ("waiting", "scheduled")
    assert (desk.orders.marks, desk.billing.ledger, desk.sims.requested) == ([], [], [])
    await desk.run(timedelta(seconds=2))
    assert desk.billing.ledger == [("created", ORDER)]
    assert (await desk.run(timedelta(hours=2))).status == "done"
    desk.assert_exactly_one_of_each()


@pytest.mark.parametrize(
    ("at", "start"),
    [
        (datetime(2026, 4, 11, 10, 30), START),  # noqa: DTZ001 - a time without an offset is Japanese time (D15)
        (datetime(2026, 4, 11), datetime(2026, 4, 10, 15, tzinfo=UTC)),  # noqa: DTZ001 - a day begins at midnight there
        (START, START),
        (None, None),
    ],
)
def test_a_start_is_read_in_japanese_time(dated, at, start):
    assert start_of(dated(at)) == start


async def test_an_approval_of_a_dated_order_is_written_back_as_not_started(desk, dated):  # C38: the Flow set Activating
    await desk.provision(dated(activation="activating"), by=timedelta(days=1))
    assert [one.outcome for one in desk.orders.outcomes] == ["scheduled"]
    (event,) = told(desk, "scheduled")
    assert event.until == START
    totals = (await desk.show.list(ListProvisioning())).totals
    assert totals == {"scheduled": 1}


async def test_an_order_that_salesforce_shows_as_not_started_needs_no_write(desk, dated):
    await desk.provision(dated(), by=timedelta(days=1))
    assert desk.orders.outcomes == []


async def test_a_flow_that_sets_activating_again_is_written_back_again_and_starts_nothing(desk, dated):  # C20
    await desk.provision(dated(activation="activating"), by=timedelta(days=1))
    desk.orders.put(dated(activation="activating"))
    await desk.signal("platform_event")
    await desk.run(MINUTE)
    assert desk.orders.orders[ORDER].activation == "scheduled"
    assert (desk.orders.marks, desk.billing.ledger) == ([], [])


@pytest.mark.parametrize("days", [-4, 5])
async def test_a_changed_date_is_followed_as_soon_as_somebody_tells(desk, dated, days):  # T-20
    await desk.provision(dated(), by=timedelta(days=1))
    moved = START + timedelta(days=days)
    desk.orders.put(dated(moved))
    await desk.signal("change_event", at=desk.clock.now() - timedelta(days=1))  # even one that is not newer
    await run_to(desk, moved - MINUTE)
    assert desk.billing.ledger == []
    await desk.run(2 * MINUTE)
    assert desk.billing.count("created", ORDER) == 1
    assert [event.until for event in told(desk, "scheduled")] == [START, moved]


async def test_a_changed_date_is_found_without_a_signal_too(desk, dated):
    await desk.provision(dated(), by=timedelta(days=1))
    desk.orders.put(dated(START - timedelta(days=5)))
    await run_to(desk, START - timedelta(days=4))
    assert desk.billing.count("created", ORDER) == 1


async def test_an_order_whose_date_is_removed_starts_at_once(desk, dated, new_order):
    await desk.provision(dated(), by=timedelta(days=1))
    desk.orders.put(new_order())
    await desk.signal("change_event")
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_an_order_cancelled_meanwhile_ends_without_a_trace(desk, dated):  # T-20, I7
    await desk.provision(dated(), by=timedelta(days=1))
    desk.orders.put(dated(state="cancelled"))
    await desk.signal("change_event")
    view = await desk.run(MINUTE)
    assert (view.status, view.code, desk.stages[-1]) == ("failed", "ORDER_NOT_APPROVED", "withdrawn")
    await desk.run(timedelta(days=20))
    assert (desk.billing.ledger, desk.sims.requested, desk.orders.marks) == ([], [], [])


async def test_an_order_due_while_everything_was_down_runs_at_once_and_once(desk, dated):  # T-20
    await desk.provision(dated(), by=timedelta(days=1))
    desk.clock.advance(timedelta(days=30))  # nobody worked
    assert (await desk.run(timedelta(hours=1))).status == "done"
    desk.assert_exactly_one_of_each()


async def test_an_order_is_in_time_though_salesforce_was_away_shortly_before(desk, dated):  # T-17: at most 60 s late
    await desk.provision(dated(), by=timedelta(days=9))
    desk.orders.faults = lambda _call: "unsent"
    await run_to(desk, START - MINUTE)
    desk.orders.faults = lambda _call: None
    await run_to(desk, START + MINUTE)
    assert desk.billing.count("created", ORDER) == 1
    assert told(desk, "blocked") == []


async def test_activate_now_starts_an_order_and_its_own_time_changes_nothing(desk, dated):  # R168
    await desk.provision(dated(), by=timedelta(days=1))
    command = ActivateNow(order_id=ORDER, request_id="request-1", dry_run=False, reason="The customer called")
    outcome = await desk.operate.activate_now(command, operator_call())
    assert outcome.carried_out
    assert (await desk.run(timedelta(hours=1))).status == "done"
    await desk.run(timedelta(days=20))
    desk.assert_exactly_one_of_each()


@pytest.mark.parametrize("skew", [-5, 0, 5])
async def test_the_orgs_own_schedule_and_ours_are_one_activation_and_never_early(desk, dated, skew):  # C15, T-17
    await desk.provision(dated(), by=timedelta(days=1))
    await run_to(desk, min(START + skew * MINUTE, START - timedelta(seconds=1)))
    if skew < 0:
        await desk.signal("signed_call", requested_by="scheduled path")
        await run_to(desk, START - timedelta(seconds=1))
    assert desk.billing.ledger == []
    await run_to(desk, START + max(skew, 0) * MINUTE)
    if skew >= 0:
        await desk.signal("signed_call", requested_by="scheduled path")
    await desk.run(timedelta(hours=2))
    desk.assert_exactly_one_of_each()


async def test_a_call_of_the_orgs_button_starts_an_order_now(desk, dated):  # R168
    await desk.provision(dated(), by=timedelta(days=1))
    await desk.signal("signed_call", requested_by="Sato")
    assert (await desk.run(timedelta(hours=1))).status == "done"
    await desk.run(timedelta(days=20))
    desk.assert_exactly_one_of_each()


async def test_a_call_from_before_the_date_was_known_starts_nothing(desk, dated):
    before = desk.clock.now() - MINUTE
    await desk.provision(dated(), by=timedelta(days=1))
    await desk.signal("signed_call", at=before)
    await desk.run(timedelta(days=1))
    assert desk.billing.ledger == []


@pytest.mark.parametrize("source", ["platform_event", "change_event", "sweeper", "operator", "customer"])
async def test_no_other_signal_starts_an_order_before_its_time(desk, dated, source):
    await desk.provision(dated(), by=timedelta(days=1))
    await desk.signal(source)
    await desk.run(timedelta(days=1))
    assert (desk.billing.ledger, desk.orders.marks) == ([], [])


async def test_an_operators_retry_only_reads_a_scheduled_order_again(desk, dated):
    await desk.provision(dated(), by=timedelta(days=1))
    command = RetryProvisioning(order_id=ORDER, request_id="request-1", dry_run=False, reason="Looks odd")
    await desk.operate.retry(command, operator_call())
    await desk.run(timedelta(days=1))
    assert desk.billing.ledger == []


# the preflight, three days before


async def test_a_preflight_that_finds_nothing_missing_is_told_once(desk, dated):  # R165
    await desk.provision(dated(), by=timedelta())
    await run_to(desk, START - timedelta(days=3, minutes=1))
    assert "billing.can_pay" not in desk.billing.calls
    await run_to(desk, START - MINUTE)
    assert [event.until for event in told(desk, "preflight_passed")] == [START]
    assert missing(desk) == []
    assert desk.billing.calls.count("billing.can_pay") == 1


async def test_what_is_missing_is_told_once_for_each_code_and_date(desk, dated):  # R165, R263
    desk.billing.payment_method = False
    del desk.billing.prices[202]
    await desk.provision(dated(), by=timedelta())
    await run_to(desk, START - timedelta(hours=1))
    assert [event.code for event in missing(desk)] == ["PAYMENT_METHOD_MISSING", "PRODUCT_UNMAPPED"]
    assert {(event.scheduled_at, event.account_id) for event in missing(desk)} == {(START, "001000000000001AAA")}
    assert len(told(desk, "preflight_failed")) == 2
    assert desk.billing.calls.count("billing.can_pay") == 3  # looked at again daily
    assert desk.orders.outcomes == []  # Salesforce shows no failure: it is not its time
    desk.orders.put(dated(START + timedelta(days=1)))
    await desk.signal("change_event")
    await desk.run(MINUTE)
    assert len(missing(desk)) == 4


async def test_somebody_who_mends_it_is_told_at_once(desk, dated):
    desk.billing.payment_method = False
    await desk.provision(dated(), by=timedelta())
    await run_to(desk, START - timedelta(days=2))
    desk.billing.payment_method = True
    await desk.signal("customer", requested_by="customer")
    await desk.run(MINUTE)
    assert len(told(desk, "preflight_passed")) == 1
    await run_to(desk, START + timedelta(hours=1))
    desk.assert_exactly_one_of_each()


async def test_a_date_sooner_than_three_days_is_checked_at_once(desk, dated):
    desk.billing.payment_method = False
    await desk.provision(dated(desk.clock.now() + timedelta(days=1)), by=MINUTE)
    assert [event.code for event in missing(desk)] == ["PAYMENT_METHOD_MISSING"]


async def test_a_reservation_is_judged_by_the_day_of_the_activation(desk, dated):  # D09
    porting = NumberPorting(
        phone_number="09000000000",
        reservation_number="1100000000",
        reservation_expires_on=date(2026, 4, 11),
        family_name="山田",
        given_name="花子",
        family_name_kana="ヤマダ",
        given_name_kana="ハナコ",
        gender="female",
        born_on=date(1990, 1, 1),
    )
    await desk.provision(dated(porting=porting), by=timedelta())
    await run_to(desk, START - timedelta(days=2))
    (event,) = missing(desk)
    assert (event.code, event.facts) == ("PORTING_TOO_SHORT", {"days": 1, "needed": 2})
    assert "0900" not in event.model_dump_json()


async def test_an_order_that_lacks_something_at_its_time_blocks_like_any_other(desk, dated):  # C04
    desk.billing.payment_method = False
    await desk.provision(dated(), by=timedelta())
    view = await run_to(desk, START + MINUTE)
    assert (view.status, view.code) == ("blocked", "PAYMENT_METHOD_MISSING")
    desk.billing.payment_method = True
    await desk.run(timedelta(hours=1))
    desk.assert_exactly_one_of_each()


async def test_a_billing_that_is_away_delays_the_preflight_and_blocks_nothing(desk, dated):
    await desk.provision(dated(), by=timedelta())
    desk.billing.faults = lambda _call: "unsent"
    await run_to(desk, START - timedelta(days=2))
    assert (told(desk, "preflight_passed"), told(desk, "blocked")) == ([], [])
    desk.billing.faults = lambda _call: None
    await desk.run(timedelta(minutes=16))
    assert len(told(desk, "preflight_passed")) == 1


async def test_a_problem_before_its_time_is_shown_and_taken_back(desk, dated):
    desk.orders.put(dated())
    desk.orders.refuses = Refused("CUSTOMER_NOT_LINKED")
    await desk.signal()
    assert (await desk.run(timedelta(hours=1))).code == "CUSTOMER_NOT_LINKED"
    desk.orders.refuses = None
    await desk.run(timedelta(hours=1))
    assert [one.outcome for one in desk.orders.outcomes] == ["blocked", "scheduled"]
    assert desk.orders.orders[ORDER].activation == "scheduled"
    assert desk.stages == ["started", "blocked", "scheduled"]


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_worker_killed_at_any_write_starts_a_dated_order_once(new_desk, dated, after_effect):  # T-01
    for dies_at in range(1, 200):
        desk = new_desk()
        desk.new_worker(dies_at=dies_at, after_effect=after_effect)
        mortal = desk.mortal
        await desk.provision(dated(), by=timedelta(days=11))
        desk.assert_exactly_one_of_each()
        assert len(told(desk, "preflight_passed")) == 1
        if not mortal.died:
            return
    pytest.fail("it never got through")
