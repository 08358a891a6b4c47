"""The launch chain of a product: each link is broken where it is kept, and that line alone fails (R090-R092, R302)."""

from datetime import UTC, datetime

import pytest
import pytest_asyncio

from portal_billing.product import described
from portal_billing.whmcs_api import WhmcsApi, connect
from portal_billing.whmcs_fields import WhmcsFields, load_fields
from portal_billing.whmcs_products import WhmcsProducts
from portal_catalog.check_setup import LaunchChain
from portal_catalog.product import JudgedProduct, judge
from portal_catalog.salesforce import SalesforceProducts
from portal_catalog.shelf import Shelf
from portal_catalog.snapshot import Snapshot
from portal_chassis.clocks import SystemMachineClock
from portal_chassis.outbound import Outbound
from portal_contracts.setup_checks import CheckSetupBase
from portal_salesforce.soql import all_of, equals, select
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID

pytestmark = pytest.mark.asyncio(loop_scope="module")

SKU, PID = "SIM-DATA-ESIM-10G", 201


class Billing:
    """Billing's answer about products, made from WHMCS by its own adapter."""

    def __init__(self, api, fields):
        self.api = api
        self.fields = fields

    async def products(self, ids):
        found = await WhmcsProducts(self.api, self.fields).read(ids)
        return [described(product_id, found.get(product_id)) for product_id in ids]


class Launch:
    """One product in Salesforce, WHMCS and on the shelf, which staff break."""

    def __init__(self, vendors, staff, source, billing):
        self.vendors = vendors
        self.staff = staff
        self.source = source
        self.billing = billing
        self.shelf = Shelf(None)

    async def open_shop(self):
        """Put on the shelf what is sold now."""
        products = []
        for listed in await self.source.products():
            ids = [int(text) for text in listed.whmcs_product_ids]
            known = (await self.billing.products(ids))[0] if ids else None
            judged = judge(listed, known, verified=True)
            products += [judged] if isinstance(judged, JudgedProduct) else []
        self.shelf.put(Snapshot.of(products, datetime.now(UTC)))

    async def in_salesforce(self, **fields):
        product = await self.staff.query_one(select("Product2", "Id").where(equals("StockKeepingUnit", SKU)))
        await self.staff.update("Product2", product["Id"], fields)

    async def in_the_price_book(self, **fields):
        mine = all_of(equals("Product2.StockKeepingUnit", SKU), equals("Pricebook2Id", PORTAL_PRICEBOOK_ID))
        entry = await self.staff.query_one(select("PricebookEntry", "Id").where(mine))
        await self.staff.update("PricebookEntry", entry["Id"], fields)

    async def in_whmcs(self, **switches):
        self.vendors.break_("whmcs", **switches)

    async def in_the_fields_file(self, products):
        self.billing.fields = WhmcsFields(customer_number=198, products=products)

    async def on_the_shelf(self):
        self.shelf.put(Snapshot.of([], datetime.now(UTC)))

    async def failed(self, sku=SKU):
        report = await LaunchChain(self.source, self.billing, self.shelf)(CheckSetupBase.model_construct(sku=sku))
        return {check.id for check in report.checks if check.result == "failed"}, report


@pytest_asyncio.fixture(loop_scope="module")
async def launch(vendors):
    staff = vendors.salesforce(username="staff@sandbox.invalid")
    portal = vendors.salesforce()
    settings = vendors.whmcs()._settings
    connection = connect(settings, SystemMachineClock())
    api = WhmcsApi(connection, Outbound("whmcs", at_once=4, longest_wait=5.0))
    launch = Launch(vendors, staff, SalesforceProducts(portal), Billing(api, load_fields(settings.fields_path)))
    await launch.open_shop()
    yield launch
    for closing in (staff, portal, connection):
        await closing.close()
    await vendors.core.reset()


async def test_a_launched_product_passes_every_line_and_tells_the_others_what_it_is(launch):  # R091
    failed, report = await launch.failed()
    assert (failed, {check.result for check in report.checks}) == (set(), {"passed"})
    assert (report.category, report.whmcs_product_id) == ("sim", PID)


@pytest.mark.parametrize(
    ("place", "change", "line"),
    [
        ("in_salesforce", {"IsActive": False}, "product.salesforce"),
        ("in_salesforce", {"Item_Class__c": None}, "product.fields"),
        ("in_salesforce", {"Portal_ConfigOptions_JSON__c": "{"}, "product.fields"),
        ("in_salesforce", {"Portal_Visible__c": False}, "product.visible"),
        ("in_salesforce", {"WH_Product_ID__c": None}, "product.whmcs_id"),
        ("in_the_price_book", {"IsActive": False}, "product.price"),
        ("in_the_price_book", {"UnitPrice": 999}, "product.same_price"),
        ("in_whmcs", {"missingProducts": str(PID)}, "product.whmcs"),
        ("in_whmcs", {"unpricedProducts": str(PID)}, "product.same_price"),
        ("in_the_fields_file", {"products": {}}, "product.whmcs_marker"),
        ("on_the_shelf", {}, "product.on_sale"),
    ],
)
async def test_a_broken_link_fails_its_line_alone(launch, place, change, line):
    await getattr(launch, place)(**change)
    failed, _ = await launch.failed()
    assert failed == {line}


async def test_a_price_that_is_no_whole_yen_fails_its_line_alone(launch):
    await launch.in_the_price_book(UnitPrice="980.50")
    failed, _ = await launch.failed()
    assert failed == {"product.price"}


async def test_a_product_that_does_not_exist_is_said_to_be_missing(launch):
    failed, report = await launch.failed("SIM-NEXT-YEAR")
    assert failed == {"product.salesforce"}
    assert (report.category, report.whmcs_product_id) == ("", 0)
