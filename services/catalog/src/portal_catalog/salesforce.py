"""Product2 and PricebookEntry in Salesforce (reference salesforce.md 3.2, R083-R087). Read only."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from portal_catalog.ports import ListedProduct
from portal_contracts.problems import Misconfigured
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.dialect import Dialect, DialectSource

STANDARD = ("Id", "Name", "Description", "IsActive", "StockKeepingUnit")
LOGICAL = (
    "product.portalVisible",
    "product.portalCategory",
    "product.itemClass",
    "product.billingCycle",
    "product.whmcsProductId",
    "product.configOptions",
    "product.nameJa",
    "product.descriptionJa",
    "product.eligibility",
)


class SalesforceProducts:
    """The `ProductSource` port on a Salesforce org."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce
        self._dialect = DialectSource(salesforce, "Product2")

    async def products(self) -> Sequence[ListedProduct]:
        """Two queries: all products, and the active entries of the portal's price book.

        An org that lost a field since it was described is described again: an optional one is done without (C17).
        """
        try:
            return await self._read()
        except Misconfigured:
            self._dialect.forget()
            return await self._read()

    async def _read(self) -> list[ListedProduct]:
        dialect = await self._dialect.current()
        pricebook = self._salesforce.settings.require_pricebook()
        products = await self._salesforce.query(soql.select("Product2", *STANDARD, *dialect.names(*LOGICAL)))
        priced = soql.all_of(soql.equals("Pricebook2Id", pricebook), soql.equals("IsActive", value=True))
        entries = await self._salesforce.query(
            soql.select("PricebookEntry", "Id", "Product2Id", "UnitPrice").where(priced)
        )
        by_product = {entry["Product2Id"]: entry for entry in entries}
        return [_listed(record, by_product.get(record["Id"]), dialect) for record in products]


def _listed(record: dict[str, Any], entry: dict[str, Any] | None, dialect: Dialect) -> ListedProduct:
    def of(logical: str) -> Any:
        return record.get(dialect.field(logical)) if dialect.has(logical) else None

    ids = [record.get(name) for name in dialect.all_names("product.whmcsProductId")]
    return ListedProduct(
        product_id=record["Id"],
        sku=record["StockKeepingUnit"],
        name=record["Name"],
        name_ja=of("product.nameJa"),
        description=record["Description"],
        description_ja=of("product.descriptionJa"),
        active=bool(record["IsActive"]),
        visible=bool(of("product.portalVisible")),
        category=of("product.portalCategory"),
        item_class=of("product.itemClass"),
        billing_cycle=of("product.billingCycle"),
        whmcs_product_ids=tuple(_whole(value) for value in ids if value is not None),
        options_json=of("product.configOptions"),
        eligibility=of("product.eligibility"),
        entry_id=entry["Id"] if entry else None,
        price=Decimal(str(entry["UnitPrice"])) if entry else None,
    )


def _whole(value: Any) -> str:
    """Give a Number field without `.0` or exponent (C06)."""
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)):f}".removesuffix(".0")
    return str(value).strip()
