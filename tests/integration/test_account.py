"""What a customer does with the account itself: passwords, comments, the billing address. Over HTTP, to the vendors."""

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from portal_local.demo.customer import Customer, Problem, eventually
from portal_local.demo.journey import PASSWORD
from portal_testing.stack import PortalStack

NEW = "another-long-and-fake-phrase"
RESET_LINK = re.compile(r"(https?://\S+/auth/password/reset)\?token=([A-Za-z0-9_.-]+)")
ADDRESS = {"postcode": "530-0001", "prefecture": "大阪府", "city": "大阪市北区", "street": "梅田1-2-3", "building": ""}


class Program:
    """A program of the customer's: each log-in is a session of its own, sent as a bearer token."""

    def __init__(self, http: httpx.AsyncClient, email: str) -> None:
        self.http = http
        self.email = email

    async def log_in(self, password: str) -> dict[str, str]:
        """Give the headers of a new session."""
        answer = await self.http.post("/auth/login", json={"email": self.email, "password": password})
        assert answer.status_code == 200, answer.text
        token = next(value for name, value in answer.cookies.items() if name.endswith("portal_session"))
        self.http.cookies.clear()
        return {"Authorization": f"Bearer {token}"}

    async def signed_in(self, session: dict[str, str]) -> bool:
        return (await self.http.get("/me", headers=session)).status_code == 200

    async def ends(self, session: dict[str, str]) -> None:
        """Wait until a session is over everywhere, within the 5 s of architecture §9."""

        async def over() -> bool:
            return not await self.signed_in(session)

        await eventually(over, "the session to end", patience=5.0)


@pytest.fixture
async def program(portal_stack: PortalStack, shopper) -> AsyncIterator[Program]:
    async with httpx.AsyncClient(base_url=portal_stack.gateway_url, timeout=30) as http:
        yield Program(http, shopper.person.email)


async def mail_saying(customer: Customer, address: str, pattern: re.Pattern[str]) -> re.Match[str]:
    async def look() -> re.Match[str] | None:
        found = [pattern.search(str(mail["text"])) for mail in await customer.mails(address)]
        return next((match for match in found if match), None)

    return await eventually(look, f"a mail with {pattern.pattern}")


async def test_a_forgotten_password_is_set_anew_through_the_mailed_link(program, shopper) -> None:  # R046, R047, R262
    before = await program.log_in(PASSWORD)
    known, unknown = [
        await program.http.post("/auth/password/request-reset", json={"email": email})
        for email in (program.email, f"nobody-{program.email}")
    ]
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    link = await mail_saying(shopper.customer, program.email, RESET_LINK)
    page = await program.http.get(link.group(1), params={"token": link.group(2)})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert await program.signed_in(before), "opening the link changes nothing"
    wanted = {"token": link.group(2), "password": NEW, "confirmPassword": NEW}
    assert (await program.http.post("/auth/password/reset", json=wanted)).status_code == 204
    await program.ends(before)
    again = await program.http.post("/auth/password/reset", json=wanted)
    assert (again.status_code, again.json()["code"]) == (404, "PASSWORD_LINK_INVALID")
    old = await program.http.post("/auth/login", json={"email": program.email, "password": PASSWORD})
    assert (old.status_code, old.json()["code"]) == (401, "CREDENTIALS_WRONG")
    assert await program.signed_in(await program.log_in(NEW))
    await mail_saying(shopper.customer, program.email, re.compile("パスワードが変更されました"))
    assert await shopper.customer.mails(f"nobody-{program.email}") == []


async def test_a_changed_password_ends_the_other_sessions(program, shopper) -> None:
    mine, other = await program.log_in(PASSWORD), await program.log_in(PASSWORD)
    wanted = {"currentPassword": PASSWORD, "password": NEW, "confirmPassword": NEW}
    assert (await program.http.post("/auth/password", json=wanted, headers=mine)).status_code == 204
    await program.ends(other)
    assert await program.signed_in(mine)
    wrong = await program.http.post("/auth/password", json=wanted, headers=mine)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "CURRENT_PASSWORD_WRONG")


async def test_a_comment_reaches_salesforce_once(program, shopper) -> None:
    session = await program.log_in(PASSWORD)
    opened = await program.http.post("/support/cases", json={"title": "遅い", "description": "夜"}, headers=session)
    path = f"/support/cases/{opened.json()['caseId']}"
    for _ in range(2):
        answer = await program.http.post(f"{path}/comments", json={"text": "まだ遅いです"}, headers=session)
        assert answer.status_code == 201, answer.text
    read = (await program.http.get(path, headers=session)).json()
    assert [comment["text"] for comment in read["comments"]] == ["まだ遅いです"]
    statement = f"SELECT CommentBody, IsPublished FROM CaseComment WHERE ParentId = '{read['caseId']}'"
    (stored,) = await shopper.salesforce.query(statement)
    assert (stored["CommentBody"], stored["IsPublished"]) == ("まだ遅いです", True)


async def test_a_changed_address_is_the_one_whmcs_bills(program, shopper) -> None:  # R007, R057
    session = await program.log_in(PASSWORD)
    answer = await program.http.put("/billing/profile/address", json={"address": ADDRESS}, headers=session)
    assert (answer.status_code, answer.json()["address"]) == (200, {**ADDRESS, "country": "JP"})
    assert (await program.http.get("/billing/profile", headers=session)).json() == answer.json()
    me = (await program.http.get("/me", headers=session)).json()
    details = await shopper.journey.systems.whmcs.call("GetClientsDetails", clientid=me["whmcsClientId"])
    kept = [details["client"][name] for name in ("postcode", "state", "city", "address1")]
    assert kept == ["530-0001", "大阪府", "大阪市北区", "梅田1-2-3"]


async def test_a_cart_filled_before_signing_up_waits_for_its_customer(shoppers) -> None:  # R018, R029
    shopper, cart_id = await shoppers.unknown(), f"cart-{uuid4().hex}"
    wanted = [("sim", "SIM-VOICE-ESIM-20G"), ("vpn", "VPN-US")]
    lines = [{"reference": reference, "sku": sku} for reference, sku in wanted]
    await shopper.customer.put(f"/carts/{cart_id}", {"lines": lines})
    await shopper.journey.sign_up(shopper.person, cartId=cart_id)
    kept = await shopper.customer.get("/cart")
    assert [(line["reference"], line["sku"]) for line in kept["lines"]] == [
        ("sim", "SIM-VOICE-ESIM-20G"),
        ("vpn", "VPN-US"),
    ]
    number = shopper.person.customer_number
    found = "SELECT Portal_Registration_Source__c FROM Account WHERE SF_Account_No__c"
    (account,) = await shopper.salesforce.query(f"{found} = '{number}'")
    assert account["Portal_Registration_Source__c"] == "Portal Checkout"
    with pytest.raises(Problem) as told:  # the id is used up: nobody who knew it writes into the customer's cart
        await shopper.customer.put(f"/carts/{cart_id}", {"lines": []})
    assert told.value.code == "NOT_FOUND"
