"""What is paid beyond the end of a cancelled service (R214). No I/O.

WHMCS has no call that pays money back, and nothing for what is not a whole cycle: staff settle it with these figures.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from portal_contracts.billing import Subscription

_MONTHS: Final = {
    "monthly": 1,
    "quarterly": 3,
    "semiannually": 6,
    "annually": 12,
    "biennially": 24,
    "triennially": 36,
}
_A_YEAR: Final = 12


@dataclass(frozen=True, slots=True)
class Unused:
    """Paid days after the last one and what they cost, whole yen, rounded down."""

    paid_through: date
    days: int
    amount: int


def unused_of(subscription: Subscription, ends_on: date) -> Unused | None:
    """Give what WHMCS shows as paid for after the last day; None when nothing is."""
    due, months = subscription.next_due_on, _MONTHS.get(subscription.billing_cycle)
    off = ends_on + timedelta(days=1)
    if due is None or months is None or due <= off:
        return None
    amount, until, cycles = 0, due, 0
    while until > off:
        cycles += 1
        begins = _earlier(due, cycles * months)
        part = (until - max(begins, off)).days
        amount += subscription.amount * part // (until - begins).days
        until = begins
    return Unused(due - timedelta(days=1), (due - off).days, amount)


def paid_beyond(subscription: Subscription, ends_on: date) -> bool:
    """Whether the service is paid for days after its last one, as far as WHMCS says."""
    return unused_of(subscription, ends_on) is not None


def _earlier(day: date, months: int) -> date:
    """Give the same day of so many months before, or that month's last one."""
    index = day.year * _A_YEAR + day.month - 1 - months
    year, month = divmod(index, _A_YEAR)
    after = date(year + (month + 1) // _A_YEAR, (month + 1) % _A_YEAR + 1, 1)
    return date(year, month + 1, min(day.day, (after - timedelta(days=1)).day))
