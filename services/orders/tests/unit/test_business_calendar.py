"""Japanese business hours and holidays (§5.11): month ends, leap years, 23:59 JST, holidays."""

from datetime import date, datetime, timedelta

import pytest

from portal_chassis.clocks import TOKYO
from portal_orders.business_calendar import BusinessCalendar, holidays

CALENDAR = BusinessCalendar()

PUBLISHED = {
    2024: "01-01 01-08 02-11 02-12 02-23 03-20 04-29 05-03 05-04 05-05 05-06 07-15 08-11 08-12 09-16 09-22 09-23 10-14 "
    "11-03 11-04 11-23",
    2025: "01-01 01-13 02-11 02-23 02-24 03-20 04-29 05-03 05-04 05-05 05-06 07-21 08-11 09-15 09-23 10-13 11-03 11-23 "
    "11-24",
    2026: "01-01 01-12 02-11 02-23 03-20 04-29 05-03 05-04 05-05 05-06 07-20 08-11 09-21 09-22 09-23 10-12 11-03 11-23",
    2027: "01-01 01-11 02-11 02-23 03-21 03-22 04-29 05-03 05-04 05-05 07-19 08-11 09-20 09-23 10-11 11-03 11-23",
}
"""As the Cabinet Office publishes them."""


@pytest.mark.parametrize("year", PUBLISHED)
def test_holidays_are_those_the_cabinet_office_publishes(year):
    assert sorted(f"{day:%m-%d}" for day in holidays(year)) == PUBLISHED[year].split()


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-04-01 10:00", 2, "2026-04-01 12:00"),  # a Wednesday
        ("2026-04-01 16:00", 2, "2026-04-01 18:00"),  # exactly at closing time
        ("2026-04-01 17:00", 2, "2026-04-02 10:00"),
        ("2026-04-01 07:30", 2, "2026-04-01 11:00"),
        ("2026-04-03 17:00", 2, "2026-04-06 10:00"),  # over a weekend
        ("2026-03-31 23:59", 2, "2026-04-01 11:00"),  # the end of a month
        ("2028-02-28 17:00", 2, "2028-02-29 10:00"),  # a leap year
        ("2027-02-26 17:00", 2, "2027-03-01 10:00"),  # none, and a weekend
        ("2026-05-01 17:30", 4, "2026-05-07 12:30"),  # Golden Week with its substitute holiday
        ("2026-09-18 17:00", 4, "2026-09-24 12:00"),  # the day between two holidays is one
        ("2026-12-31 23:59", 2, "2027-01-04 11:00"),  # New Year's Day is a Friday
        ("2026-04-01 09:00", 48, "2026-04-08 12:00"),  # R191: 5 days of 9 hours and 3 more
    ],
)
def test_business_time_passes_only_while_staff_work(begin, hours, end):
    moment = datetime.fromisoformat(begin).replace(tzinfo=TOKYO)
    due = CALENDAR.after(moment, timedelta(hours=hours))
    assert f"{due.astimezone(TOKYO):%Y-%m-%d %H:%M}" == end
    assert CALENDAR.worked(moment, due) == timedelta(hours=hours)


def test_the_companys_own_closed_days_do_not_count():
    calendar = BusinessCalendar(closed=frozenset({(12, 29), (12, 30), (12, 31)}))
    moment = datetime(2026, 12, 28, 17, tzinfo=TOKYO)
    assert calendar.after(moment, timedelta(hours=2)).astimezone(TOKYO).date() == date(2027, 1, 4)
