"""Another plan and the end of a service, in both modes of WHMCS (R207-R218, C22, C27, C33, C34, D10)."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from portal_chassis.clocks import TOKYO
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack
from portal_testing.subscribers import Subscriber, at_once, refusal, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.dialect]

CANCELLING = "\N{WHITE UP-POINTING TRIANGLE}Cancelling"
CANCELLED = "\N{WHITE UP-POINTING TRIANGLE}Cancelled"
MAILS = ("解約のお申し込みを承りました", "ご契約を継続いたします", "ご利用が終了しました")
KEY, OVERDUE = "Portal_Case_Key__c", "cancellation_overdue"
NOTICE = timedelta(days=30)
LOOK_SECONDS = 3601
"""Longer than the portal waits before it looks again at a service that is to end (PORTAL_CANCELLATION_LOOK_SECONDS)."""


async def today(stack: PortalStack) -> date:
    return (await stack.sandbox.now()).astimezone(TOKYO).date()


async def mailed(subscriber: Subscriber, *expected: str) -> None:
    """Wait until the customer has exactly these mails about cancellations."""

    async def subjects() -> list[str]:
        return [mail["subject"].partition("（")[0] for mail in await subscriber.mails(*MAILS)]

    await until(subjects, lambda seen: seen == list(expected), f"the mails {expected}")


async def stage(subscriber: Subscriber, category: str) -> dict[str, Any]:
    return await subscriber.shopper.salesforce.read("Opportunity", subscriber.opportunities[category])


async def marked(subscriber: Subscriber, category: str, name: str) -> dict[str, Any]:
    """Wait until the opportunity has this stage, and give it."""

    async def look() -> dict[str, Any]:
        return await stage(subscriber, category)

    found: dict[str, Any] = await until(look, lambda one: one["StageName"] == name, f"the stage {name}")
    return found


async def cases(subscriber: Subscriber, category: str) -> list[dict[str, Any]]:
    """Staff's cases about the end of a service, without those that business time opens while a test looks."""
    about = f"Type = 'Cancellation Request' AND OpportunityId__c = '{subscriber.opportunities[category]}'"
    found = await subscriber.shopper.salesforce.query(f"SELECT Id, IsClosed, {KEY} FROM Case WHERE {about}")
    return [one for one in found if OVERDUE not in one[KEY]]


async def told(subscriber: Subscriber, category: str) -> list[str]:
    """What the service's timeline says of its end."""
    kinds = [str(entry["kind"]) for entry in await subscriber.shopper.timeline(subscriber.orders[category])]
    return [kind.removeprefix("service.") for kind in kinds if kind.startswith("service.")]


def off_after(last_day: date) -> datetime:
    """The moment a service is off whose last day this is."""
    return datetime.combine(last_day + timedelta(days=1), time(), TOKYO)


async def stands(subscriber: Subscriber, category: str, state: str, stack: PortalStack | None = None) -> dict[str, Any]:
    """Wait until the customer sees a cancellation stand so; with `stack` business time runs meanwhile."""

    async def look() -> Any:
        if stack is not None:
            await stack.sandbox.advance_clock(LOOK_SECONDS)
        return await subscriber.customer.get(subscriber.path(category, "cancellation"))

    found: dict[str, Any] = await until(look, lambda seen: seen["state"] == state, f"the cancellation to be {state}")
    return found


async def ended_at_whmcs(stack: PortalStack, subscriber: Subscriber, category: str) -> int:
    """How often WHMCS ended a service."""
    service = str(subscriber.services[category])
    ended = await stack.sandbox.ledger(kind="whmcs.module.terminate", key=service)
    marked = await stack.sandbox.ledger(kind="whmcs.service.updated", key=service)
    return len(ended) + sum(one["detail"]["status"] == "Terminated" for one in marked)


async def pay(subscriber: Subscriber, category: str) -> None:
    """Pay a service's first invoice on WHMCS's page: WHMCS prices what is left of a paid month."""
    order = next(one for one in subscriber.shopper.journey.orders if one.category == category)
    page = await subscriber.customer.open_single_sign_on("invoice", invoiceId=order.invoice_id)
    await subscriber.customer.submit(page, {})


async def faster_line_found(subscriber: Subscriber) -> None:
    """Have staff find that a faster line is possible at the address as well."""
    account_id = (await subscriber.customer.get("/me"))["accountId"]
    both = {"Internet_Eligibility__c": "Home 1G; Home 10G"}
    await subscriber.shopper.salesforce.change("Account", account_id, both)

    async def types() -> Any:
        return (await subscriber.customer.get("/eligibility"))["types"]

    await until(types, lambda seen: len(seen) == 2, "both plans")


async def test_another_plan_is_priced_and_asked_for_in_a_case_the_customer_follows(
    subscriber: Subscriber, stranger: Shopper, portal_stack: PortalStack
) -> None:  # section 5 item 3, R195
    customer, path = subscriber.customer, subscriber.path("internet", "plan-change")
    await pay(subscriber, "internet")
    assert await refusal(customer.get(f"{path}/INT-HOME-10G")) == (409, "NOT_ELIGIBLE")
    await faster_line_found(subscriber)
    priced = await customer.get(f"{path}/INT-HOME-10G")
    assert (priced["monthly"], priced["name"]["ja"]) == (6600, "SonixNet光 ホーム 10G")
    assert 0 < priced["priceNow"] <= 1100  # the difference for the days that are left
    assert await refusal(customer.get(f"{path}/VPN-UK")) == (409, "PLAN_CHANGE_NOT_OFFERED")
    assert await refusal(stranger.customer.get(f"{path}/INT-HOME-10G")) == (404, "NOT_FOUND")
    assert await refusal(stranger.customer.post(path, {"sku": "INT-HOME-10G"})) == (404, "NOT_FOUND")

    asked = await at_once(*(customer.post(path, {"sku": "INT-HOME-10G"}, key="a-faster-line") for _ in range(2)))
    case_ids = {one["caseId"] for one in asked if isinstance(one, dict)}
    assert len(case_ids) == 1, asked
    (case_id,) = case_ids
    shown = await customer.get(f"/support/cases/{case_id}")
    assert (shown["stateText"], shown["closed"]) == ({"en": "Received", "ja": "受付済み"}, False)
    assert "SonixNet光 ホーム 10G" in shown["subject"]
    assert "Freebit" not in str(shown)
    assert case_id in [one["caseId"] for one in (await customer.get("/support/cases"))["cases"]]
    account_id = (await customer.get("/me"))["accountId"]
    cases = await subscriber.shopper.salesforce.query(f"SELECT Id FROM Case WHERE AccountId = '{account_id}'")
    assert len([one for one in cases if one["Id"] == case_id]) == 1

    path = subscriber.path("vpn", "plan-change")
    without_price = {"times": None, "params": {"meaning": "permanent"}}
    await portal_stack.sandbox.arm_fault("whmcs", "UpgradeProduct", "error", **without_price)
    priced = await customer.get(f"{path}/VPN-UK")
    assert (priced["monthly"], priced["priceNow"]) == (2500, None)
    case_id = (await customer.post(path, {"sku": "VPN-UK"}))["caseId"]
    assert "担当者よりご案内" in (await customer.get(f"/support/cases/{case_id}"))["description"]
    assert await portal_stack.sandbox.ledger(kind="whmcs.upgrade.ordered") == []


async def test_strangers_learn_nothing_of_a_service_and_nothing_is_cancelled(
    subscriber: Subscriber, stranger: Shopper, portal_stack: PortalStack
) -> None:
    customer = stranger.customer
    wanted = {"endsOn": (await today(portal_stack)).isoformat()}
    for category in ("sim", "internet", "vpn"):
        path = subscriber.path(category, "cancellation")
        assert await refusal(customer.get(f"{path}/preview")) == (404, "NOT_FOUND")
        assert await refusal(customer.post(path, wanted)) == (404, "NOT_FOUND")
        assert await refusal(customer.get(path)) == (404, "NOT_FOUND")
        assert await refusal(customer.delete(path)) == (404, "NOT_FOUND")
        assert await refusal(subscriber.customer.get(path)) == (404, "NOT_FOUND")  # its owner has cancelled nothing
        assert (await stage(subscriber, category))["StageName"] == "Active"


async def test_a_preview_says_when_an_internet_line_ends_and_what_that_costs(
    subscriber: Subscriber, portal_stack: PortalStack
) -> None:  # R207, R214, R216, R218, C34, D10
    customer, path = subscriber.customer, subscriber.path("internet", "cancellation")
    first_day = await today(portal_stack)
    last_day = first_day + NOTICE
    preview = await customer.get(f"{path}/preview")
    assert (preview["endsOn"], preview["noticeDays"]) == (last_day.isoformat(), 30)
    assert datetime.fromisoformat(preview["effectiveAt"]) == off_after(last_day)
    assert (preview["initialCancellation"], preview["equipmentReturn"], preview["revocable"]) == (True, True, True)
    assert preview["initialCancellationUntil"] == (first_day + timedelta(days=7)).isoformat()
    assert [fee["amount"] for fee in preview["remainingFees"]] == [5500] * len(preview["remainingFees"])
    assert preview["remainingTotal"] == 5500 * len(preview["remainingFees"])
    steps = preview["nextSteps"]
    assert steps[0]["en"] == "Internet needs 30 days' notice. The line works through the last day."
    assert "お送りする返却キットでレンタル機器をご返送ください。" in [step["ja"] for step in steps]
    wrong = {"endsOn": first_day.isoformat()}
    assert await refusal(customer.post(path, wrong)) == (409, "CANCELLATION_DATE_CHANGED")


async def test_a_cancellation_is_asked_for_from_two_tabs_once_and_taken_back_once(
    subscriber: Subscriber, portal_stack: PortalStack
) -> None:  # R207-R210, C27, C34
    customer, path = subscriber.customer, subscriber.path("internet", "cancellation")
    last_day = await today(portal_stack) + NOTICE
    wanted = {"endsOn": last_day.isoformat(), "reason": "引っ越します"}
    tabs = await at_once(*(customer.post(path, wanted, key=f"leave-{tab}") for tab in ("one", "one", "two")))
    taken = [one for one in tabs if isinstance(one, dict)]
    assert len({one["cancellationId"] for one in taken}) == 1
    assert {one for one in tabs if isinstance(one, str)} <= {"CANCELLATION_UNDER_WAY"}
    assert taken[0]["status"] == {"en": "Cancellation requested", "ja": "解約受付済み"}
    assert taken[0]["revocable"] is True
    assert await refusal(customer.get(f"{path}/preview")) == (409, "CANCELLATION_UNDER_WAY")
    await mailed(subscriber, MAILS[0])
    record = await marked(subscriber, "internet", CANCELLING)
    assert (record["CancellationNotice__c"], record["LineReturn__c"]) == ("Received", "NotYet")
    assert datetime.fromisoformat(record["ScheduledCancellationDateAndTime__c"]) == off_after(last_day)
    assert [one["IsClosed"] for one in await cases(subscriber, "internet")] == [False]
    contract = (await subscriber.detail("internet"))["contract"]
    assert (contract["stage"], contract["lineReturn"]) == ("cancelling", "not_yet")
    assert contract["cancellation"]["state"] == "requested"

    await at_once(customer.delete(path, key="stay-one"), customer.delete(path, key="stay-two"))
    assert (await stands(subscriber, "internet", "withdrawn"))["status"]["ja"] == "解約取消済み"
    assert (await stage(subscriber, "internet"))["StageName"] == "Active"
    assert [one["IsClosed"] for one in await cases(subscriber, "internet")] == [True]
    await mailed(subscriber, *MAILS[:2])
    assert await told(subscriber, "internet") == ["cancellation_requested", "cancellation_withdrawn"]


async def test_a_line_cancelled_again_works_through_its_last_day_and_is_ended_by_staff(
    subscriber: Subscriber, portal_stack: PortalStack
) -> None:  # R211-R214, R218, C22, C27
    customer, path = subscriber.customer, subscriber.path("internet", "cancellation")
    salesforce, opportunity_id = subscriber.shopper.salesforce, subscriber.opportunities["internet"]
    last_day = await today(portal_stack) + NOTICE
    await customer.post(path, {"endsOn": last_day.isoformat()}, key="leave-after-all")
    await mailed(subscriber, MAILS[0], MAILS[1], MAILS[0])
    await marked(subscriber, "internet", CANCELLING)
    for written, shown in (("SentKit", "kit_sent"), ("Returned", "returned")):
        await salesforce.change("Opportunity", opportunity_id, {"LineReturn__c": written})
        assert (await subscriber.detail("internet"))["contract"]["lineReturn"] == shown

    await portal_stack.sandbox.advance_to(off_after(last_day) - timedelta(minutes=5))
    assert (await stands(subscriber, "internet", "requested"))["revocable"] is True
    await portal_stack.sandbox.advance_to(off_after(last_day))
    ending = await stands(subscriber, "internet", "ending", portal_stack)
    assert (ending["status"]["ja"], ending["revocable"]) == ("解約手続き中", False)
    assert await refusal(customer.delete(path)) == (409, "CANCELLATION_TOO_LATE")
    assert await ended_at_whmcs(portal_stack, subscriber, "internet") == 0  # that is for staff in this mode
    whmcs = subscriber.shopper.journey.systems.whmcs
    await whmcs.call("UpdateClientProduct", serviceid=subscriber.services["internet"], status="Terminated")
    assert (await stands(subscriber, "internet", "completed", portal_stack))["status"]["ja"] == "解約済み"
    assert (await stage(subscriber, "internet"))["StageName"] == CANCELLED
    contract = (await subscriber.detail("internet"))["contract"]
    assert (contract["stage"], contract["lineReturn"]) == ("cancelled", "returned")
    listed = (await customer.get("/support/cases"))["cases"]
    requests = [one for one in listed if one["type"] == "cancellation_request"]
    assert [one["closed"] for one in requests] == [True, True]
    (task,) = [one for one in await cases(subscriber, "internet") if not one["IsClosed"]]
    assert task["Id"] not in {one["caseId"] for one in listed}  # R214: the month WHMCS took, for staff alone
    await mailed(subscriber, MAILS[0], MAILS[1], MAILS[0], MAILS[2])
    assert (await told(subscriber, "internet"))[2:] == ["cancellation_requested", "cancelled"]


async def test_what_staff_do_in_salesforce_to_a_cancellation_is_what_the_customer_sees(
    subscriber: Subscriber, portal_stack: PortalStack
) -> None:  # C27, R210
    path, opportunity_id = subscriber.path("sim", "cancellation"), subscriber.opportunities["sim"]
    salesforce = subscriber.shopper.salesforce
    preview = await subscriber.customer.get(f"{path}/preview")
    following = (await today(portal_stack)).replace(day=1) + timedelta(days=32)
    assert preview["endsOn"] == (following.replace(day=1) - timedelta(days=1)).isoformat()  # C33
    assert "MNP転出" in preview["nextSteps"][0]["ja"]
    await subscriber.customer.post(path, {"endsOn": preview["endsOn"]})

    async def contract() -> Any:
        return (await subscriber.detail("sim"))["contract"]

    await until(contract, lambda one: one["stage"] == "cancelling", "the stage Cancelling")
    later = datetime.fromisoformat(preview["effectiveAt"]) + timedelta(days=2)
    wire = later.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    await salesforce.change("Opportunity", opportunity_id, {"ScheduledCancellationDateAndTime__c": wire})
    assert datetime.fromisoformat((await contract())["endsAt"]) == later
    await portal_stack.sandbox.advance_to(datetime.fromisoformat(preview["effectiveAt"]) + timedelta(minutes=1))

    async def postponed() -> Any:
        return await subscriber.customer.get(path)

    moved = await until(postponed, lambda one: datetime.fromisoformat(one["effectiveAt"]) == later, "the later date")
    assert (moved["state"], moved["revocable"]) == ("requested", True)
    await salesforce.change("Opportunity", opportunity_id, {"StageName": "Active"})
    assert (await contract())["stage"] == "active"
    await portal_stack.sandbox.advance_to(later + timedelta(minutes=1))
    await stands(subscriber, "sim", "withdrawn")
    assert await ended_at_whmcs(portal_stack, subscriber, "sim") == 0
    assert (await subscriber.detail("sim"))["simLine"]["state"] == "active"


@pytest.mark.timeout(180)
async def test_the_portal_ends_services_in_whmcs_itself_where_it_may(
    subscriber: Subscriber, portal_stack: PortalStack
) -> None:  # C22, R212, R215, R217
    await portal_stack.restart_with("orders", PORTAL_CANCELLATION_AUTOMATIC="true")
    customer = subscriber.customer
    path = subscriber.path("vpn", "cancellation")
    preview = await customer.get(f"{path}/preview")
    assert (preview["endsOn"], preview["revocable"]) == ((await today(portal_stack)).isoformat(), False)
    assert preview["nextSteps"][0] == {"en": "VPN ends today, at once.", "ja": "VPNは本日、ただちに終了いたします。"}
    await portal_stack.sandbox.arm_fault("whmcs", "ModuleTerminate", "after_effect")
    await customer.post(path, {"endsOn": preview["endsOn"]}, key="end-the-vpn")
    await stands(subscriber, "vpn", "completed", portal_stack)
    assert [one["hits"] for one in await portal_stack.sandbox.faults()] == [1]
    assert await ended_at_whmcs(portal_stack, subscriber, "vpn") == 1
    asked = await portal_stack.sandbox.ledger(
        kind="whmcs.service.cancel_requested", key=str(subscriber.services["vpn"])
    )
    assert len(asked) == 1
    assert (await stage(subscriber, "vpn"))["StageName"] == CANCELLED
    assert (await customer.post(path, {"endsOn": preview["endsOn"]}, key="end-the-vpn"))["state"] == "completed"
    assert await refusal(customer.post(path, {"endsOn": preview["endsOn"]})) == (409, "CANCELLATION_NOT_POSSIBLE")

    path = subscriber.path("sim", "cancellation")
    preview = await customer.get(f"{path}/preview")
    await customer.post(path, {"endsOn": preview["endsOn"]})
    await portal_stack.sandbox.clear_faults()
    await portal_stack.sandbox.arm_fault("freebit", "master/cnclAcnt", "after_effect")
    await portal_stack.sandbox.advance_to(datetime.fromisoformat(preview["effectiveAt"]))
    await stands(subscriber, "sim", "completed", portal_stack)
    assert await ended_at_whmcs(portal_stack, subscriber, "sim") == 1
    assert len(await portal_stack.sandbox.ledger(kind="freebit.line.cancelled", key=subscriber.line)) == 1
    assert (await subscriber.detail("sim"))["simLine"]["status"] == {"en": "Cancelled", "ja": "解約済み"}
    assert (await stage(subscriber, "sim"))["StageName"] == CANCELLED
