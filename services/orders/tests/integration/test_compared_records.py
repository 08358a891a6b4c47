"""What a comparison reads of Salesforce, on the sandbox (D14)."""

from datetime import UTC, datetime

import pytest

from portal_contracts.values import address_fingerprint
from portal_orders.ports import NewItem, NewOrder
from portal_orders.salesforce_comparison import SalesforceRecords
from portal_orders.testing import PRICE_LIST
from portal_sandbox.salesforce.seed import account_id, entry_id

ACCOUNT = account_id("SNX-10001")
PRICES = {product.sku: product for product in PRICE_LIST}


@pytest.fixture
def records(connected, sandbox):
    return SalesforceRecords(connected(sandbox))


async def place(sales, number):
    key = f"checkout-{number}"
    items = [
        NewItem(f"{key}-1", entry_id("VPN-US"), 1, PRICES["VPN-US"].price, "monthly"),
        NewItem(f"{key}-2", entry_id("VPN-ACTIVATION"), 1, PRICES["VPN-ACTIVATION"].price, "one_time"),
    ]
    today = datetime.now(UTC).date()
    return await sales.place(NewOrder(key, ACCOUNT, "vpn", "VPN", today, items), None)


async def test_an_account_is_read_with_its_orders_its_opportunities_and_its_address(sales, staff, records):
    staff.switch(flowEnabled=False)
    order = await place(sales, 1)
    await staff.change("Opportunity", order.opportunity_id, StageName="Active", WHMCS_Service_ID__c=8)
    await staff.change(
        "Account",
        ACCOUNT,
        BillingPostalCode="150-0001",
        BillingState="東京都",
        BillingCity="渋谷区",
        BillingStreet="神宮前1-2-3\n見本ビル 401",
    )
    account = (await records.accounts([ACCOUNT, "001000000000009AAA"]))[ACCOUNT]
    assert [one.order_id for one in account.orders] == [order.order_id]
    assert len(account.orders[0].items) == 2
    assert account.stages[order.opportunity_id] == "active"
    assert account.service_ids == {8}
    assert account.address_fingerprint == address_fingerprint(
        "1500001", "東京都", "渋谷区", "神宮前1ー2ー3", "見本ビル４０１"
    )
    await staff.change("Account", ACCOUNT, BillingStreet=None)
    assert (await records.accounts([ACCOUNT]))[ACCOUNT].address_fingerprint is None
    assert await records.accounts([]) == {}


async def test_the_portals_approved_and_completed_orders_come_in_pages_by_id(sales, staff, records):
    staff.switch(flowEnabled=False)
    orders = [await place(sales, number) for number in range(3)]
    assert await records.page_of_orders(None) == []
    for order in orders:
        await staff.change("Order", order.order_id, Status="Approved")
    await staff.change("Order", orders[0].order_id, Status="Activated")
    ids = sorted(order.order_id for order in orders)
    assert [order.order_id for order in await records.page_of_orders(None)] == ids
    assert [order.order_id for order in await records.page_of_orders(ids[0])] == ids[1:]
    assert await records.page_of_orders(ids[-1]) == []
