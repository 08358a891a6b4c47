"""What customers see of a running service and change about its line (R177, R178, C18, D11, section 5 item 4)."""

from datetime import datetime, timedelta

import asyncpg
import pytest

from portal_chassis.clocks import TOKYO
from portal_local.demo.journey import PASSWORD
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack
from portal_testing.subscribers import Subscriber, at_once, refusal, refusal_words, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OFFERS = [{"megabytes": 1000, "price": 1100}, {"megabytes": 3000, "price": 2750}]
SOME = {"megabytes": 1000}
STALE_SIGN_INS = "UPDATE session SET authenticated_at = authenticated_at - interval '20 minutes' WHERE user_id = $1"
QUIET_SECONDS = 15
"""Longer than a lost request may still land at a local portal's Freebit or WHMCS."""
SPACING_SECONDS = 1801
"""Longer than the operator wants between two changes of a line (PORTAL_FREEBIT_SPACING_SECONDS)."""


async def quotas(stack: PortalStack, line: str) -> int:
    return len(await stack.sandbox.ledger(kind="freebit.quota.added", key=line))


async def charges(stack: PortalStack, subscriber: Subscriber) -> list[int]:
    """The yen of every invoice of the customer, in order."""
    made = await stack.sandbox.ledger(kind="whmcs.invoice.created")
    return [
        int(float(one["detail"]["total"])) for one in made if one["detail"]["client_id"] == subscriber.whmcs_client_id
    ]


async def topped_up_once(stack: PortalStack, subscriber: Subscriber, before: tuple[int, list[int]], yen: int) -> None:
    """See that data was added once and charged once, and stays so."""
    quotas_before, charges_before = before

    async def charged() -> list[int]:
        await stack.sandbox.advance_clock(QUIET_SECONDS)
        return (await charges(stack, subscriber))[len(charges_before) :]

    assert await until(charged, bool, "the charge") == [yen]
    await stack.sandbox.advance_clock(QUIET_SECONDS)
    assert await charged() == [yen]
    assert await quotas(stack, subscriber.line) == quotas_before + 1


async def standing(stack: PortalStack, subscriber: Subscriber) -> tuple[int, list[int]]:
    return await quotas(stack, subscriber.line), await charges(stack, subscriber)


async def test_a_service_is_shown_with_contract_and_line_and_without_who_is_away(
    subscriber: Subscriber, stranger: Shopper, portal_stack: PortalStack
) -> None:  # R205, R206, R227, R255
    sim = await subscriber.detail("sim")
    assert sim["unavailable"] == []
    billed, contract, line = sim["subscription"], sim["contract"], sim["simLine"]
    assert (billed["state"], billed["amount"], billed["orderId"]) == ("active", 2970, subscriber.orders["sim"])
    assert (contract["stage"], contract["category"], contract["orderId"]) == ("active", "sim", billed["orderId"])
    assert (line["phoneNumber"], line["status"]) == (subscriber.line, {"en": "In service", "ja": "ご利用中"})
    assert (line["esim"], line["voice"], line["network"], line["topUps"]) == (True, True, "5G", OFFERS)
    assert (line["voiceOptions"]["voiceMail"], line["openChange"], line["nextReissueAt"]) == (True, None, None)
    for category, yen in (("internet", 5500), ("vpn", 2500)):
        other = await subscriber.detail(category)
        assert (other["subscription"]["amount"], other["simLine"], other["unavailable"]) == (yen, None, [])
        assert other["contract"]["stage"] == "active"

    away = {"times": None, "params": {"status": 503, "body": "down"}}
    await portal_stack.sandbox.arm_fault("freebit", "*", "status", **away)
    gap = await subscriber.detail("sim")
    assert (gap["simLine"], gap["unavailable"]) == (None, ["sim_line"])
    assert gap["contract"]["stage"] == "active"
    await portal_stack.sandbox.clear_faults()

    number = subscriber.services["sim"]
    for path in (f"/services/{number}", *(subscriber.path("sim", rest) for rest in ("sim", "usage", "changes"))):
        assert await refusal(stranger.customer.get(path)) == (404, "NOT_FOUND"), path
    for rest, body in (
        ("topup", SOME),
        ("voice-options", {"options": {"callWaiting": True}}),
        ("network", {"network": "4G"}),
        ("reissue-esim", {"confirmed": True}),
        ("esim-code", {}),
    ):
        assert await refusal(stranger.customer.post(subscriber.path("sim", rest), body)) == (404, "NOT_FOUND"), rest
    assert await refusal(subscriber.customer.get(subscriber.path("vpn", "sim"))) == (404, "NOT_FOUND")


async def test_a_top_up_asked_for_twice_and_from_two_tabs_is_added_and_charged_once(
    subscriber: Subscriber, portal_stack: PortalStack
) -> None:  # R178, C18
    before = await standing(portal_stack, subscriber)
    path = subscriber.path("sim", "topup")
    customer = subscriber.customer
    assert (await subscriber.customer.get(subscriber.path("sim", "usage")))["added"] == []
    first, repeat, other_tab = await at_once(
        customer.post(path, SOME, key="top-up-one"),
        customer.post(path, SOME, key="top-up-one"),
        customer.post(path, SOME, key="top-up-two"),
    )
    answers = [one for one in (first, repeat, other_tab) if isinstance(one, dict)]
    assert answers, (first, repeat, other_tab)
    assert {one["changeId"] for one in answers} == {answers[0]["changeId"]}
    assert {one for one in (first, repeat, other_tab) if isinstance(one, str)} <= {"LINE_CHANGE_UNDER_WAY"}
    winner = "top-up-one" if isinstance(first, dict) else "top-up-two"
    done = await subscriber.ended(answers[0])
    assert (done["state"], done["megabytes"], done["price"]) == ("done", 1000, 1100)
    await topped_up_once(portal_stack, subscriber, before, 1100)
    again = await customer.post(path, SOME, key=winner)
    assert (again["changeId"], again["state"]) == (done["changeId"], "done")
    assert await refusal(customer.post(path, {"megabytes": 3000}, key=winner)) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert await refusal(customer.post(path, {"megabytes": 999})) == (422, "TOP_UP_OUT_OF_RANGE")
    await topped_up_once(portal_stack, subscriber, before, 1100)

    usage = await until(lambda: customer.get(subscriber.path("sim", "usage")), lambda one: one["added"], "the data")
    assert [one["megabytes"] for one in usage["added"]] == [1000]
    assert usage["days"][0]["day"] == (await portal_stack.sandbox.now()).astimezone(TOKYO).date().isoformat()
    invoices = (await customer.get("/billing/invoices?fresh=true"))["invoices"]
    assert 1100 in [one["total"] for one in invoices]
    told = [one["text"] for one in await subscriber.shopper.timeline(subscriber.orders["sim"])]
    assert {"en": "Data top-up 1000 MB: done", "ja": "データ追加 1000 MB:完了"} in told


async def test_the_export_has_the_line_and_its_changes_and_no_code(subscriber: Subscriber, stranger: Shopper) -> None:
    """D17, D11."""
    portal = (await subscriber.customer.get("/me/export"))["systems"]["portal"]
    (line,) = portal["simLines"]
    facts = {"phoneNumber": subscriber.line, "kind": "esim", "state": "active", "plan": "PASI_20G"}
    assert line | facts == line
    assert (line["serviceId"], line["eid"]) == (subscriber.services["sim"], subscriber.shopper.person.eid)
    assert [(one["kind"], one["state"], one["megabytes"]) for one in portal["lineChanges"]] == [
        ("top_up", "done", 1000)
    ]
    assert "LPA:" not in str(portal)
    theirs = await stranger.customer.get("/me/export")
    assert theirs["systems"]["portal"]["simLines"] == theirs["systems"]["portal"]["lineChanges"] == []
    assert subscriber.line not in str(theirs)


@pytest.mark.parametrize(("vendor", "call"), [("freebit", "master/addSpec"), ("whmcs", "CreateInvoice")])
async def test_a_top_up_whose_answer_was_lost_is_added_and_charged_once(
    vendor: str, call: str, subscriber: Subscriber, portal_stack: PortalStack
) -> None:  # C18
    before = await standing(portal_stack, subscriber)
    await portal_stack.sandbox.arm_fault(vendor, call, "after_effect")
    done = await subscriber.change("topup", {"megabytes": 3000}, stack=portal_stack)
    assert done["state"] == "done"
    await topped_up_once(portal_stack, subscriber, before, 2750)
    assert [one["hits"] for one in await portal_stack.sandbox.faults()] == [1]


async def test_voice_options_and_network_are_changed_one_after_the_other(
    subscriber: Subscriber, portal_stack: PortalStack
) -> None:  # R178
    sandbox, customer = portal_stack.sandbox, subscriber.customer
    await sandbox.advance_clock(SPACING_SECONDS)
    wanted = {"options": {"voiceMail": False, "callWaiting": True}}
    assert (await subscriber.change("voice-options", wanted, stack=portal_stack))["state"] == "done"
    options = (await subscriber.detail("sim"))["simLine"]["voiceOptions"]
    assert (options["voiceMail"], options["callWaiting"]) == (False, True)

    asked = await customer.post(subscriber.path("sim", "network"), {"network": "4G"}, key="network-once")
    assert asked["state"] == "working"  # the operator wants half an hour between the two
    shown = (await subscriber.detail("sim"))["simLine"]
    assert (shown["openChange"]["changeId"], shown["network"]) == (asked["changeId"], "5G")
    assert await refusal(customer.post(subscriber.path("sim", "topup"), SOME)) == (409, "LINE_CHANGE_UNDER_WAY")
    await sandbox.advance_clock(SPACING_SECONDS)
    assert (await subscriber.ended(asked, portal_stack, pace=600))["state"] == "done"  # it takes as long again
    assert (await subscriber.detail("sim"))["simLine"]["network"] == "4G"
    assert len(await sandbox.ledger(kind="freebit.line.contractline_changed", key=subscriber.line)) == 1
    history = (await customer.get(subscriber.path("sim", "changes")))["changes"]
    assert [one["kind"] for one in history[:2]] == ["change_network", "change_voice_options"]


async def sign_in_and_wait(subscriber: Subscriber, stack: PortalStack) -> None:
    """Sign in and let the proof grow old: nobody can wait a quarter of an hour."""
    form = {"email": subscriber.shopper.person.email, "password": PASSWORD}
    user_id = (await subscriber.customer.post("/auth/login", form))["userId"]
    connection = await asyncpg.connect(stack.database_url("identity"))
    try:
        await connection.execute(STALE_SIGN_INS, user_id)
    finally:
        await connection.close()


async def test_a_new_esim_asks_for_a_fresh_proof_once_a_day_and_shows_its_code_once(
    subscriber: Subscriber, portal_stack: PortalStack
) -> None:  # R177, D11
    customer, line = subscriber.customer, subscriber.line
    reissue, code = subscriber.path("sim", "reissue-esim"), subscriber.path("sim", "esim-code")
    await customer.post(code, {})  # the first profile's
    assert await refusal(customer.post(code, {})) == (409, "ESIM_CODE_ALREADY_SHOWN")
    await sign_in_and_wait(subscriber, portal_stack)
    assert await refusal(customer.post(reissue, {"confirmed": True})) == (403, "STEP_UP_REQUIRED")
    assert await refusal(customer.post("/auth/step-up", {"password": "not this one"})) == (401, "CREDENTIALS_WRONG")
    await customer.post("/auth/step-up", {"password": PASSWORD})
    assert (await refusal(customer.post(reissue, {"confirmed": False})))[0] in (400, 422)

    await portal_stack.sandbox.arm_fault("freebit", "mvno/esim/addAcnt", "after_effect")
    tabs = await at_once(
        *(customer.post(reissue, {"confirmed": True}, key=f"new-esim-{tab}") for tab in ("one", "one", "two"))
    )
    answers = [one for one in tabs if isinstance(one, dict)]
    assert answers, tabs
    asked = answers[0]
    assert (await subscriber.ended(asked, portal_stack))["state"] == "done"
    issued = await portal_stack.sandbox.ledger(kind="freebit.esim.reissued", key=subscriber.shopper.person.eid)
    assert len(issued) == 1

    again_at = datetime.fromisoformat((await subscriber.detail("sim"))["simLine"]["nextReissueAt"])
    assert again_at - datetime.fromisoformat(asked["askedAt"]) == timedelta(hours=24)
    when = again_at.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M")
    assert await refusal_words(customer, lambda: customer.post(reissue, {"confirmed": True})) == {
        "en": f"A new eSIM was issued for this line lately. You can ask for another one from {when} on.",
        "ja": f"この回線のeSIMは最近再発行されました。次の再発行は{when}以降に可能です。",
    }

    shown = await customer.post(code, {}, key="show-it-once")
    assert shown["activationCode"] == f"LPA:1${shown['server']}${shown['matchingId']}"  # QR and by hand
    assert shown["phoneNumber"] == line
    assert shown["installLink"].endswith(shown["activationCode"])
    assert len(shown["guide"]) == 4
    assert all(step["en"] and step["ja"] for step in shown["guide"])
    assert await customer.post(code, {}, key="show-it-once") == shown  # the same page, reloaded
    assert await refusal(customer.post(code, {})) == (409, "ESIM_CODE_ALREADY_SHOWN")
