"""What is on sale for one customer: the rules of R077, R080 and R082. No I/O."""

from collections.abc import Mapping
from typing import Final

from portal_catalog.snapshot import Snapshot
from portal_contracts.catalog import GroupNotice, LocalizedText, Product, ProductGroup
from portal_contracts.eligibility import EligibilityState
from portal_contracts.internet_standing import InternetStanding
from portal_contracts.problems import TryLater, customer_text
from portal_contracts.values import comparable_text

ASK_FOR_A_CHECK: Final = "/eligibility"
_NOT_YET: Final[Mapping[EligibilityState, str]] = {
    "not_requested": "ELIGIBILITY_NOT_CHECKED",
    "pending": "ELIGIBILITY_PENDING",
    "not_eligible": "NOT_ELIGIBLE",
}


def personal(snapshot: Snapshot, standing: InternetStanding | TryLater) -> bytes:
    """Give the catalog for a customer as a finished reply; only what concerns Internet differs from everybody's.

    TryLater says that nobody knows how the customer stands now: Internet cannot be ordered meanwhile, all else can.
    """
    groups = [_internet(group, standing) if group.category == "internet" else group for group in snapshot.groups]
    return snapshot.with_groups(groups)


def _internet(group: ProductGroup, standing: InternetStanding | TryLater) -> ProductGroup:
    if isinstance(standing, TryLater):
        return _closed(group, standing.code, None)
    line = _line(standing)
    if line is not None:
        return _closed(group, "INTERNET_ALREADY_ORDERED", line)
    code = _NOT_YET.get(standing.eligibility)
    if code is not None and any(one.eligibility for one in group.products if one.item_class == "service"):
        return _closed(group, code, ASK_FOR_A_CHECK)
    types = frozenset(comparable_text(text) for text in standing.types)
    offered = [one for one in group.products if one.eligibility is None or comparable_text(one.eligibility) in types]
    if not any(one.item_class == "service" for one in offered):
        return _closed(group, "NOT_ELIGIBLE", ASK_FOR_A_CHECK)  # staff found a line that nothing on sale fits
    return group.model_copy(update={"products": offered})


def _line(standing: InternetStanding) -> str | None:
    """Give where the line or order that there is can be managed (R082)."""
    if standing.service_id is not None:
        return f"/subscriptions/{standing.service_id}"
    return f"/orders/{standing.order_id}" if standing.order_id is not None else None


def _closed(group: ProductGroup, code: str, action: str | None) -> ProductGroup:
    """Give the group with its plans marked, and the notice that says why."""
    name = group.name or LocalizedText(en=group.category, ja=group.category)
    text = LocalizedText(en=customer_text(code, "en", {"sku": name.en}), ja=customer_text(code, "ja", {"sku": name.ja}))
    products = [_marked(one, code) for one in group.products]
    return group.model_copy(update={"products": products, "notice": GroupNotice(code=code, text=text, action=action)})


def _marked(product: Product, code: str) -> Product:
    return product.model_copy(update={"not_for_you": code}) if product.item_class == "service" else product
