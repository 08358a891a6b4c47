"""What each problem means for an attempt, who has to act, and what makes it look again (§2.1). No I/O.

The README shows this as a table. Whose turn it is comes from the problem catalogue, so that Salesforce, the timeline
and operators name the same person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from portal_contracts.problems import CATALOGUE
from portal_contracts.provisioning import Owner

Meaning = Literal["waits", "person", "back", "withdrawn"]
"""`waits`: somebody mends it and the attempt goes on by itself. `person`: somebody decides, it looks on meanwhile.
`back`: a definite no, before the pivot the reservation is released. `withdrawn`: the order is not wanted (any more).
"""
WaitingOwner = Literal["customer", "staff", "us", "vendor", "schedule"]
"""Whose turn it is while time passes; `schedule` while an order waits for its date."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A problem code of provisioning. `recheck` is its own pause between looks; None: the setting's."""

    code: str
    meaning: Meaning
    recheck: timedelta | None = None

    @property
    def owner(self) -> Owner:
        """Who has to act."""
        return owner_of(self.code)


_ASKED_AGAIN: Final = timedelta(hours=1)


def _all(meaning: Meaning, *codes: str) -> tuple[Obstacle, ...]:
    return tuple(Obstacle(code, meaning) for code in codes)


_LISTED: Final = (
    *_all(
        "waits",
        # the customer
        "PAYMENT_METHOD_MISSING",
        "EID_MISSING",
        "PORTING_DATA_MISSING",
        "PORTING_TOO_SHORT",
        "PORTING_NOT_OFFERED",
        # staff
        "CUSTOMER_NOT_LINKED",
        "PRODUCT_UNMAPPED",
        "PRICE_MISMATCH",
        "SIM_CARD_NUMBER_MISSING",
        # us
        "MARKER_UNMAPPED",
        "SERVICE_UNAVAILABLE",
        "DATABASE_UNAVAILABLE",
        "OVERLOADED",
        "DEADLINE_PASSED",
        "IN_PROGRESS",
        "SALESFORCE_MISCONFIGURED",
        "WHMCS_MISCONFIGURED",
        "FREEBIT_MISCONFIGURED",
        "INTERNAL_ERROR",
        # vendors
        "SALESFORCE_UNAVAILABLE",
        "WHMCS_UNAVAILABLE",
        "FREEBIT_UNAVAILABLE",
    ),
    Obstacle("LINE_BUSY", "waits", timedelta(minutes=10)),
    # looked at again by asking the operator, so less often; whoever mends it wakes it
    Obstacle("PORTING_RESERVATION_REFUSED", "waits", _ASKED_AGAIN),
    Obstacle("PORTING_IDENTITY_MISMATCH", "waits", _ASKED_AGAIN),
    Obstacle("SIM_CARD_UNKNOWN", "waits", _ASKED_AGAIN),
    *_all("person", "WHMCS_ORDER_UNCLEAR", "SIM_UNCLEAR", "WHMCS_SERVICE_NOT_ACTIVE", "VOICE_OPTIONS_UNCONFIRMED"),
    *_all("back", "WHMCS_ORDER_REFUSED", "WHMCS_ORDER_CANCELLED", "SIM_REFUSED", "SIM_IN_USE"),
    *_all("withdrawn", "ORDER_NOT_APPROVED", "NOT_FOUND"),
)
OBSTACLES: Final[Mapping[str, Obstacle]] = {obstacle.code: obstacle for obstacle in _LISTED}

NOT_WANTED: Final = frozenset(code for code, obstacle in OBSTACLES.items() if obstacle.meaning == "withdrawn")
CANCELLED: Final = "PROVISIONING_CANCELLED"
"""What Salesforce shows of an attempt that an operator ended."""


def meaning_of(code: str) -> Meaning:
    """Give what a refusal means before the pivot; one that nobody listed is a definite no."""
    known = OBSTACLES.get(code)
    return known.meaning if known is not None else "back"


def recheck_of(code: str, usual: timedelta) -> timedelta:
    """Give the pause between looks at what stands still because of a code."""
    known = OBSTACLES.get(code)
    return known.recheck if known is not None and known.recheck is not None else usual


def owner_of(code: str | None) -> Owner:
    """Give who has to act on a code; we, for none and for one newer than our catalogue."""
    entry = CATALOGUE.get(code or "")
    return entry.owner if entry is not None else "us"
