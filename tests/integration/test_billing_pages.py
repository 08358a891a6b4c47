"""The billing pages over HTTP: copies that WHMCS's signed events end, links, own data only. On the whole portal."""

import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from portal_local.demo.customer import Problem, eventually
from portal_local.environment import WHMCS_HOOK_SECRET
from portal_testing.stack import PortalStack

HOOKS = "/hooks/whmcs"


def signed_event(client_id: int, *, secret: str = WHMCS_HOOK_SECRET, age: int = 0) -> tuple[bytes, dict[str, str]]:
    """Give an event as WHMCS's hook file would post it."""
    event_id, timestamp = str(uuid4()), str(int(time.time()) - age)
    body = json.dumps({"id": event_id, "event": "ClientEdit", "client_id": client_id, "data": {}}).encode()
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return body, {
        "Content-Type": "application/json",
        "X-Portal-Event-Id": event_id,
        "X-Portal-Timestamp": timestamp,
        "X-Portal-Signature": f"v1={mac}",
    }


async def me(shopper: Any) -> int:
    return int((await shopper.customer.get("/me"))["whmcsClientId"])


async def test_a_change_in_whmcs_is_seen_as_soon_as_its_event_has_come(shopper) -> None:  # C28, R243, R246, R249
    client_id, whmcs = await me(shopper), shopper.journey.systems.whmcs
    for path, name in (("/billing/profile", "company"), ("/billing/profile", "phone")):
        await shopper.customer.get(path)  # a copy is kept now
        field = {"company": "companyname", "phone": "phonenumber"}[name]
        await whmcs.call("UpdateClient", clientid=client_id, **{field: "03-1111-2222"})

        async def seen(path: str = path, name: str = name) -> bool:
            return bool((await shopper.customer.get(path))[name] == "03-1111-2222")

        await eventually(seen, f"the new {name}", patience=20.0)


async def test_a_forged_or_old_event_ends_no_copy_and_a_genuine_one_ends_it_and_nothing_else(
    shopper, portal_stack: PortalStack
) -> None:
    client_id, summary = await me(shopper), "/billing/payment-methods/summary"
    assert (await shopper.customer.get(summary))["hasPaymentMethod"]
    await portal_stack.sandbox.set_switches({"whmcs": {"hooks": "drop"}})
    try:
        await shopper.journey.systems.whmcs.call("UpdateClient", clientid=client_id, clearcreditcard="1")
    finally:
        await portal_stack.sandbox.set_switches({"whmcs": {"hooks": "send"}})
    async with httpx.AsyncClient(base_url=portal_stack.gateway_url) as somebody:
        forged, headers = signed_event(client_id, secret="another-secret")
        assert (await somebody.post(HOOKS, content=forged, headers=headers)).json()["code"] == "SIGNATURE_INVALID"
        old, headers = signed_event(client_id, age=301)
        assert (await somebody.post(HOOKS, content=old, headers=headers)).json()["code"] == "SIGNED_CALL_EXPIRED"
        assert (await shopper.customer.get(summary))["hasPaymentMethod"], "the copy still serves"
        genuine, headers = signed_event(client_id)
        answers = [(await somebody.post(HOOKS, content=genuine, headers=headers)).status_code for _ in range(3)]
        assert answers == [202, 202, 202]
        assert (await somebody.post(HOOKS, content=genuine + b" ", headers=headers)).status_code == 401
    assert not (await shopper.customer.get(summary))["hasPaymentMethod"]


async def test_company_and_phone_are_changed_in_the_portal_and_kept_by_whmcs(shopper) -> None:  # R007
    customer = shopper.customer
    before = await customer.get("/billing/profile")
    changed = await customer.put("/billing/profile", {"company": "例示 & 株式会社"})
    assert changed == {**before, "company": "例示 & 株式会社"}
    assert await customer.get("/billing/profile") == changed
    details = await shopper.journey.systems.whmcs.call("GetClientsDetails", clientid=await me(shopper))
    assert details["client"]["phonenumber"] == before["phone"]


async def test_nobody_reads_or_opens_what_belongs_to_another(shopper, shoppers) -> None:  # R206, R031
    order_id = await shopper.order_vpn()
    await shopper.journey.approve()
    await shopper.journey.wait_until_active()
    order = await shopper.read(order_id)
    (invoice,) = (await shopper.customer.get("/billing/invoices"))["invoices"]
    service_id = order["serviceId"]
    other = await shoppers.somebody()
    for who, found in ((shopper, True), (other, False), (shopper, True)):
        for path in (
            f"/billing/invoices/{invoice['id']}",
            f"/subscriptions/{service_id}",
            f"/subscriptions/{service_id}/invoices",
        ):
            assert await _found(who, path) is found, path
    links = [("invoice", {"invoiceId": invoice["id"]}), ("service", {"serviceId": service_id})]
    for destination, ids in links:
        with pytest.raises(Problem, match="404 NOT_FOUND"):
            await other.customer.post("/auth/sso-link", {"destination": destination, **ids})
    of_service = await shopper.customer.get(f"/subscriptions/{service_id}/invoices")
    assert [one["id"] for one in of_service["invoices"]] == [invoice["id"]]
    assert of_service["totals"]["openAmount"] == invoice["total"]


async def _found(shopper: Any, path: str) -> bool:
    async def look() -> list[bool] | None:
        try:
            await shopper.customer.get(path)
        except Problem as problem:
            if problem.status == 404:
                return [False]
            return None  # the first look for a subscription's invoices may take longer than a customer waits
        return [True]

    return (await eventually(look, path, patience=20.0))[0]


async def test_the_sixth_link_within_a_minute_has_to_wait(shopper) -> None:  # D03
    async def click() -> dict[str, Any]:
        link: dict[str, Any] = await shopper.customer.post("/auth/sso-link", {"destination": "invoices"})
        return link

    links = [await click() for _ in range(4)]  # the fifth, or the first, added the card
    assert len({link["url"] for link in links}) == 4
    with pytest.raises(Problem, match="429 RATE_LIMITED") as told:
        await click()
    assert 0 < told.value.retry_after <= 60


async def test_a_link_opens_whmcs_once_and_for_nobody_after_that(shopper) -> None:  # R070
    link = await shopper.customer.post("/auth/sso-link", {"destination": "invoices"})
    opened = []
    for _ in range(2):  # each in a browser of its own
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(link["url"])
            opened.append(bool(answer.cookies) and answer.is_redirect)
    assert opened == [True, False]
