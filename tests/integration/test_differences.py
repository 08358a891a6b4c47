"""What Salesforce, WHMCS and the portal say differently is listed with what mends it, and mended where we can (D14)."""

import base64
import re
import secrets
from typing import Any

import phpserialize
import pytest

from portal_local.demo.customer import Problem, eventually
from portal_testing.operators import OperatorAtWork
from portal_testing.sandbox_control import SandboxControl
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

SETTLED_SECONDS = 2 * 3600
"""After this time nobody is at work on an order any more."""
CUSTOMER_NUMBER_FIELD = 198
ELSEWHERE = {
    "BillingPostalCode": "530-0001",
    "BillingState": "大阪府",
    "BillingCity": "大阪市北区",
    "BillingStreet": "梅田1-2-3",
}


async def compare(operator: OperatorAtWork) -> None:
    """Have the systems compared now and wait for the end; one that runs already has not seen what was just changed."""

    async def at_rest() -> bool:
        return not (await operator.get("/operator/drift"))["running"]

    await eventually(at_rest, "the comparison of before to end")
    before = (await operator.get("/operator/drift"))["comparedAt"]
    assert (await operator.order("/operator/drift/compare", do=True))["carriedOut"]

    async def ended() -> bool:
        report = await operator.get("/operator/drift")
        return not report["running"] and report["comparedAt"] not in {None, before}

    await eventually(ended, "the comparison to end")


async def differences(operator: OperatorAtWork, *client_ids: int) -> dict[str, dict[str, Any]]:
    """The open differences of these WHMCS clients, by kind."""
    found = (await operator.get("/operator/drift"))["drifts"]
    return {one["kind"]: one for one in found if one["whmcsClientId"] in client_ids}


async def make_six(shopper: Shopper, sandbox: SandboxControl) -> int:
    """Make one difference of each kind by hand; gives the WHMCS client nobody is linked to."""
    await sandbox.set_switches({"whmcs": {"extraActions": "DeleteOrder"}})
    deleted, unnamed, pending, dearer = shopper.journey.orders
    whmcs, client_id = shopper.journey.systems.whmcs, (await shopper.customer.get("/me"))["whmcsClientId"]
    for action in ("PendingOrder", "CancelOrder", "DeleteOrder"):
        await whmcs.call(action, orderid=deleted.whmcs_order_id)
    await sandbox.set_switches({"whmcs": {"extraActions": ""}})
    await shopper.salesforce.change("Opportunity", unnamed.opportunity_id, {"WHMCS_Service_ID__c": None})
    await whmcs.call("UpdateClientProduct", serviceid=pending.service_id, status="Pending")
    await whmcs.call("UpdateClientProduct", serviceid=dearer.service_id, recurringamount="9999.00")
    account_id = (await shopper.customer.get("/me"))["accountId"]
    await shopper.salesforce.change("Account", account_id, ELSEWHERE)
    assert client_id
    return await orphan(shopper)


async def orphan(shopper: Shopper) -> int:
    """A WHMCS client with a Customer Number and without a portal user."""
    number = f"SNX-{secrets.randbelow(900_000) + 100_000}"
    custom = base64.b64encode(phpserialize.dumps({CUSTOMER_NUMBER_FIELD: number})).decode()
    made = await shopper.journey.systems.whmcs.call(
        "AddClient",
        firstname="花子",
        lastname="見本",
        email=f"orphan-{number.lower()}@example.jp",
        address1="1-2-3",
        city="渋谷区",
        state="東京都",
        postcode="150-0001",
        country="JP",
        phonenumber="0300000000",
        password2="an-obviously-fake-password-1",
        customfields=custom,
        noemail="true",
    )
    return int(made["clientid"])


@pytest.mark.timeout(180)
async def test_the_six_kinds_are_found_on_demand_and_what_can_be_repaired_is(
    shopper, portal_stack: PortalStack, operator
) -> None:
    await shopper.order_services(*({"sku": sku} for sku in ("VPN-US", "VPN-UK") * 2))
    await shopper.journey.approve()
    assert await shopper.finish() == []
    deleted, unnamed, pending, dearer = shopper.journey.orders
    client_id = (await shopper.customer.get("/me"))["whmcsClientId"]
    orphan_id = await make_six(shopper, portal_stack.sandbox)
    await portal_stack.sandbox.advance_clock(SETTLED_SECONDS)
    await compare(operator)
    found = await differences(operator, client_id, orphan_id)
    assert {kind: one["orderId"] for kind, one in found.items()} == {
        "order_without_service": deleted.order_id,
        "service_without_opportunity": unnamed.order_id,
        "status_mismatch": pending.order_id,
        "price_mismatch": dearer.order_id,
        "address_mismatch": None,
        "orphan_client": None,
    }
    assert [kind for kind, one in found.items() if one["repairable"]] == ["service_without_opportunity"]
    by_hand = await operator.command_line("drift", "list", "--kind", "price_mismatch")
    assert (by_hand.exit_code, "billed=9999" in by_hand.output) == (0, True), by_hand.errors
    assert "梅田" not in str(found), "a difference tells no personal data"

    with pytest.raises(Problem) as caught:
        await operator.order("/operator/drift/repair", do=True, driftId=found["price_mismatch"]["id"])
    assert (caught.value.status, caught.value.code) == (409, "DRIFT_NOT_REPAIRABLE")
    repairable = found["service_without_opportunity"]["id"]
    assert not (await operator.order("/operator/drift/repair", driftId=repairable))["carriedOut"]

    async def named() -> int:
        record = await shopper.salesforce.read("Opportunity", unnamed.opportunity_id)
        return int(record["WHMCS_Service_ID__c"] or 0)

    assert await named() == 0  # a dry run changes nothing
    run = await operator.command_line("drift", "repair", repairable, "--reason", "found by the comparison", "--do")
    assert (run.exit_code, "Done:" in run.output) == (0, True), run.errors
    await eventually(named, "the opportunity to name its service")
    assert await named() == unnamed.service_id

    whmcs = shopper.journey.systems.whmcs
    await whmcs.call("UpdateClientProduct", serviceid=pending.service_id, status="Active")
    await whmcs.call("UpdateClientProduct", serviceid=dearer.service_id, recurringamount="2500.00")
    account_id = (await shopper.customer.get("/me"))["accountId"]
    await shopper.salesforce.change("Account", account_id, dict.fromkeys(ELSEWHERE))
    await shopper.change(deleted.order_id, Status="Cancelled")
    await whmcs.call("UpdateClient", clientid=orphan_id, customfields=no_number())
    await portal_stack.sandbox.advance_clock(SETTLED_SECONDS)
    await compare(operator)
    assert await differences(operator, client_id, orphan_id) == {}
    actions = (await operator.get("/operator/orders/actions", target=repairable))["actions"]
    assert [one["carriedOut"] for one in actions] == [True, False]
    assert re.match(r"orders\.drift\.repair", actions[0]["action"])


def no_number() -> str:
    return base64.b64encode(phpserialize.dumps({CUSTOMER_NUMBER_FIELD: ""})).decode()
