"""Support on the whole portal: what a customer asks, what staff do, what the customer is told."""

from typing import Any

import httpx
import pytest

from portal_local.demo.customer import eventually
from portal_local.demo.journey import PASSWORD
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

JPEG = b"\xff\xd8\xff\xe0 a picture of the router"


async def told(shopper: Shopper, *expected: str) -> None:
    """Wait until the customer has exactly these mails about cases."""

    async def look() -> bool:
        mails = await shopper.customer.mails(shopper.person.email)
        found = [next((one for one in ("回答", "完了", "再開") if one in mail["subject"]), "") for mail in mails]
        return [one for one in found if one] == list(expected)

    await eventually(look, f"mails about the case to be {expected}")


@pytest.mark.dialect
async def test_a_question_is_answered_closed_and_asked_again(shopper: Shopper) -> None:  # R219-R223, C23
    customer, salesforce = shopper.customer, shopper.salesforce
    order_id = await shopper.order_vpn()
    words = {"title": "つながらない", "description": "昨日から", "orderId": order_id}
    opened: dict[str, Any] = await customer.post("/support/cases", words)
    case_id, path = opened["caseId"], f"/support/cases/{opened['caseId']}"
    assert (opened["orderId"], opened["stateText"]["ja"]) == (order_id, "受付済み")
    stored, order = await salesforce.read("Case", case_id), await salesforce.read("Order", order_id)
    assert (stored["Origin"], stored["OpportunityId__c"]) == ("Portal Website", order["OpportunityId"])

    for text, published in (("internal", False), ("再起動してください", True)):
        await salesforce.create("CaseComment", {"ParentId": case_id, "CommentBody": text, "IsPublished": published})
    await told(shopper, "回答")
    read: dict[str, Any] = await customer.get(path)
    assert [(one["text"], one["by"]) for one in read["comments"]] == [("再起動してください", "support")]

    await salesforce.change("Case", case_id, {"Status": "Closed"})
    await told(shopper, "回答", "完了")
    again: dict[str, Any] = await customer.post(f"{path}/reopen", {"text": "まだつながりません"})
    assert (again["closed"], [one["by"] for one in again["comments"]]) == (False, ["support", "customer"])
    await salesforce.change("Case", case_id, {"Status": "Closed"})
    await told(shopper, "回答", "完了", "完了")
    listed: dict[str, Any] = await customer.get("/support/cases?limit=1")
    assert [(one["caseId"], one["state"]) for one in listed["cases"]] == [(case_id, "closed")]


async def test_a_file_goes_to_salesforce_and_comes_back_to_its_owner_alone(
    shopper: Shopper, portal_stack: PortalStack
) -> None:  # C41
    async with httpx.AsyncClient(base_url=portal_stack.gateway_url, timeout=30) as http:
        signed_in = await http.post("/auth/login", json={"email": shopper.person.email, "password": PASSWORD})
        token = next(value for name, value in signed_in.cookies.items() if name.endswith("portal_session"))
        http.cookies.clear()
        http.headers["Authorization"] = f"Bearer {token}"
        opened = await http.post("/support/cases", json={"title": "写真", "description": "ルーター"})
        path = f"/support/cases/{opened.json()['caseId']}/files"
        for _ in range(2):  # a repeat
            sent = await http.post(path, params={"fileName": "写真.exe"}, content=JPEG)
            assert sent.status_code == 201, sent.text
        (file,) = sent.json()["files"]
        assert (file["name"], file["size"], file["by"]) == ("写真.jpg", len(JPEG), "customer")
        got = await http.get(f"{path}/{file['fileId']}")
        assert (got.content, got.headers["content-type"]) == (JPEG, "image/jpeg")
        assert got.headers["content-disposition"].startswith("attachment;")
        page = await http.post(path, params={"fileName": "router.jpg"}, content=b"<html>")
        assert (page.status_code, page.json()["code"]) == (422, "DOCUMENT_REFUSED")
        http.headers.pop("Authorization")
        assert (await http.get(f"{path}/{file['fileId']}")).status_code == 401
