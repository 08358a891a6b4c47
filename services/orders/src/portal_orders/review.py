"""What staff need to see before they approve an order: five checks, escalations, the deadline (R127–R135). No I/O.

The card stands at the front of the order's description in Salesforce, in English, between two lines of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal_chassis.clocks import TOKYO
from portal_contracts.billing import Subscription
from portal_contracts.catalog import Category, SoldProduct
from portal_contracts.identity_verification import VerificationCheck, VerifiedCommodity
from portal_orders.business_calendar import BusinessCalendar
from portal_orders.eligibility import FoundEligibility, KeptEligibility, mark_of
from portal_orders.internet_line import IN_USE, line_in_use
from portal_orders.order import OPEN_STATES, KeptOrder, SalesOrder

BEGIN: Final = "--- Portal review: written by the portal, notes go below ---"
END: Final = "--- end of portal review ---"
LONGEST: Final = 32_000
"""Characters of a description."""
_RECENT: Final = timedelta(hours=24)
_MARKS: Final = {True: "[ok]  ", False: "[NO]  ", None: "[look]"}


@dataclass(frozen=True, slots=True)
class ReviewTerms:
    """Deadlines and thresholds (R130, R131, C31, C32)."""

    calendar: BusinessCalendar
    standard: timedelta
    """Business time."""
    priority: timedelta
    """Any time: a priority order does not wait for the morning."""
    priority_yen: int | None
    priority_categories: frozenset[Category]
    orders_a_day: int
    most_yen: int
    internet_groups: frozenset[str]


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """Everything that is known of an order pending review. None where there is nothing to know."""

    order: SalesOrder
    service: SoldProduct | None
    verification: VerificationCheck | None
    found: FoundEligibility | None
    kept: KeptEligibility | None
    services: Sequence[Subscription]
    """All of the customer's in WHMCS."""
    orders: Sequence[KeptOrder]
    """All of the customer's in the portal, this one included."""

    @property
    def total(self) -> int:
        """Yen of the first bill."""
        return sum(int(item.unit_price) * item.quantity for item in self.order.items)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `passed` is None where a person has to look."""

    name: str
    passed: bool | None
    text: str

    @property
    def line(self) -> str:
        """Give it as it stands on the card."""
        return f"{_MARKS[self.passed]} {self.name}: {self.text}"


@dataclass(frozen=True, slots=True)
class ReviewCard:
    """What staff see."""

    findings: tuple[Finding, ...]
    escalations: tuple[str, ...]
    priority: bool
    due_by: datetime

    @property
    def text(self) -> str:
        """Give the card with its two lines."""
        kind = "priority" if self.priority else "standard"
        due = self.due_by.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M")
        lines = [BEGIN, f"Review by {due} JST ({kind})", *(finding.line for finding in self.findings)]
        lines += [f"ESCALATE to the supervisor: {reason}" for reason in self.escalations]
        return "\n".join([*lines, END])


def commodity_of(service: SoldProduct) -> VerifiedCommodity:
    """Give the commodity identity judges for (C26)."""
    if service.category == "sim":
        return "sim_voice" if service.voice else "sim_data"
    return service.category


def card_of(facts: ReviewFacts, terms: ReviewTerms) -> ReviewCard:
    """Work the card out."""
    priority = is_priority(facts, terms)
    placed = facts.order.created_at
    return ReviewCard(
        findings=(
            _identity(facts),
            _internet_type(facts),
            _address(facts),
            _duplicate(facts, terms),
            _instructions(facts),
        ),
        escalations=tuple(_escalations(facts, terms)),
        priority=priority,
        due_by=placed + terms.priority if priority else terms.calendar.after(placed, terms.standard),
    )


def is_priority(facts: ReviewFacts, terms: ReviewTerms) -> bool:
    """Say whether staff marked it so, or a rule on value or commodity does (C31)."""
    by_value = terms.priority_yen is not None and facts.total >= terms.priority_yen
    by_kind = facts.service is not None and facts.service.category in terms.priority_categories
    return facts.order.priority or by_value or by_kind


def _identity(facts: ReviewFacts) -> Finding:
    check = facts.verification
    if check is None:
        return Finding("Identity", False, "the account has no portal user")
    return Finding("Identity", check.passed, f"{check.status}, to be verified by {check.method}")


def _internet_type(facts: ReviewFacts) -> Finding:
    name, wanted = "Internet type", facts.service.eligibility if facts.service else None
    if not _is_internet(facts):
        return Finding(name, True, "not an Internet order")
    if facts.found is None or facts.found.state != "eligible":
        return Finding(name, False, f"the account's check is {facts.found.state if facts.found else 'unknown'}")
    types = ", ".join(facts.found.types)
    if wanted is None:
        return Finding(name, None, f"the plan names no type; available: {types}")
    return Finding(name, facts.found.allows(wanted), f"ordered {wanted}; available: {types}")


def _address(facts: ReviewFacts) -> Finding:
    name = "Address serviceable"
    if not _is_internet(facts):
        return Finding(name, True, "not an Internet order")
    if facts.order.address is None:
        return Finding(name, False, "the order has no readable address")
    if facts.found is None or facts.found.state != "eligible":
        return Finding(name, False, "no positive check of an address")
    checked = facts.kept.address_mark if facts.kept else None
    if checked is None:
        return Finding(name, None, "checked before the portal: compare the address with the account's")
    if checked != mark_of(facts.order.address):
        return Finding(name, False, "not the address that was checked")
    return Finding(name, True, "the address that was checked")


def _duplicate(facts: ReviewFacts, terms: ReviewTerms) -> Finding:
    name = "No duplicate service"
    others = [
        one
        for one in facts.orders
        if one.order_id != facts.order.order_id and one.state in OPEN_STATES and one.category == "internet"
    ]
    if _is_internet(facts):
        line = line_in_use(facts.services, _product(facts), terms.internet_groups)
        if line is not None:
            return Finding(name, False, f"Internet service {line.service_id} in WHMCS is {line.state}")
        if others:
            return Finding(name, False, f"order {others[0].order_number} is open")
        return Finding(name, True, "no Internet service in WHMCS, no other open order")
    products = _product(facts)
    same = [one for one in facts.services if one.state in IN_USE and one.whmcs_product_id in products]
    return Finding(name, None if same else True, f"{len(same)} of the same plan in WHMCS")


def _product(facts: ReviewFacts) -> frozenset[int]:
    wanted = facts.service.whmcs_product_id if facts.service else None
    return frozenset() if wanted is None else frozenset({wanted})


def _instructions(facts: ReviewFacts) -> Finding:
    notes = without_card(facts.order.description).strip()
    return Finding("Special instructions", None if notes else True, "see the notes below" if notes else "none")


def _escalations(facts: ReviewFacts, terms: ReviewTerms) -> Sequence[str]:
    placed = facts.order.created_at
    recent = [one for one in facts.orders if abs(placed - one.placed_at) < _RECENT]
    found: list[str] = []
    if len(recent) >= terms.orders_a_day:
        found.append(f"{len(recent)} orders within 24 hours (R133)")
    if facts.total > terms.most_yen:
        found.append(f"order value JPY {facts.total:,} is above JPY {terms.most_yen:,} (R134)")
    if _is_internet(facts) and facts.kept is not None and facts.kept.disputed:
        found.append("the customer disputes the eligibility result (R132)")
    if _is_internet(facts) and _address(facts).passed is False:
        found.append("the address is not verified (R135)")
    return found


def _is_internet(facts: ReviewFacts) -> bool:
    return facts.service is not None and facts.service.category == "internet"


def without_card(description: str) -> str:
    """Give a description without the portal's card."""
    before, begin, rest = description.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{after}".strip() if begin and end else description


def with_card(description: str, card: str) -> str:
    """Give a description with the card at its front, in place of an older one."""
    return "\n".join(part for part in (card, without_card(description)) if part)[:LONGEST]
