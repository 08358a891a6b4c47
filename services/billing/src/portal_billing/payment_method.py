"""Whether a stored card or account can be used. No I/O."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from portal_contracts.billing import PaymentMethod, PaymentMethodsSummary

_EXPIRY: Final = re.compile(r"(0[1-9]|1[0-2])/?(?:20)?([0-9]{2})")
_DECEMBER: Final = 12


def usable(kind: str, expires: str | None, today: date) -> bool:
    """Whether it can be charged: of a known kind and not expired (whmcs.md 5.1). A card is good for its last month.

    An expiry that cannot be read counts as expired: better to ask for a card than to approve an order nobody can pay.
    """
    if kind == "unknown":
        return False
    if not expires:
        return True
    found = _EXPIRY.fullmatch(expires.strip())
    if found is None:
        return False
    month, year = int(found[1]), 2000 + int(found[2])
    first_day_after = date(year + 1, 1, 1) if month == _DECEMBER else date(year, month + 1, 1)
    return today < first_day_after


def summary(methods: Sequence[PaymentMethod], as_of: datetime | None = None) -> PaymentMethodsSummary:
    """Tell whether a customer can pay (R063). The count is of all methods, expired ones included."""
    can_pay = any(method.usable for method in methods)
    return PaymentMethodsSummary(has_payment_method=can_pay, count=len(methods), as_of=as_of)
