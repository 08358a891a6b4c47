"""What is paid beyond the end of a service, for every cycle and month end (R214)."""

from datetime import date, timedelta

import pytest

from portal_contracts.billing import Subscription
from portal_orders.settlement import paid_beyond, unused_of


def service(cycle, amount, due):
    return Subscription(
        service_id=1,
        name="Service",
        group="Group",
        whmcs_product_id=1,
        state="terminated",
        billing_cycle=cycle,
        amount=amount,
        started_on=date(2024, 1, 1),
        next_due_on=due,
    )


@pytest.mark.parametrize(
    ("cycle", "amount", "due", "ends_on", "paid_through", "days", "yen"),
    [
        ("monthly", 3000, date(2026, 5, 1), date(2026, 4, 15), date(2026, 4, 30), 15, 1500),
        ("monthly", 3100, date(2026, 4, 1), date(2026, 3, 30), date(2026, 3, 31), 1, 100),
        ("monthly", 2900, date(2024, 3, 1), date(2024, 2, 28), date(2024, 2, 29), 1, 100),  # leap year
        ("monthly", 2900, date(2025, 3, 1), date(2025, 2, 27), date(2025, 2, 28), 1, 103),  # 2900 / 28, rounded down
        ("monthly", 3000, date(2026, 3, 31), date(2026, 2, 28), date(2026, 3, 30), 30, 2903),  # due on the 31st
        ("monthly", 3000, date(2026, 7, 1), date(2026, 4, 30), date(2026, 6, 30), 61, 6000),  # two whole cycles ahead
        ("monthly", 3000, date(2026, 7, 1), date(2026, 4, 15), date(2026, 6, 30), 76, 7500),  # and a part of one
        ("annually", 36500, date(2026, 1, 1), date(2025, 12, 21), date(2025, 12, 31), 10, 1000),
        ("annually", 36600, date(2025, 1, 1), date(2024, 12, 21), date(2024, 12, 31), 10, 1000),  # 366 days
        ("quarterly", 9000, date(2026, 4, 1), date(2026, 3, 21), date(2026, 3, 31), 10, 1000),
    ],
)
def test_what_is_paid_beyond_the_last_day_is_told_in_days_and_yen(cycle, amount, due, ends_on, paid_through, days, yen):
    unused = unused_of(service(cycle, amount, due), ends_on)
    assert (unused.paid_through, unused.days, unused.amount) == (paid_through, days, yen)


@pytest.mark.parametrize("cycle", ["monthly", "quarterly", "semiannually", "annually", "biennially", "triennially"])
def test_every_cycle_is_settled_and_a_whole_one_costs_a_whole_one(cycle):
    due = date(2030, 1, 1)
    months = {"monthly": 1, "quarterly": 3, "semiannually": 6, "annually": 12, "biennially": 24, "triennially": 36}
    begins = date(2030 - (months[cycle] + 11) // 12, (12 - months[cycle]) % 12 + 1, 1)
    unused = unused_of(service(cycle, 12345, due), begins - timedelta(days=1))
    assert (unused.days, unused.amount) == ((due - begins).days, 12345)


@pytest.mark.parametrize(
    ("cycle", "due"),
    [
        ("monthly", date(2026, 5, 1)),  # paid through the last day, and no longer
        ("monthly", date(2026, 4, 20)),
        ("monthly", None),
        ("one_time", date(2027, 1, 1)),
    ],
)
def test_what_is_not_paid_beyond_the_end_is_not_settled(cycle, due):
    assert not paid_beyond(service(cycle, 3000, due), date(2026, 4, 30))
