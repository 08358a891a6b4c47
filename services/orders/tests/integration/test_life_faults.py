"""What ends a service or an order in Salesforce, while Salesforce is in trouble: later, and then once (R213, §5.7)."""

import pytest

from portal_contracts.problems import Misconfigured, TryLater
from portal_orders.cancellation_salesforce import SalesforceContracts
from portal_orders.salesforce import SalesforceOrders
from portal_sandbox.salesforce.seed import account_id

INTERNET = "Personal SonixNet Home Internet"
ACCOUNT, SERVICE = account_id("SNX-10001"), 7001
TROUBLES = pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("status", {}),
        ("quota", {}),
        ("malformed", {}),
        ("error", {"meaning": "transient"}),
        ("error", {"meaning": "permanent"}),
    ],
)


@pytest.fixture
async def opportunity(staff):
    return await staff.create(
        "Opportunity",
        Name="SIM",
        AccountId=ACCOUNT,
        StageName="Active",
        CloseDate="2026-11-20",
        CommodityType="SIM",
        WHMCS_Service_ID__c=SERVICE,
    )


@TROUBLES
async def test_a_cancellation_is_written_later_and_once(sandbox, staff, connected, opportunity, kind, params):  # C27
    contracts = SalesforceContracts(connected(sandbox))
    contract = await contracts.of_service(ACCOUNT, SERVICE)
    staff.fault("composite", kind, times=None, params=params)
    with pytest.raises(TryLater):
        await contracts.write_cancelled(contract)
    sandbox.faults.disarm()
    later = SalesforceContracts(connected(sandbox))
    found = await later.of_service(ACCOUNT, SERVICE)
    assert found.stage == ("cancelled" if kind == "malformed" else "active"), (
        "only a broken answer came after the effect"
    )
    await later.write_cancelled(found)
    record = await staff.record("Opportunity", opportunity)
    assert record["StageName"].encode() == b"\xe2\x96\xb3Cancelled"


@TROUBLES
async def test_a_service_whose_contract_cannot_be_read_is_asked_for_later(
    sandbox, staff, connected, opportunity, kind, params
):
    contracts = SalesforceContracts(connected(sandbox))
    await contracts.of_service(ACCOUNT, SERVICE)
    staff.fault("query", kind, times=None, params=params)
    with pytest.raises((TryLater, Misconfigured)):
        await contracts.of_service(ACCOUNT, SERVICE)
    sandbox.faults.disarm()
    found = await SalesforceContracts(connected(sandbox)).of_service(ACCOUNT, SERVICE)
    assert found.opportunity_id == opportunity, "trouble is never taken for a service without a contract"


@TROUBLES
async def test_an_order_is_withdrawn_later_and_once(sandbox, staff, connected, sandbox_org, kind, params):  # §5.7, C40
    org = sandbox_org(SalesforceOrders(connected(sandbox), internet_commodity=INTERNET))
    order = await org.placed()
    staff.fault("composite", kind, times=None, params=params)
    with pytest.raises(TryLater):
        await org.port.cancel(order, "Withdrawn by the customer.")
    sandbox.faults.disarm()
    later = sandbox_org(SalesforceOrders(connected(sandbox), internet_commodity=INTERNET))
    found = await later.read(order.order_id)
    assert found.state == ("cancelled" if kind == "malformed" else "pending_review")
    if found.state != "cancelled":
        await later.port.cancel(found, "Withdrawn by the customer.")
    assert (await later.read(order.order_id)).state == "cancelled"
    assert await later.stage(order.opportunity_id) == "void"
