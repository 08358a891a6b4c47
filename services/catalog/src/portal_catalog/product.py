"""The rules of R083-R087: what makes a product sellable, and what is a defect. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from portal_catalog.ports import ListedProduct
from portal_contracts.billing import BillingProduct
from portal_contracts.catalog import BillingCycle, Category, ItemClass, LocalizedText, Product, SoldProduct

CATEGORIES: Final[Mapping[str, Category]] = {"internet": "internet", "sim": "sim", "vpn": "vpn"}
ITEM_CLASSES: Final[Mapping[str, ItemClass]] = {"service": "service", "activation": "activation", "addon": "add_on"}
CYCLES: Final[Mapping[str, BillingCycle]] = {"monthly": "monthly", "annually": "annually", "onetime": "one_time"}
MOST_YEN: Final = 999_999_999


@dataclass(frozen=True, slots=True)
class JudgedProduct:
    """A product after the rules: as sold, as shown (None when it is not on show), and what is wrong with it."""

    sold: SoldProduct
    shown: Product | None
    defects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Defect:
    """A product that cannot even be described: reported, never shown, never sold."""

    product_id: str
    sku: str | None
    reasons: tuple[str, ...]


def judge(listed: ListedProduct, billing: BillingProduct | None, *, verified: bool) -> JudgedProduct | Defect:
    """Apply every rule to one product. `billing` is WHMCS's view of it, None when it was not asked or knows nothing.

    `verified` says whether billing has been asked at all: what was never verified is not sold.
    """
    category = CATEGORIES.get(_word(listed.category))
    item_class = ITEM_CLASSES.get(_word(listed.item_class))
    cycle = CYCLES.get(_word(listed.billing_cycle))
    reasons = [
        reason
        for missing, reason in (
            (not listed.sku, "StockKeepingUnit is empty (R083)"),
            (category is None, f"category is {listed.category!r}"),
            (item_class is None, f"item class is {listed.item_class!r} (R086)"),
            (cycle is None, f"billing cycle is {listed.billing_cycle!r} (R085)"),
        )
        if missing
    ]
    if listed.sku is None or category is None or item_class is None or cycle is None or reasons:
        return Defect(listed.product_id, listed.sku, tuple(reasons))
    whmcs_id, id_defect = _whmcs_id(listed.whmcs_product_ids)
    options, options_defect = _options(listed.options_json)
    price, price_defect = _price(listed)
    defects = tuple(defect for defect in (id_defect, options_defect, price_defect) if defect)
    problem = _problem(listed, defects, whmcs_id, price)
    if problem is None:
        problem = _billing_problem(billing, cycle, price, verified=verified)
    name = LocalizedText(en=listed.name, ja=listed.name_ja or listed.name)
    sold = SoldProduct(
        sku=listed.sku,
        product_id=listed.product_id,
        pricebook_entry_id=listed.entry_id,
        whmcs_product_id=whmcs_id,
        name=name,
        category=category,
        item_class=item_class,
        billing_cycle=cycle,
        price=price,
        orderable=problem is None,
        problem=problem,
        esim=options.get("simType") == "eSIM",
        voice=options.get("voice") is True,
        eligibility=listed.eligibility or None,
    )
    return JudgedProduct(sold, _shown(listed, sold, options), (*defects, *_alerts(problem, defects)))


def _word(text: str | None) -> str:
    """Compare picklist texts without case, spaces and hyphens: `One-time`, `One Time`."""
    return (text or "").casefold().replace("-", "").replace(" ", "")


def _whmcs_id(values: tuple[str, ...]) -> tuple[int | None, str | None]:
    """Read text or number; two aliases that differ are a defect (C05, C06)."""
    found = {value.strip().removesuffix(".0") for value in values if value.strip()}
    if len(found) > 1:
        return None, "two WHMCS product ids that differ (C05)"
    text = next(iter(found), "")
    if not text:
        return None, "no WHMCS product id (R083)"
    if not text.isdecimal() or int(text) == 0:
        return None, f"WHMCS product id {text!r} is no whole number (C06)"
    return int(text), None


def _options(text: str | None) -> tuple[dict[str, Any], str | None]:
    if not text:
        return {}, None
    try:
        found = json.loads(text)
    except ValueError:
        return {}, "Portal_ConfigOptions_JSON__c is no JSON (R087)"
    return (found, None) if isinstance(found, dict) else ({}, "Portal_ConfigOptions_JSON__c is no object (R087)")


def _price(listed: ListedProduct) -> tuple[int | None, str | None]:
    if listed.price is None:
        return None, None
    if listed.price != listed.price.to_integral_value() or not 0 <= listed.price <= MOST_YEN:
        return None, f"price {listed.price} is no whole yen"
    return int(listed.price), None


def _problem(listed: ListedProduct, defects: tuple[str, ...], whmcs_id: int | None, price: int | None) -> str | None:
    if not (listed.active and listed.visible) or price is None or listed.entry_id is None:
        return "PRODUCT_NOT_ORDERABLE"
    if whmcs_id is None:
        return "PRODUCT_UNMAPPED"
    return "PRODUCT_NOT_ORDERABLE" if defects else None


def _billing_problem(
    billing: BillingProduct | None, cycle: BillingCycle, price: int | None, *, verified: bool
) -> str | None:
    if not verified:
        return "PRODUCT_NOT_ORDERABLE"
    if billing is None or not billing.exists:
        return "PRODUCT_UNMAPPED"
    if not billing.marker_mapped:
        return "MARKER_UNMAPPED"
    return None if billing.prices.get(cycle) == price else "PRICE_MISMATCH"


def _alerts(problem: str | None, defects: tuple[str, ...]) -> tuple[str, ...]:
    """Name the problems that somebody has to mend although no field is malformed."""
    return (problem,) if problem in {"MARKER_UNMAPPED", "PRICE_MISMATCH", "PRODUCT_UNMAPPED"} and not defects else ()


def _shown(listed: ListedProduct, sold: SoldProduct, options: dict[str, Any]) -> Product | None:
    """Give what a customer sees; an inactive, unapproved or unpriced product is not on show (R074, R076)."""
    if not (listed.active and listed.visible) or sold.price is None:
        return None
    return Product(
        sku=sold.sku,
        name=sold.name,
        description=LocalizedText(en=listed.description or "", ja=listed.description_ja or listed.description or ""),
        category=sold.category,
        item_class=sold.item_class,
        billing_cycle=sold.billing_cycle,
        price=sold.price,
        orderable=sold.orderable,
        problem=sold.problem,
        esim=sold.esim,
        eligibility=sold.eligibility,
        options=options,
    )
