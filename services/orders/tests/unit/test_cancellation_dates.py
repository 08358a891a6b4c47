"""Tables of the last days of cancelled services: month ends, leap years, one minute to midnight (C33, C34, D10)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from portal_chassis.clocks import TOKYO
from portal_contracts.billing import Subscription
from portal_contracts.problems import Refused
from portal_orders.cancel_service import paid_beyond, remaining_fees
from portal_orders.cancellation_dates import ending, initial_until


def japan(text):
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO).astimezone(UTC)


@pytest.mark.parametrize(
    ("asked", "last"),
    [
        ("2026-01-31T23:59:59", "2026-03-02"),
        ("2026-02-01T00:00:00", "2026-03-03"),
        ("2026-01-30T12:00:00", "2026-03-01"),
        ("2028-01-30T12:00:00", "2028-02-29"),  # a leap year
        ("2028-01-31T12:00:00", "2028-03-01"),
        ("2026-12-31T23:59:00", "2027-01-30"),
        ("2026-05-03T10:00:00", "2026-06-02"),  # holidays count as any day
        ("2026-04-01T08:59:59", "2026-05-01"),  # still 31 March in UTC
    ],
)
def test_internet_ends_with_the_thirtieth_day_of_notice(asked, last):  # C34, R215
    end = ending("internet", japan(asked))
    assert end.ends_on == date.fromisoformat(last)
    assert end.effective_at == japan(f"{last}T00:00:00") + timedelta(days=1)
    assert end.notice_days == 30


@pytest.mark.parametrize(
    ("asked", "month", "last"),
    [
        ("2026-01-31T12:00:00", None, "2026-01-31"),
        ("2026-01-31T23:59:59", None, "2026-01-31"),
        ("2026-02-01T00:00:00", None, "2026-02-28"),
        ("2026-02-28T23:59:00", None, "2026-02-28"),
        ("2028-02-29T23:59:00", None, "2028-02-29"),
        ("2028-02-01T09:00:00", None, "2028-02-29"),
        ("2026-12-31T23:59:59", None, "2026-12-31"),
        ("2026-12-31T23:59:59", "2027-01-15", "2027-01-31"),
        ("2026-01-31T12:00:00", "2026-02-01", "2026-02-28"),
        ("2026-03-15T12:00:00", "2027-03-01", "2027-03-31"),
        ("2026-07-31T15:30:00", "2026-07-01", "2026-07-31"),
    ],
)
def test_a_sim_line_ends_with_the_last_day_of_its_month(asked, month, last):  # C33, R216
    end = ending("sim", japan(asked), date.fromisoformat(month) if month else None)
    assert end.ends_on == date.fromisoformat(last)
    local = end.effective_at.astimezone(TOKYO)
    assert (local.day, local.hour, local.minute) == (1, 0, 0)
    assert local.date() == end.ends_on + timedelta(days=1)


@pytest.mark.parametrize("asked", ["2026-02-28T23:59:59", "2028-02-29T00:00:00"])
def test_vpn_ends_the_same_day_at_once(asked):  # R217
    now = japan(asked)
    end = ending("vpn", now)
    assert (end.ends_on, end.effective_at) == (now.astimezone(TOKYO).date(), now)
    assert not end.revocable(now)


@pytest.mark.parametrize(
    ("category", "month"),
    [("sim", "2026-02-28"), ("sim", "2027-04-01"), ("internet", "2026-04-01"), ("vpn", "2026-03-01")],
)
def test_a_month_that_is_not_on_offer_is_refused(category, month):
    with pytest.raises(Refused, match="CANCELLATION_DATE_INVALID"):
        ending(category, japan("2026-03-15T12:00:00"), date.fromisoformat(month))


@pytest.mark.parametrize(
    ("category", "activated", "until"),
    [
        ("internet", "2026-02-25", "2026-03-04"),
        ("sim", "2028-02-25", "2028-03-03"),
        ("sim", "2026-12-28", "2027-01-04"),
        ("vpn", "2026-02-25", None),
        ("sim", None, None),
    ],
)
def test_the_initial_cancellation_is_open_for_eight_days_with_the_first(category, activated, until):  # D10
    first = date.fromisoformat(activated) if activated else None
    assert initial_until(category, first) == (date.fromisoformat(until) if until else None)


def subscription(next_due_on, cycle="monthly", amount=5500):
    return Subscription(
        service_id=1,
        name="x",
        group="x",
        whmcs_product_id=1,
        state="active",
        billing_cycle=cycle,
        amount=amount,
        started_on=None,
        next_due_on=next_due_on,
    )


@pytest.mark.parametrize(
    ("due", "last", "dues"),
    [
        ("2026-02-01", "2026-01-31", []),
        ("2026-02-01", "2026-03-02", ["2026-02-01", "2026-03-01"]),
        ("2026-01-31", "2026-03-31", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("2028-01-31", "2028-02-29", ["2028-01-31", "2028-02-29"]),
        ("2026-12-15", "2027-01-20", ["2026-12-15", "2027-01-15"]),
        (None, "2026-03-31", []),
    ],
)
def test_the_fees_that_fall_due_until_the_last_day_are_still_to_be_paid(due, last, dues):
    found = remaining_fees(subscription(date.fromisoformat(due) if due else None), date.fromisoformat(last))
    assert [fee.due_on.isoformat() for fee in found] == dues
    assert {fee.amount for fee in found} <= {5500}


def test_a_yearly_service_has_no_monthly_fees():
    assert remaining_fees(subscription(date(2026, 2, 1), cycle="annually"), date(2026, 3, 31)) == []


@pytest.mark.parametrize(("due", "beyond"), [("2026-02-01", False), ("2026-02-02", True), ("2026-01-31", False)])
def test_what_is_paid_beyond_the_last_day_is_staffs_to_refund(due, beyond):  # R214
    assert paid_beyond(subscription(date.fromisoformat(due)), date(2026, 1, 31)) is beyond
