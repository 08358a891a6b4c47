"""The port's one suite: on the fake, and on the sandbox or a real org (architecture §12). A real org is only read."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from portal_catalog.ports import ListedProduct, ProductSource
from portal_catalog.salesforce import SalesforceProducts
from portal_catalog.testing import VPN, FixedSource
from portal_contracts.problems import Misconfigured, TryLater
from portal_contracts.values import long_salesforce_id
from portal_salesforce import Salesforce
from portal_salesforce.soql import all_of, equals, select

pytestmark = pytest.mark.real_vendor

SKU = "VPN-US"


@dataclass
class Org:
    """The port under test, and what staff do beside it."""

    source: ProductSource

    async def product(self, sku: str = SKU) -> ListedProduct:
        (found,) = [product for product in await self.source.products() if product.sku == sku]
        return found


@dataclass
class FakeOrg(Org):
    source: FixedSource

    def change(self, **changes: Any) -> None:
        self.source.listed = [
            replace(product, **changes) if product.sku == SKU else product for product in self.source.listed
        ]

    async def price(self, yen: int) -> None:
        self.change(price=Decimal(yen))

    async def take_price_away(self) -> None:
        self.change(price=None, entry_id=None)

    async def hide(self) -> None:
        self.change(visible=False)

    async def deactivate(self) -> None:
        self.change(active=False)

    async def go_away(self) -> None:
        self.source.fails_with = TryLater("SALESFORCE_UNAVAILABLE")


@dataclass
class SalesforceOrg(Org):
    salesforce: Salesforce
    sandbox: Any

    async def _entry(self) -> str:
        product_id = (await self.product()).product_id
        book = self.salesforce.settings.require_pricebook()
        mine = all_of(equals("Product2Id", product_id), equals("Pricebook2Id", book))
        return (await self.salesforce.query_one(select("PricebookEntry", "Id").where(mine)))["Id"]

    async def price(self, yen: int) -> None:
        await self.salesforce.update("PricebookEntry", await self._entry(), {"UnitPrice": yen})

    async def take_price_away(self) -> None:
        await self.salesforce.update("PricebookEntry", await self._entry(), {"IsActive": False})

    async def hide(self) -> None:
        await self._write({"Portal_Visible__c": False})

    async def deactivate(self) -> None:
        await self._write({"IsActive": False})

    async def _write(self, fields: dict[str, Any]) -> None:
        await self.salesforce.update("Product2", (await self.product()).product_id, fields)

    async def go_away(self) -> None:
        self.sandbox.faults.arm({"vendor": "salesforce", "call": "*", "kind": "refused", "times": None})


@pytest.fixture
def fake_org() -> Org:
    other = replace(VPN, product_id=long_salesforce_id("01t000000000009"), sku="SIM-X", category="SIM")
    return FakeOrg(FixedSource(VPN, other))


@pytest.fixture
def salesforce_org(request, salesforce: Salesforce, staff: Salesforce, real_org) -> Org:
    sandbox = None if real_org else request.getfixturevalue("sandbox")
    return SalesforceOrg(SalesforceProducts(salesforce), staff, sandbox)


@pytest.fixture(params=["fake", "salesforce"])
def org(request) -> Org:
    return request.getfixturevalue(f"{request.param}_org")


@pytest.fixture
def staffed(org: Org, real_org) -> Org:
    """An org whose products a test may change."""
    if real_org and isinstance(org, SalesforceOrg):
        pytest.skip("the products of a real org are not ours to change")
    return org


async def test_every_product_has_its_ids_and_a_name_and_prices_come_with_their_entry(org: Org) -> None:  # R079, R081
    products = await org.source.products()
    assert products
    assert len({product.product_id for product in products}) == len(products)
    for product in products:
        assert long_salesforce_id(product.product_id) == product.product_id
        assert product.name
        assert (product.price is None) == (product.entry_id is None)
        assert product.price is None or isinstance(product.price, Decimal)
        assert all(isinstance(value, str) and value for value in product.whmcs_product_ids)


async def test_a_product_is_read_with_its_words_and_its_price(staffed: Org) -> None:
    found = await staffed.product()
    assert (found.active, found.visible, found.price) == (True, True, Decimal(2500))
    assert (found.category, found.item_class, found.billing_cycle) == ("VPN", "Service", "Monthly")
    assert found.whmcs_product_ids == ("301",)
    assert found.name_ja is not None


async def test_a_changed_price_is_read_at_once(staffed: Org) -> None:
    await staffed.price(2600)
    assert (await staffed.product()).price == Decimal(2600)


async def test_without_an_active_entry_there_is_no_price(staffed: Org) -> None:  # R081
    await staffed.take_price_away()
    found = await staffed.product()
    assert (found.price, found.entry_id) == (None, None)


async def test_a_hidden_product_is_read_as_hidden(staffed: Org) -> None:  # R076
    await staffed.hide()
    assert not (await staffed.product()).visible


async def test_an_inactive_product_is_read_as_inactive(staffed: Org) -> None:  # R074
    await staffed.deactivate()
    assert not (await staffed.product()).active


async def test_while_the_org_is_away_the_reader_is_asked_to_come_back(staffed: Org) -> None:
    await staffed.go_away()
    with pytest.raises(TryLater, match="SALESFORCE_UNAVAILABLE"):
        await staffed.source.products()


async def test_every_spelling_of_the_whmcs_id_gives_one_id_and_two_that_differ_are_both_told(
    sandbox, salesforce, staff
) -> None:  # C05, C06
    seen = set()
    for field in ("WH_Product_ID__c", "WHMCS_Product_Id__c", "both"):
        sandbox.switches.update({"salesforce": {"productIdField": field}})
        org = SalesforceOrg(SalesforceProducts(salesforce), staff, sandbox)
        seen |= set((await org.product()).whmcs_product_ids)
    assert seen == {"301"}
    product_id = (await org.product()).product_id
    await staff.update("Product2", product_id, {"WH_Product_ID__c": 302})
    assert set((await org.product()).whmcs_product_ids) == {"301", "302"}


async def test_what_only_some_products_have_is_read_of_those(sandbox, salesforce, staff) -> None:  # R087
    org = SalesforceOrg(SalesforceProducts(salesforce), staff, sandbox)
    plan, esim = await org.product("INT-HOME-1G"), await org.product("SIM-VOICE-ESIM-20G")
    assert (plan.eligibility, esim.eligibility) == ("Home 1G", None)
    assert '"simType":"eSIM"' in (esim.options_json or "")


async def test_without_a_price_book_it_is_our_set_up(salesforce_settings, sandbox) -> None:
    connector = Salesforce(salesforce_settings.model_copy(update={"pricebook_id": None}))
    with pytest.raises(Misconfigured, match="PORTAL_PRICEBOOK_ID"):
        await SalesforceProducts(connector).products()
    await connector.close()
