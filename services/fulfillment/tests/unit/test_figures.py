"""Figures of provisioning: whose turn it was, how orders stand, what came of attempts and signals (R283)."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from portal_chassis.process import Block, NeedsHuman, Next, Wait
from portal_chassis.testing import operator_call
from portal_contracts.problems import Refused
from portal_contracts.provisioning import RetryProvisioning
from portal_fulfillment.rounds import Rounds
from portal_fulfillment.testing_records import InMemoryEsimCodes
from portal_fulfillment.waiting_times import SCHEDULED, turn_after

ORDER = "801000000000001AAA"


def figure(name, **labels):
    return REGISTRY.get_sample_value(f"portal_provisioning_{name}", labels) or 0.0


@pytest.mark.parametrize(
    ("outcome", "turn"),
    [
        (Block("PAYMENT_METHOD_MISSING"), "customer"),
        (Block("PRICE_MISMATCH"), "staff"),
        (Block("MARKER_UNMAPPED"), "us"),
        (Block("FREEBIT_UNAVAILABLE"), "vendor"),
        (NeedsHuman("SIM_UNCLEAR"), "staff"),
        (Wait(after=timedelta(1), because=SCHEDULED), "schedule"),
        (Wait(after=timedelta(1), because="the operator is working"), "vendor"),
        (Next(), "us"),
    ],
)
def test_whose_turn_it_is_follows_from_how_a_step_ends(outcome, turn):
    assert turn_after(outcome) == turn


async def test_the_time_to_activate_is_split_by_whose_turn_it_was(desk, new_order):
    before = {actor: figure("waited_seconds_sum", actor=actor) for actor in ("customer", "vendor")}
    total = figure("active_after_seconds_sum")
    desk.billing.payment_method = False
    await desk.provision(new_order(), by=timedelta(minutes=60))
    desk.billing.payment_method = True
    await desk.run(timedelta(hours=2))
    assert figure("waited_seconds_sum", actor="customer") - before["customer"] == pytest.approx(75 * 60)
    assert figure("waited_seconds_sum", actor="vendor") - before["vendor"] >= 4 * 60  # the operator's
    assert figure("active_after_seconds_sum") - total >= 79 * 60


async def test_the_wait_for_a_wanted_date_is_nobodys_delay(desk, new_order):
    total = figure("active_after_seconds_sum")
    start = desk.clock.now() + timedelta(days=10)
    await desk.provision(new_order("internet", activation_type="scheduled", scheduled_at=start), by=timedelta(days=11))
    assert figure("active_after_seconds_sum") - total < 60
    assert figure("waited_seconds_sum", actor="schedule") >= 10 * 86400


async def test_attempts_ends_signals_and_touches_are_counted(desk, new_order):
    names = {
        "attempts_total": {"source": "operator"},
        "ends_total": {"state": "failed", "code": "WHMCS_ORDER_REFUSED"},
        "signals_total": {"source": "sweeper", "verdict": "absorb"},
        "manual_touches_total": {"action": "retry"},
    }
    before = {name: figure(name, **labels) for name, labels in names.items()}
    desk.billing.refuses = {"reserve": Refused("WHMCS_ORDER_REFUSED", facts={"message": "closed"})}
    await desk.provision(new_order("internet"))
    await desk.signal("sweeper")
    command = RetryProvisioning(order_id=ORDER, request_id="request-1", dry_run=False, reason="Again")
    await desk.operate.retry(command, operator_call())
    assert {name: figure(name, **labels) - before[name] for name, labels in names.items()} == dict.fromkeys(names, 1.0)


async def test_standing_orders_are_shown_by_status_and_owner_and_age(desk, new_order):
    rounds = Rounds(desk.records, InMemoryEsimCodes(desk.lines, desk.attempts), desk.clock, desk.clock)
    desk.billing.payment_method = False
    await desk.provision(new_order("internet"), by=timedelta(minutes=30))
    await rounds.round()
    assert figure("processes", status="blocked", owner="customer") == 1
    assert figure("oldest_standing_seconds", owner="customer") == 30 * 60
    desk.billing.payment_method = True
    await desk.run(timedelta(hours=1))
    await rounds.round()
    assert figure("processes", status="blocked", owner="customer") == 0
    assert figure("oldest_standing_seconds", owner="customer") == 0
