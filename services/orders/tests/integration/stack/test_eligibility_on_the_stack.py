"""Eligibility, review cards and withdrawals with the service as a process, on the sandbox's Salesforce."""

from datetime import UTC, datetime

import pytest

from portal_contracts.eligibility import ReadEligibility, RequestEligibility
from portal_contracts.orders_of_customers import WithdrawOrder
from portal_contracts.problems import Refused

RESULT, STATUS = "Internet_Eligibility__c", "Internet_Eligibility_Status__c"
CHANGED = "orders.eligibility.changed.v1"


async def test_a_request_reaches_staff_and_its_result_the_customer(stack, staff, account, eventually):
    """R181-R190, R196."""
    await staff.change("Account", account, **{RESULT: None, STATUS: None})
    asked = await stack.gateway.ask(RequestEligibility(request_id="eligibility-0001"), actor=stack.token())
    assert asked.state == "pending"

    async def submitted():
        return (await staff.record("Account", account))[STATUS] == "Pending" and stack.others.cases

    await eventually(submitted)
    (case,) = stack.others.cases.values()
    assert (case.type, case.for_customer) == ("eligibility_check", True)
    checked = {"Internet_Eligibility_Checked_Date_Time__c": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")}
    await staff.change("Account", account, **{RESULT: "Home 1G", STATUS: "Checked"}, **checked)
    await stack.account_changed(RESULT)

    async def told():
        return await stack.recorded(CHANGED)

    (event,) = await eventually(told)
    assert event["status"] == "eligible"
    shown = await stack.gateway.ask(ReadEligibility(), actor=stack.token())
    assert (shown.state, list(shown.types)) == ("eligible", ["Home 1G"])


async def test_staff_see_the_review_card_and_the_customer_may_withdraw_until_it_is_approved(
    stack, staff, carts, eventually
):
    """R127, section 5.7."""
    first, second = [(await stack.check_out(*carts.vpn, key=f"review-000{number}")).orders[0] for number in range(2)]

    async def card():
        text = (await staff.record("Order", first.order_id))["Description"] or ""
        return "[ok]   Identity: verified" in text

    await eventually(card)
    await stack.gateway.ask(WithdrawOrder(request_id="withdraw-0001", order_id=first.order_id), actor=stack.token())
    assert (await staff.record("Order", first.order_id))["Status"] == "Cancelled"
    assert (await staff.record("Opportunity", first.opportunity_id))["StageName"] == "Void"
    assert (await stack.order(first.order_id)).status.en == "Withdrawn"
    await staff.change("Order", second.order_id, Status="Approved")
    with pytest.raises(Refused) as refused:
        await stack.gateway.ask(
            WithdrawOrder(request_id="withdraw-0002", order_id=second.order_id), actor=stack.token()
        )
    assert refused.value.code == "ORDER_NOT_WITHDRAWABLE"
