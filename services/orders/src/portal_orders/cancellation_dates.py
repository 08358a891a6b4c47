"""When a cancelled service ends (R215-R217, C33, C34, D10). Japanese days; no I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from portal_chassis.clocks import TOKYO
from portal_contracts.catalog import Category
from portal_contracts.problems import Refused

INTERNET_NOTICE: Final = timedelta(days=30)
INITIAL_DAYS: Final = 8
"""Days of the initial cancellation, the day of the activation counted as the first."""
WITH_INITIAL: Final[frozenset[Category]] = frozenset({"internet", "sim"})
_A_DAY: Final = timedelta(days=1)
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Ending:
    """The last day of a service and the moment it is off."""

    ends_on: date
    effective_at: datetime
    notice_days: int = 0

    def revocable(self, now: datetime) -> bool:
        """Whether there is still time to take it back."""
        return now < self.effective_at


def ending(category: Category, now: datetime, last_month: date | None = None, *, months_ahead: int = 12) -> Ending:
    """Give when a service ends that is cancelled now. Refused CANCELLATION_DATE_INVALID for a month not on offer.

    Internet: with the thirtieth day from today on (C34). SIM: with the last day of the month, this one or the wanted
    one (C33). VPN: today, at once (R217).
    """
    today = now.astimezone(TOKYO).date()
    return _ENDINGS[category](now, today, _wanted(category, today, last_month, months_ahead))


def at_once(now: datetime) -> Ending:
    """Give the end of what ends now: VPN, and the initial cancellation (D10)."""
    return Ending(now.astimezone(TOKYO).date(), now)


def initial_until(category: Category, activated_on: date | None) -> date | None:
    """Give the last day of the initial cancellation; None when there is none or nobody knows its first."""
    if activated_on is None or category not in WITH_INITIAL:
        return None
    return activated_on + (INITIAL_DAYS - 1) * _A_DAY


def _wanted(category: Category, today: date, last_month: date | None, months_ahead: int) -> date:
    if last_month is None:
        return today
    months = (last_month.year - today.year) * _MONTHS + last_month.month - today.month
    if category != "sim" or not 0 <= months <= months_ahead:
        raise Refused("CANCELLATION_DATE_INVALID", facts={"months": months_ahead})
    return last_month


def _internet(_now: datetime, today: date, _month: date) -> Ending:
    return _through(today + INTERNET_NOTICE, INTERNET_NOTICE.days)


def _sim(_now: datetime, _today: date, month: date) -> Ending:
    following = date(month.year + month.month // _MONTHS, month.month % _MONTHS + 1, 1)
    return _through(following - _A_DAY)


def _vpn(now: datetime, _today: date, _month: date) -> Ending:
    return at_once(now)


def _through(last: date, notice_days: int = 0) -> Ending:
    """Give an end with a day: it is off as the next one begins, in Japan."""
    off = datetime.combine(last + _A_DAY, time(), TOKYO).astimezone(UTC)
    return Ending(last, off, notice_days)


_ENDINGS: Final[dict[Category, Callable[[datetime, date, date], Ending]]] = {
    "internet": _internet,
    "sim": _sim,
    "vpn": _vpn,
}
