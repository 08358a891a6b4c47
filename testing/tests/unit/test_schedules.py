"""Schedules of trouble: the same for one seed, of every kind over many, and never beyond what the protocol rests on."""

from portal_testing.schedules import (
    CALLS,
    LATEST_ORDER_SECONDS,
    LATEST_SECONDS,
    PROCESSES,
    QUIRKS,
    Fault,
    Schedule,
    draw_schedule,
)

MANY = 600


def schedules() -> list[Schedule]:
    return [draw_schedule(seed) for seed in range(MANY)]


def late_seconds(fault: Fault) -> float:
    return float(fault.params["seconds"]) if fault.kind == "late" else 0.0


def test_one_seed_draws_one_schedule() -> None:
    assert [draw_schedule(seed) for seed in range(20)] == [draw_schedule(seed) for seed in range(20)]


def test_many_seeds_draw_every_call_every_process_and_every_quirk() -> None:
    drawn = schedules()
    assert {(fault.moment, fault.vendor, fault.call) for one in drawn for fault in one.faults} == {
        (moment, vendor, call) for moment, table in CALLS.items() for vendor, calls in table.items() for call in calls
    }
    assert {death.process for one in drawn for death in one.deaths} == set(PROCESSES)
    assert {quirk for one in drawn for quirk in one.quirks} == set(QUIRKS)
    assert {len(one.faults) for one in drawn} == set(range(7))


def test_only_a_late_order_outlasts_the_quiet_period() -> None:
    faults = [fault for one in schedules() for fault in one.faults]
    orders = [fault for fault in faults if fault.call == "AddOrder"]
    assert max(late_seconds(fault) for fault in faults if fault.call != "AddOrder") <= LATEST_SECONDS
    assert LATEST_SECONDS < max(late_seconds(fault) for fault in orders) <= LATEST_ORDER_SECONDS


def test_somebody_is_always_left_whose_order_is_approved() -> None:
    assert all(one.unapproved is None or len(one.carts) > 1 for one in schedules())
