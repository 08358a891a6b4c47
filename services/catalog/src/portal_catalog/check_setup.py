"""What the doctor finds out about catalog (R090-R092, R273): the price book, and one product's launch chain."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from portal_catalog.ports import BillingVerdicts, ListedProduct, ProductSource
from portal_catalog.product import Defect, JudgedProduct, judge
from portal_catalog.salesforce_setup import NEEDS
from portal_catalog.shelf import Shelf
from portal_chassis.setup_checks import Line, Look, seen
from portal_contracts.billing import BillingProduct
from portal_contracts.problems import PortalProblem
from portal_contracts.setup_checks import CheckSetupBase, SetupCheck, SetupReport
from portal_salesforce.client import Salesforce
from portal_salesforce.setup_checks import Part, org_look

_PRICEBOOK: Final = Line(
    "salesforce.pricebook",
    "The portal's price book exists, is active and may be read.",
    "Set PORTAL_PRICEBOOK_ID to the id of the Pricebook2 whose prices customers pay, activate it, and give Read on it.",
)
_EXISTS: Final = Line(
    "product.salesforce",
    "Product2 has exactly one active product with this SKU (R090).",
    "Create the product in Salesforce with this StockKeepingUnit, once, and tick Active.",
)
_COMPLETE: Final = Line(
    "product.fields",
    "Its category, item class, billing cycle and options are filled in as the portal reads them (R083, R085-R087).",
    "Fill in Portal_Category__c, Item_Class__c, Billing_Cycle__c; Portal_ConfigOptions_JSON__c must be a JSON object.",
)
_PRICED: Final = Line(
    "product.price",
    "It has an active entry with a price in whole yen in the portal's price book (R090).",
    "Add it to the standard price book and to the portal's, with a price in whole yen, and tick Active on the entry.",
)
_VISIBLE: Final = Line(
    "product.visible", "It is meant to be on show.", "Tick Portal_Visible__c when everything else is ready."
)
_MAPPED: Final = Line(
    "product.whmcs_id",
    "It names one WHMCS product (R083, C05).",
    "Fill in WH_Product_ID__c; where the org has two such fields, fill in one or the same in both.",
)
_IN_WHMCS: Final = Line(
    "product.whmcs",
    "That product exists in WHMCS (R090).",
    "Create the product in WHMCS System Settings > Products/Services, or mend WH_Product_ID__c.",
)
_MARKED: Final = Line(
    "product.whmcs_marker",
    "That product's marker field is mapped (C07).",
    "Add the admin-only marker field to the product in WHMCS and its id to the file of WHMCS_FIELDS_PATH.",
)
_SAME_PRICE: Final = Line(
    "product.same_price",
    "WHMCS charges the same, for the same cycle (R092).",
    "Make the price (with set-up fee) and cycle the same in Salesforce and WHMCS.",
)
_ON_SALE: Final = Line(
    "product.on_sale",
    "Customers see it in the catalog and can order it (R091).",
    "Wait for the catalog's next reading (PORTAL_CATALOG_CHECK_SECONDS); look at catalog's log if it stays away.",
)
_CHAIN: Final = (_EXISTS, _COMPLETE, _PRICED, _VISIBLE, _MAPPED, _IN_WHMCS, _MARKED, _SAME_PRICE, _ON_SALE)
_IN_WHMCS_LINES: Final = (_IN_WHMCS, _MARKED, _SAME_PRICE)


def catalog_look(salesforce: Salesforce) -> Look:
    """Give catalog's look at the org."""
    return org_look(salesforce, NEEDS, Part((_PRICEBOOK,), lambda: _pricebook(salesforce)))


async def _pricebook(salesforce: Salesforce) -> Sequence[SetupCheck]:
    try:
        book_id = salesforce.settings.require_pricebook()
        book = await salesforce.read("Pricebook2", book_id, ["Name", "IsActive"])
    except PortalProblem as problem:
        wrong = problem.kind == "misconfigured"
        return [_PRICEBOOK.failed(seen(problem)) if wrong else _PRICEBOOK.unknown(seen(problem))]
    if book is None:
        return [_PRICEBOOK.failed(f"{book_id} is no price book that the integration user may read")]
    return [_PRICEBOOK.is_so(bool(book["IsActive"]), f"{book['Name']} is {'' if book['IsActive'] else 'not '}active")]


@dataclass(frozen=True, slots=True)
class LaunchChain:
    """The way of one product from Salesforce to the customer's screen."""

    source: ProductSource
    billing: BillingVerdicts
    shelf: Shelf

    async def __call__(self, request: CheckSetupBase) -> SetupReport:
        """Read the product live, and compare; the shelf alone is what customers see."""
        try:
            found = [product for product in await self.source.products() if product.sku == request.sku]
        except PortalProblem as problem:
            return SetupReport(checks=[line.unknown(seen(problem)) for line in _CHAIN])
        if len(found) != 1:
            return _not_one(len(found))
        listed = found[0]
        judged = judge(listed, None, verified=False)
        if isinstance(judged, Defect):
            return SetupReport(checks=_undescribed(listed, judged))
        checks = [
            _EXISTS.is_so(listed.active, "" if listed.active else "it is not active"),
            *_described(listed, judged),
            *await self._in_whmcs(judged),
        ]
        checks.append(self._on_sale(request.sku, checks))
        sold = judged.sold
        return SetupReport(checks=checks, category=sold.category, whmcs_product_id=sold.whmcs_product_id or 0)

    async def _in_whmcs(self, judged: JudgedProduct) -> list[SetupCheck]:
        if judged.sold.whmcs_product_id is None:
            return [line.unknown("it names no WHMCS product") for line in _IN_WHMCS_LINES]
        try:
            (known,) = await self.billing.products([judged.sold.whmcs_product_id])
        except (PortalProblem, ValueError) as problem:
            text = seen(problem) if isinstance(problem, PortalProblem) else "billing knows nothing of it"
            return [line.unknown(text) for line in _IN_WHMCS_LINES]
        return _compared(judged, known)

    def _on_sale(self, sku: str, before: Sequence[SetupCheck]) -> SetupCheck:
        if any(check.result != "passed" for check in before):
            return _ON_SALE.unknown("mend what stands above first")
        try:
            held = next((product for product in self.shelf.current.shown if product.sku == sku), None)
        except PortalProblem as problem:
            return _ON_SALE.unknown(seen(problem))
        if held is None:
            return _ON_SALE.failed("the catalog that customers see does not have it")
        return _ON_SALE.is_so(held.orderable, "" if held.orderable else f"the catalog says {held.problem}")


def _not_one(number: int) -> SetupReport:
    text = "there is none" if number == 0 else f"there are {number}"
    others = [line.unknown("there is not one product to look at") for line in _CHAIN[1:]]
    return SetupReport(checks=[_EXISTS.failed(text), *others])


def _undescribed(listed: ListedProduct, defect: Defect) -> list[SetupCheck]:
    exists = _EXISTS.is_so(listed.active, "" if listed.active else "it is not active")
    others = [line.unknown("the product cannot be described") for line in _CHAIN[2:]]
    return [exists, _COMPLETE.failed("; ".join(defect.reasons)), *others]


def _described(listed: ListedProduct, judged: JudgedProduct) -> list[SetupCheck]:
    """Give what Salesforce alone tells. A defect's words name the field it is about."""
    defects = [text for text in judged.defects if not text.isupper()]
    about_ids = [text for text in defects if "WHMCS product id" in text]
    about_price = [text for text in defects if text.startswith("price ")]
    about_fields = [text for text in defects if text not in (*about_ids, *about_price)]
    price = judged.sold.price
    priced = price is not None and not about_price
    return [
        _COMPLETE.is_so(not about_fields, "; ".join(about_fields)),
        _PRICED.is_so(priced, f"{price} yen" if priced else "; ".join(about_price) or "there is no active entry"),
        _VISIBLE.is_so(listed.visible, "" if listed.visible else "Portal_Visible__c is not ticked"),
        _MAPPED.is_so(not about_ids, "; ".join(about_ids) or f"WHMCS product {judged.sold.whmcs_product_id}"),
    ]


def _compared(judged: JudgedProduct, known: BillingProduct) -> list[SetupCheck]:
    if not known.exists:
        others = [line.unknown("WHMCS has no such product") for line in (_MARKED, _SAME_PRICE)]
        return [_IN_WHMCS.failed(f"WHMCS has no product {known.whmcs_product_id}"), *others]
    sold, cycle = judged.sold, judged.sold.billing_cycle
    charged = known.prices.get(cycle)
    detail = f"Salesforce {sold.price}, WHMCS {'not offered' if charged is None else charged} ({cycle})"
    if sold.price is None:
        same = _SAME_PRICE.unknown("Salesforce has no price")
    else:
        same = _SAME_PRICE.is_so(charged == sold.price, detail)
    return [_IN_WHMCS.passed(), _MARKED.is_so(known.marker_mapped, ""), same]
