"""Billing cycles in WHMCS's three spellings, and what comes after a due date."""

import calendar
from datetime import date

DISPLAY = {
    "free": "Free Account",
    "onetime": "One Time",
    "monthly": "Monthly",
    "quarterly": "Quarterly",
    "semiannually": "Semi-Annually",
    "annually": "Annually",
    "biennially": "Biennially",
    "triennially": "Triennially",
}
PRICE_KEYS = ("monthly", "quarterly", "semiannually", "annually", "biennially", "triennially")
_MONTHS = dict(zip(PRICE_KEYS, (1, 3, 6, 12, 24, 36), strict=True))


def request_form(text: str) -> str:
    """`Semi-Annually`, `semi annually` and `semiannually` are one cycle."""
    return text.lower().replace(" ", "").replace("-", "").removesuffix("account")


def months_of(display: str) -> int:
    """How many months a cycle lasts; 0 for one-time and free."""
    return _MONTHS.get(request_form(display), 0)


def next_due(due: date, display: str) -> date | None:
    """The due date after this one; None when nothing recurs."""
    months = months_of(display)
    return add_months(due, months) if months else None


def add_months(day: date, months: int) -> date:
    """The same day some months later, or that month's last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
