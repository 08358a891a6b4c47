"""When staff work: Japanese business hours and holidays, for the clocks of reviews and checks (§5.11). No I/O.

Holidays are computed from the Act on National Holidays as it stands since 2022; the equinoxes by the formula that holds
from 1980 to 2099.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final

from portal_chassis.clocks import TOKYO

_DAY: Final = timedelta(days=1)
_MONDAY: Final = 0
_SATURDAY: Final = 5
_SUNDAY: Final = 6
_FIXED: Final = ((1, 1), (2, 11), (2, 23), (4, 29), (5, 3), (5, 4), (5, 5), (8, 11), (11, 3), (11, 23))
_MONDAYS: Final = ((1, 2), (7, 3), (9, 3), (10, 2))
"""Month, and which of its Mondays."""
_EQUINOXES: Final = ((3, 20.8431), (9, 23.2488))
"""Month, and the day it would have been in 1980, with its hours."""


def _monday(year: int, month: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(_MONDAY - first.weekday()) % 7 + 7 * (number - 1))


def _equinox(year: int, month: int, day: float) -> date:
    years = year - 1980
    return date(year, month, int(day + 0.242194 * years) - years // 4)


@cache
def holidays(year: int) -> frozenset[date]:
    """Give a year's national holidays with the days that stand in for a Sunday and those between two holidays."""
    named = {date(year, month, day) for month, day in _FIXED}
    named |= {_monday(year, month, number) for month, number in _MONDAYS}
    named |= {_equinox(year, month, day) for month, day in _EQUINOXES}
    found = set(named)
    for day in named:
        if day.weekday() == _SUNDAY:
            substitute = day + _DAY
            while substitute in named:
                substitute += _DAY
            found.add(substitute)
    between = {day + _DAY for day in named if day + 2 * _DAY in named}
    return frozenset(found | {day for day in between if day.weekday() != _SUNDAY})


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Monday to Friday, `opens` to `closes` in Japan, without holidays and the company's own closed days.

    Those are pairs of month and day.
    """

    opens: time = time(9)
    closes: time = time(18)
    closed: frozenset[tuple[int, int]] = frozenset()

    def is_open_on(self, day: date) -> bool:
        """Say whether staff work on a Japanese day."""
        return day.weekday() < _SATURDAY and day not in holidays(day.year) and (day.month, day.day) not in self.closed

    def worked(self, begin: datetime, end: datetime) -> timedelta:
        """Give how much business time lies between two moments."""
        first, last = begin.astimezone(TOKYO), end.astimezone(TOKYO)
        day, found = first.date(), timedelta()
        while day <= last.date():
            opens = max(first, datetime.combine(day, self.opens, TOKYO))
            closes = min(last, datetime.combine(day, self.closes, TOKYO))
            if self.is_open_on(day) and opens < closes:
                found += closes - opens
            day += _DAY
        return found

    def after(self, moment: datetime, work: timedelta) -> datetime:
        """Give the moment, in UTC, at which so much business time has passed."""
        at = moment.astimezone(TOKYO)
        day, left = at.date(), work
        while True:
            begin = max(at, datetime.combine(day, self.opens, TOKYO))
            end = datetime.combine(day, self.closes, TOKYO)
            if self.is_open_on(day) and begin < end:
                if left <= end - begin:
                    return (begin + left).astimezone(UTC)
                left -= end - begin
            day += _DAY
