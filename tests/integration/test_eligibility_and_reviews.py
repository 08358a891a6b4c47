"""From asking what is available to an order that staff review, or its customer withdraws (R127, R181-R196, C40)."""

from datetime import UTC, datetime

import pytest

from portal_local.demo.customer import eventually
from portal_testing.shoppers import Shopper

RESULT, STATUS = "Internet_Eligibility__c", "Internet_Eligibility_Status__c"
CHECKED = "Internet_Eligibility_Checked_Date_Time__c"


async def account_of(shopper: Shopper) -> str:
    found = await shopper.salesforce.query(f"SELECT AccountId FROM Contact WHERE Email = '{shopper.person.email}'")
    return str(found[0]["AccountId"])


@pytest.mark.dialect
async def test_a_check_is_asked_for_answered_and_ordered_from(shopper) -> None:  # R181-R190, C13, C25
    account_id = await account_of(shopper)
    await shopper.salesforce.change("Account", account_id, {RESULT: None, STATUS: None})
    asked = await shopper.customer.post("/eligibility", {"speed": "express"}, key="eligibility-request-1")
    assert (asked["state"], asked["speed"]) == ("pending", "express")

    async def with_staff() -> bool | None:
        account = await shopper.salesforce.read("Account", account_id)
        cases = await shopper.salesforce.query(f"SELECT Type FROM Case WHERE AccountId = '{account_id}'")
        asked_for = [case["Type"] for case in cases] == ["Eligibility Check"]
        return (account[STATUS] == "Pending" and asked_for) or None

    await eventually(with_staff, "the check with staff")
    opportunities = f"SELECT Id, StageName FROM Opportunity WHERE AccountId = '{account_id}'"
    (opportunity,) = await shopper.salesforce.query(opportunities)
    assert opportunity["StageName"] == "Introduction"
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    await shopper.salesforce.change("Account", account_id, {RESULT: "Home 1G", STATUS: "Checked", CHECKED: now})

    async def answered() -> bool | None:
        return (await shopper.customer.get("/eligibility"))["state"] == "eligible" or None

    async def concluded() -> bool | None:  # R189
        (found,) = await shopper.salesforce.query(opportunities)
        (case,) = await shopper.salesforce.query(f"SELECT Status FROM Case WHERE AccountId = '{account_id}'")
        return (found["StageName"], case["Status"]) == ("Ready", "Closed") or None

    await eventually(answered, "the result")
    await eventually(concluded, "the end of the check for staff")
    shown = await shopper.customer.get("/eligibility")
    assert "INT-HOME-1G" in [product["sku"] for product in shown["products"]]
    (order_id,) = await shopper.order({"reference": "net", "sku": "INT-HOME-1G"})
    order = await shopper.salesforce.read("Order", order_id)
    assert order["OpportunityId"] == opportunity["Id"]


async def test_staff_see_the_five_checks_and_the_customer_withdraws(shopper) -> None:  # R127, section 5.7
    order_id = await shopper.order_vpn()

    async def card() -> str | None:
        text = (await shopper.salesforce.read("Order", order_id))["Description"] or ""
        return text if "--- Portal review" in text else None

    text = await eventually(card, "the review card")
    for check in ("Identity", "Internet type", "Address serviceable", "No duplicate service", "Special instructions"):
        assert f" {check}: " in text
    for key in ("withdraw-request-1", "withdraw-request-1", "withdraw-request-2"):
        await shopper.customer.post(f"/orders/{order_id}/withdraw", {}, key=key)
    shown = await shopper.read(order_id)
    assert (shown["status"]["en"], shown["withdrawable"]) == ("Withdrawn", False)
    kinds = [entry["kind"] for entry in await shopper.timeline(order_id)]
    assert kinds == ["order.placed", "order.withdrawn"]
    order = await shopper.salesforce.read("Order", order_id)
    opportunity = await shopper.salesforce.read("Opportunity", order["OpportunityId"])
    assert (order["Status"], opportunity["StageName"]) == ("Cancelled", "Void")


async def test_a_rejection_is_told_in_curated_words(shopper) -> None:  # R129, C36
    order_id = await shopper.order_vpn()
    note = "Rejected: IDENTITY the person on the photo is somebody else"
    await shopper.change(order_id, Status="Cancelled", Description=note)
    entry = await shopper.see(order_id, "order.rejected")
    assert "your identity could not be verified" in entry["text"]["en"]
    assert "photo" not in str(await shopper.read(order_id))
