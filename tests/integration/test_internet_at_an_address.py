"""Internet at an address: asked for, answered by staff, told, shown in the catalog, ordered (R080, R181-R196, C25)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal_chassis.clocks import TOKYO
from portal_local.demo.customer import Problem
from portal_testing.shoppers import Shopper, Shoppers
from portal_testing.stack import PortalStack
from portal_testing.subscribers import at_once, refusal, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESULT, STATUS = "Internet_Eligibility__c", "Internet_Eligibility_Status__c"
CHECKED = "Internet_Eligibility_Checked_Date_Time__c"
GOOD_NEWS, BAD_NEWS = "ご住所でインターネットをご利用いただけます", "ご住所の提供エリア確認の結果"


async def not_yet_checked(people: Shoppers) -> Shopper:
    """A customer whose address nobody has looked at."""
    shopper = await people.unknown()
    account_id = await account_of(shopper)
    await shopper.salesforce.change("Account", account_id, {RESULT: None, STATUS: None})
    await shopper.journey.sign_up(shopper.person)
    await shopper.journey.add_card()
    return shopper


async def account_of(shopper: Shopper) -> str:
    found = await shopper.salesforce.query(f"SELECT AccountId FROM Contact WHERE Email = '{shopper.person.email}'")
    return str(found[0]["AccountId"])


async def staff_find(shopper: Shopper, result: str | None) -> None:
    """Have staff write what they found."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    fields = {RESULT: result, STATUS: "Checked", CHECKED: now}
    await shopper.salesforce.change("Account", await account_of(shopper), fields)


async def eligibility(shopper: Shopper, state: str) -> dict[str, Any]:
    async def look() -> Any:
        return await shopper.customer.get("/eligibility")

    found: dict[str, Any] = await until(look, lambda seen: seen["state"] == state, f"eligibility to be {state}")
    return found


async def offered(shopper: Shopper, notice: str | None, skus: set[str]) -> None:
    """Wait until the customer's catalog has these Internet plans to order, or says why there are none."""

    async def look() -> tuple[str | None, set[str]]:
        groups = (await shopper.customer.get("/catalog/personalized"))["groups"]
        group = next(one for one in groups if one["category"] == "internet")
        plans = [one for one in group["products"] if one["itemClass"] == "service"]
        told = group["notice"]
        if told is not None:
            assert told["text"]["en"]
            assert told["text"]["ja"]
            assert {one["notForYou"] for one in plans} <= {told["code"]}
        return told and told["code"], {one["sku"] for one in plans if one["notForYou"] is None}

    await until(look, lambda seen: seen == (notice, skus), f"the plans {skus} or {notice}")


async def mailed(shopper: Shopper, *expected: str) -> None:
    async def subjects() -> list[str]:
        mails = await shopper.customer.mails(shopper.person.email)
        return [mail["subject"] for mail in mails if mail["subject"] in (GOOD_NEWS, BAD_NEWS)]

    await until(subjects, lambda seen: seen == list(expected), f"the mails {expected}")


async def cases(shopper: Shopper) -> list[str]:
    statement = f"SELECT Subject FROM Case WHERE AccountId = '{await account_of(shopper)}'"
    return [str(one["Subject"]) for one in await shopper.salesforce.query(statement)]


def in_office_hours(moment: str) -> bool:
    at = datetime.fromisoformat(moment).astimezone(TOKYO)
    return at.weekday() < 5 and 9 <= at.hour + at.minute / 60 <= 18


async def test_a_check_is_asked_for_once_answered_told_and_ordered_from(people: Shoppers) -> None:
    shopper = await not_yet_checked(people)
    customer = shopper.customer
    assert (await eligibility(shopper, "not_requested"))["status"] == {"en": "Not checked yet", "ja": "未確認"}
    await offered(shopper, "ELIGIBILITY_NOT_CHECKED", set())
    with pytest.raises(Problem) as caught:
        await shopper.order({"reference": "net", "sku": "INT-HOME-1G"})
    assert caught.value.code == "NOT_ELIGIBLE" or "NOT_ELIGIBLE" in str(caught.value.body)

    body = {"speed": "express", "note": "今年できた建物です"}
    asked = await at_once(*(customer.post("/eligibility", body, key=f"look-{tab}") for tab in ("one", "one", "two")))
    assert len({(one["requestedAt"], one["dueBy"]) for one in asked}) == 1
    pending = await eligibility(shopper, "pending")
    assert pending["status"] == {"en": "We are checking your address", "ja": "ご住所を確認中"}
    assert pending["whoActs"]["owner"] == "staff"
    assert pending["whoActs"]["until"] == pending["dueBy"]
    assert in_office_hours(pending["dueBy"])
    await offered(shopper, "ELIGIBILITY_PENDING", set())
    await until(lambda: cases(shopper), bool, "staff's case")
    opportunities = f"SELECT Id, StageName FROM Opportunity WHERE AccountId = '{await account_of(shopper)}'"
    found = await until(lambda: shopper.salesforce.query(opportunities), bool, "the opportunity")
    assert [one["StageName"] for one in found] == ["Introduction"]

    await staff_find(shopper, "Home 10G")
    shown = await eligibility(shopper, "eligible")
    assert (shown["types"], [one["sku"] for one in shown["products"]]) == (["Home 10G"], ["INT-HOME-10G"])
    assert shown["whoActs"]["text"]["ja"] == "対象のプランをお申し込みいただけます。"
    await offered(shopper, None, {"INT-HOME-10G"})
    await mailed(shopper, GOOD_NEWS)
    assert await refusal(customer.post("/eligibility", {})) == (409, "ELIGIBILITY_ALREADY_CHECKED")

    await staff_find(shopper, "Apartment 1G")  # a mistake, put right

    async def plans() -> list[str]:
        return [one["sku"] for one in (await eligibility(shopper, "eligible"))["products"]]

    await until(plans, lambda seen: seen == ["INT-APT-1G"], "the other plan")
    await offered(shopper, None, {"INT-APT-1G"})
    await mailed(shopper, GOOD_NEWS, GOOD_NEWS)
    with pytest.raises(Problem) as caught:
        await shopper.order({"reference": "net", "sku": "INT-HOME-10G"})
    assert "NOT_ELIGIBLE" in str(caught.value.body)
    (order_id,) = await shopper.order({"reference": "net", "sku": "INT-APT-1G"})
    assert (await shopper.salesforce.read("Order", order_id))["OpportunityId"] == found[0]["Id"]  # C13
    await offered(shopper, "INTERNET_ALREADY_ORDERED", set())
    assert len(await cases(shopper)) == 1


async def test_a_late_check_goes_to_a_supervisor_and_a_result_may_be_doubted(
    people: Shoppers, portal_stack: PortalStack
) -> None:  # R132, R191, R192
    shopper = await not_yet_checked(people)
    customer, sandbox = shopper.customer, portal_stack.sandbox
    asked = await customer.post("/eligibility", {})
    due = datetime.fromisoformat(asked["dueBy"])
    assert in_office_hours(asked["dueBy"])
    assert due - datetime.fromisoformat(asked["requestedAt"]) > timedelta(days=5)  # 48 hours of office days
    await until(lambda: cases(shopper), bool, "staff's case")
    await sandbox.advance_to(due + timedelta(minutes=1))
    await until(lambda: cases(shopper), lambda seen: len(seen) == 2, "the supervisor's case")
    assert (await customer.get("/support/cases"))["cases"] == [] or "late" not in str(
        await customer.get("/support/cases")
    )

    await staff_find(shopper, None)
    shown = await eligibility(shopper, "not_eligible")
    assert (shown["status"]["ja"], shown["products"]) == ("ご利用いただけません", [])
    await offered(shopper, "NOT_ELIGIBLE", set())
    await mailed(shopper, BAD_NEWS)
    reason = {"reason": "隣の家では使えています"}
    doubts = await at_once(
        *(customer.post("/eligibility/dispute", reason, key=f"doubt-{tab}") for tab in ("one", "one", "two"))
    )
    assert {one["disputed"] for one in doubts} == {True}
    assert doubts[0]["whoActs"]["text"]["ja"] == "責任者が判定結果を再確認しております。"
    await until(lambda: cases(shopper), lambda seen: len(seen) == 3, "the supervisor's second case")
    await staff_find(shopper, "Home 1G")
    shown = await eligibility(shopper, "eligible")
    assert (shown["disputed"], shown["whoActs"]["owner"]) == (False, "customer")
    await mailed(shopper, BAD_NEWS, GOOD_NEWS)
    assert len(await cases(shopper)) == 3
