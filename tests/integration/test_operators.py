"""Operators look and act, over HTTP and at the command line; nothing without the right, all of it kept (R276, D13)."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from portal_local.demo.customer import Problem, eventually
from portal_local.operator_access import LocalOperator
from portal_testing.invariants import broken_invariants, broken_silence, effects
from portal_testing.operators import OperatorAtWork
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

SECONDS_BETWEEN_LOOKS = 20
"""Business time that passes while a test waits for a process with a quiet period."""


async def refused(doing: Any) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        await doing
    return caught.value.status, caught.value.code


async def standing(operator: OperatorAtWork, order_id: str) -> tuple[str, str | None]:
    """How an order's provisioning stands: status and code."""
    summary = (await operator.get(f"/operator/provisioning/{order_id}"))["summary"]
    return summary["status"], summary["code"]


async def stands(stack: PortalStack, operator: OperatorAtWork, order_id: str, status: str, code: str | None) -> None:
    """Wait until provisioning stands so, while business time goes on."""

    async def look() -> bool:
        await stack.sandbox.advance_clock(SECONDS_BETWEEN_LOOKS)
        return await standing(operator, order_id) == (status, code)

    await eventually(look, f"{order_id} to be {status} {code}")


async def test_who_is_not_an_operator_or_has_not_the_right_is_refused(
    shopper, portal_stack: PortalStack, operator, portal_http
) -> None:
    order_id = await shopper.order_vpn()
    path = f"/operator/provisioning/{order_id}"
    assert await refused(shopper.customer.get("/operator/provisioning")) == (403, "FORBIDDEN")
    assert await refused(shopper.customer.post(f"{path}/retry", {"reason": "I want it", "dryRun": False})) == (
        403,
        "FORBIDDEN",
    )
    anonymous = await portal_http.get("/operator/provisioning")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "SESSION_REQUIRED")
    me = await operator.account()
    wrong = {"email": me.email, "password": me.password, "code": "000000"}
    answer = await portal_http.post("/operator/session", json=wrong)
    assert (answer.status_code, answer.json()["code"]) == (401, "CREDENTIALS_WRONG")  # no way in without the factor

    viewer = await enrolled(operator, portal_http, "viewer@portal.example", "operator_viewer", me.email)
    seen = await portal_http.get("/operator/provisioning", headers=viewer)
    assert seen.status_code == 200
    order = {"reason": "curious", "dryRun": False}
    tried = await portal_http.post(f"{path}/retry", json=order, headers={**viewer, "Idempotency-Key": "viewer-tries"})
    assert (tried.status_code, tried.json()["code"]) == (403, "OPERATOR_FORBIDDEN")
    manages = await portal_http.get("/operator/operators", headers=viewer)
    assert manages.status_code == 403
    ended = await operator.order("/operator/operators/revoke", do=True, email="viewer@portal.example")
    assert ended["carriedOut"]

    async def over() -> bool:
        return (await portal_http.get("/operator/provisioning", headers=viewer)).status_code == 401

    await eventually(over, "the revoked operator's session to end", patience=5.0)
    assert await broken_silence(portal_stack, order_id) == []


async def enrolled(
    operator: OperatorAtWork, http: httpx.AsyncClient, email: str, role: str, approved_by: str
) -> dict[str, str]:
    """Hand out access over HTTP and use it; gives the headers of the new operator's session."""
    wanted = {"email": email, "roles": [role], "approvedBy": approved_by}
    planned = await operator.order("/operator/operators/grant", **wanted)
    assert (planned["carriedOut"], planned.get("enrolmentToken")) == (False, None)
    assert await refused(operator.order("/operator/operators/grant", do=True, **{**wanted, "approvedBy": email})) == (
        409,
        "OPERATOR_NOT_APPROVED",
    )
    token = (await operator.order("/operator/operators/grant", do=True, **wanted))["enrolmentToken"]
    seed = (await http.post("/operator/enrolment/begin", json={"token": token})).json()
    new = LocalOperator(email, "a-long-and-fake-password-1", seed["secret"], seed["uri"])
    finished = await http.post(
        "/operator/enrolment/finish", json={"token": token, "password": new.password, "code": new.code()}
    )
    assert finished.status_code == 200, finished.text
    session = next(value for name, value in finished.cookies.items() if name.endswith("portal_session"))
    http.cookies.clear()
    return {"Authorization": f"Bearer {session}"}


@pytest.mark.timeout(180)
async def test_a_blocked_order_is_listed_shown_cancelled_and_started_again(
    shopper, portal_stack: PortalStack, operator
) -> None:
    order_id = await shopper.order_vpn()
    await shopper.journey.remove_card()
    await shopper.journey.approve()
    await shopper.see(order_id, "provisioning.blocked")
    listed = await operator.get("/operator/provisioning", status="blocked", code="PAYMENT_METHOD_MISSING")
    assert order_id in [one["orderId"] for one in listed["processes"]]
    assert listed["totals"]["blocked"] >= 1
    by_hand = await operator.command_line("list", "--status", "blocked")
    assert (by_hand.exit_code, order_id in by_hand.output) == (0, True), by_hand.errors
    shown = (await operator.command_line("--json", "show", order_id[:15])).answer
    assert (shown["summary"]["orderId"], shown["summary"]["owner"]) == (order_id, "customer")
    file = await operator.get(f"/operator/orders/{order_id}")
    assert file["errorCode"] == "PAYMENT_METHOD_MISSING"
    blocked = [entry for entry in file["timeline"] if entry["kind"] == "provisioning.blocked"]
    assert [(entry["code"], bool(entry["staffText"])) for entry in blocked] == [("PAYMENT_METHOD_MISSING", True)]

    path = f"/operator/provisioning/{order_id}/cancel"
    planned = await operator.order(path)
    assert (planned["carriedOut"], bool(planned["changes"])) == (False, True)
    assert (await standing(operator, order_id))[0] == "blocked"  # a dry run changes nothing
    done = await operator.order(path, do=True, key="cancel-it-once")
    assert done["carriedOut"]
    await stands(portal_stack, operator, order_id, "cancelled", "PROVISIONING_CANCELLED")
    assert await operator.order(path, do=True, key="cancel-it-once") == done  # the stored answer
    assert await refused(operator.order(path, do=True)) == (409, "PROVISIONING_ENDED")
    shown = await shopper.salesforce.read("Order", order_id)
    assert shown["Activation_Error__c"].startswith("PROVISIONING_CANCELLED: ")
    ended = await shopper.see(order_id, "provisioning.cancelled")
    assert ended["whoActs"] == (await shopper.read(order_id))["whoActs"]
    assert ended["whoActs"]["owner"] == "staff"  # never a dead end

    await shopper.journey.add_card()
    again = await operator.command_line(
        "retry", order_id, "--reason", "card added", "--do", "--request-id", "started-again"
    )
    assert (again.exit_code, "Done:" in again.output) == (0, True), again.errors
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id) == []
    assert await refused(operator.order(path, do=True)) == (409, "PROVISIONING_ENDED")
    actions = (await operator.get("/operator/fulfillment/actions", target=order_id))["actions"]
    told = [(one["action"].split(".")[2], one["carriedOut"]) for one in reversed(actions)]
    assert told == [("cancel", False), ("cancel", True), ("cancel", False), ("retry", True), ("cancel", False)]
    assert {one["operator"] for one in actions} == {(await operator.account()).email}


async def test_nothing_is_cancelled_once_the_line_is_active(shopper, portal_stack: PortalStack, operator) -> None:
    order_id = await shopper.order_esim()  # C19
    faults = {"times": None, "params": {"status": 503, "body": "down"}}
    await portal_stack.sandbox.arm_fault("whmcs", "AcceptOrder", "status", **faults)
    await shopper.journey.approve()
    await shopper.see(order_id, "provisioning.sim_active")
    assert await refused(operator.order(f"/operator/provisioning/{order_id}/cancel", do=True)) == (
        409,
        "PROVISIONING_PAST_PIVOT",
    )
    assert await refused(operator.order(f"/operator/whmcs-orders/{order_id}/cancel", do=True)) == (
        409,
        "PROVISIONING_PAST_PIVOT",
    )
    await portal_stack.sandbox.clear_faults()
    await shopper.see(order_id, "order.activated", wait=lambda: portal_stack.sandbox.advance_clock(60))
    assert await shopper.finish() == []
    assert await broken_invariants(portal_stack, order_id, shopper.person.eid) == []


async def make_unclear(shopper: Shopper, stack: PortalStack, operator: OperatorAtWork) -> list[str]:
    """Have three orders whose AddOrder was twice cut off without a trace: a person has to decide about each."""
    orders = await shopper.order_services(*({"sku": "VPN-US"} for _ in range(3)))
    cut = {"times": None, "params": {"seconds": 0}}
    await stack.sandbox.arm_fault("whmcs", "AddOrder", "before_effect", **cut)
    await shopper.journey.approve()
    for order_id in orders:
        await stands(stack, operator, order_id, "needs_human", "WHMCS_ORDER_UNCLEAR")
    await stack.sandbox.clear_faults()
    return orders


@pytest.mark.timeout(240)
async def test_an_order_that_stays_unclear_at_whmcs_is_linked_made_again_or_given_up(
    shopper, portal_stack: PortalStack, operator
) -> None:
    linked, retried, given_up = await make_unclear(shopper, portal_stack, operator)
    whmcs = shopper.journey.systems.whmcs
    me = await shopper.customer.get("/me")
    evidence = await operator.get(f"/operator/whmcs-orders/{linked}")
    assert (evidence["code"], evidence["found"]) == ("WHMCS_ORDER_UNCLEAR", [])
    assert len([one for one in evidence["journal"] if one["call"] == "AddOrder"]) >= 2
    entry = await shopper.see(linked, "provisioning.needs_human")
    assert entry["whoActs"]["owner"] != "customer"

    by_hand: dict[str, str | int] = {"clientid": me["whmcsClientId"], "paymentmethod": "stripe"}
    for number, pid in enumerate(await lines_of(operator, linked)):
        by_hand |= {f"pid[{number}]": pid["whmcsProductId"], f"billingcycle[{number}]": CYCLES[pid["billingCycle"]]}
    whmcs_order_id = int((await whmcs.call("AddOrder", **by_hand))["orderid"])
    path = f"/operator/whmcs-orders/{linked}/link"
    assert await refused(operator.order(path, do=True, whmcsOrderId=1)) == (409, "WHMCS_ORDER_NOT_OURS")
    planned = await operator.order(path, whmcsOrderId=whmcs_order_id)
    assert (planned["carriedOut"], bool(planned["changes"])) == (False, True)
    assert (await operator.get(f"/operator/whmcs-orders/{linked}"))["found"] == []  # a dry run changes nothing
    assert (await operator.order(path, do=True, whmcsOrderId=whmcs_order_id))["carriedOut"]

    run = await operator.command_line("whmcs-order", "retry", retried, "--reason", "WHMCS is well again", "--do")
    assert (run.exit_code, "Done:" in run.output) == (0, True), run.errors
    path = f"/operator/whmcs-orders/{given_up}/cancel"
    assert (await operator.order(path, do=True))["carriedOut"]

    for order_id in (linked, retried):
        await shopper.see(order_id, "order.activated", wait=lambda: portal_stack.sandbox.advance_clock(20))
    await shopper.see(given_up, "provisioning.cancelled", wait=lambda: portal_stack.sandbox.advance_clock(20))
    shown = await shopper.salesforce.read("Order", given_up)
    assert (shown["Activation_Status__c"], shown["WHMCS_Order_Id__c"]) == ("Failed", None)
    assert await effects(portal_stack, "whmcs.order.accepted", given_up) == 0
    shopper.journey.orders = [one for one in shopper.journey.orders if one.order_id != given_up]
    assert await shopper.finish() == []
    assert shopper.journey.orders[0].whmcs_order_id == whmcs_order_id
    assert await broken_invariants(portal_stack, retried) == []
    assert await effects(portal_stack, "whmcs.order.accepted", linked) == 1


CYCLES = {"monthly": "monthly", "annually": "annually", "one_time": "onetime"}


async def lines_of(operator: OperatorAtWork, order_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await operator.get(f"/operator/whmcs-orders/{order_id}"))["lines"]
    return found


async def test_the_command_line_signs_in_with_a_second_factor_and_says_what_to_do_without(
    portal_stack: PortalStack, operator, tmp_path
) -> None:
    file = tmp_path / "session"
    without = await operator.command_line("list", session_file=file)
    assert (without.exit_code, "sign-in" in without.errors) == (4, True)
    me = await operator.account()

    async def sign_in() -> bool:  # the code of this half minute may have been used up by the session of HTTP
        known = ("--email", me.email, "--password", me.password, "--code", me.code(1))
        return (await operator.command_line("sign-in", *known, session_file=file)).exit_code == 0

    assert await sign_in() or await after_the_next_step(sign_in)
    assert file.stat().st_mode & 0o077 == 0
    found = await operator.command_line("--json", "operators", "list", session_file=file)
    assert me.email in [one["email"] for one in json.loads(found.output)["operators"]]
    help_text = await operator.command_line("--help", session_file=file)
    assert "dead-letters" in help_text.output


async def after_the_next_step(sign_in: Any) -> bool:
    await asyncio.sleep(30)
    return bool(await sign_in())
