"""The rules of R083-R089: what makes a product sellable, and what is a defect. No I/O."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from portal_catalog import product_options
from portal_catalog.ports import ListedProduct
from portal_catalog.product_options import ProductOptions
from portal_contracts.billing import BillingProduct
from portal_contracts.catalog import BillingCycle, Category, ItemClass, LocalizedText, Product, Sku, SoldProduct

CATEGORIES: Final[Mapping[str, Category]] = {"internet": "internet", "sim": "sim", "vpn": "vpn"}
ITEM_CLASSES: Final[Mapping[str, ItemClass]] = {"service": "service", "activation": "activation", "addon": "add_on"}
CYCLES: Final[Mapping[str, BillingCycle]] = {"monthly": "monthly", "annually": "annually", "onetime": "one_time"}
MOST_YEN: Final = 999_999_999
LONGEST_WHMCS_ID: Final = 9
MENDABLE: Final = ("MARKER_UNMAPPED", "PRICE_MISMATCH", "PRICE_NOT_VERIFIED", "PRODUCT_UNMAPPED")
"""Problems of a product whose fields are all well."""
_SKU: Final[TypeAdapter[str]] = TypeAdapter(Sku)


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


@dataclass(frozen=True, slots=True)
class _Options:
    """The options as they stand, what they mean, and what is wrong with them."""

    raw: dict[str, Any]
    meaning: ProductOptions
    defect: str | None


def shared_skus(products: Sequence[ListedProduct]) -> frozenset[str]:
    """Give the SKUs that more than one active product has: nobody could say which of them is ordered (R083)."""
    counted = Counter(product.sku for product in products if product.active and product.sku)
    return frozenset(sku for sku, number in counted.items() if number > 1)


def judge(
    listed: ListedProduct, billing: BillingProduct | None, *, verified: bool, shared: bool = False
) -> JudgedProduct | Defect:
    """Apply every rule to one product. `billing` is WHMCS's view of it, None when it was not asked or knows nothing.

    `verified` says whether that view is recent enough to sell by; `shared` that another active product has its SKU.
    """
    category = CATEGORIES.get(_word(listed.category))
    item_class = ITEM_CLASSES.get(_word(listed.item_class))
    cycle = CYCLES.get(_word(listed.billing_cycle))
    reasons = [
        reason
        for missing, reason in (
            (not listed.sku, "StockKeepingUnit is empty (R083)"),
            (bool(listed.sku) and not _is_sku(listed.sku), f"StockKeepingUnit is {listed.sku!r} (R083)"),
            (category is None, f"category is {listed.category!r}"),
            (item_class is None, f"item class is {listed.item_class!r} (R086)"),
            (cycle is None, f"billing cycle is {listed.billing_cycle!r} (R085)"),
        )
        if missing
    ]
    if listed.sku is None or category is None or item_class is None or cycle is None or reasons:
        return Defect(listed.product_id, listed.sku, tuple(reasons))
    whmcs_id, id_defect = whmcs_id_of(listed.whmcs_product_ids)
    options = _options(listed.options_json)
    price, price_defect = _price(listed)
    shared_defect = "another active product has this StockKeepingUnit (R083)" if shared and listed.active else None
    defects = tuple(defect for defect in (id_defect, options.defect, price_defect, shared_defect) if defect)
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
        esim=options.meaning.sim_type == "eSIM",
        voice=options.meaning.voice,
        eligibility=listed.eligibility or None,
        choices=options.meaning.shown_choices(),
        plans=tuple(options.meaning.plans),
        config_options=options.meaning.config_options(),
    )
    return JudgedProduct(sold, _shown(listed, sold, options), (*defects, *_alerts(problem, defects)))


def _is_sku(text: str | None) -> bool:
    try:
        _SKU.validate_python(text)
    except ValidationError:
        return False
    return True


def _word(text: str | None) -> str:
    """Compare picklist texts without case, spaces and hyphens: `One-time`, `One Time`."""
    return (text or "").casefold().replace("-", "").replace(" ", "")


def whmcs_id_of(values: Sequence[str]) -> tuple[int | None, str | None]:
    """Read text or number; two aliases that differ are a defect (C05, C06). Gives the id, or what is wrong."""
    found = {value.strip().removesuffix(".0") for value in values if value.strip()}
    if len(found) > 1:
        return None, "two WHMCS product ids that differ (C05)"
    text = next(iter(found), "")
    if not text:
        return None, "no WHMCS product id (R083)"
    if not text.isdecimal() or int(text) == 0 or len(text) > LONGEST_WHMCS_ID:
        return None, f"WHMCS product id {text[:40]!r} is no whole number (C06)"
    return int(text), None


def _options(text: str | None) -> _Options:
    if not text:
        return _Options({}, product_options.NONE, None)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return _Options({}, product_options.NONE, "Portal_ConfigOptions_JSON__c is no JSON (R087)")
    if not isinstance(found, dict):
        return _Options({}, product_options.NONE, "Portal_ConfigOptions_JSON__c is no object (R087)")
    try:
        return _Options(found, ProductOptions.model_validate(found), None)
    except ValidationError as error:
        fault = f"Portal_ConfigOptions_JSON__c, {product_options.first_fault(error)} (R087)"
        return _Options({}, product_options.NONE, fault)


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
        return "PRICE_NOT_VERIFIED"
    if billing is None or not billing.exists:
        return "PRODUCT_UNMAPPED"
    if not billing.marker_mapped:
        return "MARKER_UNMAPPED"
    return None if billing.prices.get(cycle) == price else "PRICE_MISMATCH"


def _alerts(problem: str | None, defects: tuple[str, ...]) -> tuple[str, ...]:
    """Name the problems that somebody has to mend although no field is malformed."""
    return (problem,) if problem in MENDABLE and not defects else ()


def _shown(listed: ListedProduct, sold: SoldProduct, options: _Options) -> Product | None:
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
        options=options.raw,
        choices=sold.choices,
        region=options.meaning.region,
        installments=options.meaning.installments,
    )
