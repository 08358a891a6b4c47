"""What a customer does for the security of the account, over HTTP on the whole portal, and linking one of before."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from portal_identity.one_time_codes import STEP_SECONDS, code_at
from portal_identity.testing import SoftwarePasskey
from portal_local.demo.customer import Customer, eventually
from portal_local.demo.journey import PASSWORD
from portal_testing.stack import PortalStack

NEW = "another-long-and-fake-phrase"
EMAIL_LINK = re.compile(r"(https?://\S+/auth/email/confirm)\?token=([A-Za-z0-9_.-]+)")
KEPT_BY_OWNERS = (("salesforce", "orders"), ("salesforce", "cases"), ("whmcs", "invoices"))
PDF = b"%PDF-1.7 a fake document"


class Browser:
    """A browser of the customer's: cookies, CSRF token and origin, as the page sends them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def log_in(self, email: str, password: str = PASSWORD, **more: str) -> httpx.Response:
        self.http.cookies.clear()
        return await self.send("POST", "/auth/login", {"email": email, "password": password, **more})

    async def send(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        csrf = next((value for name, value in self.http.cookies.items() if name.endswith("portal_csrf")), "")
        headers = {"Origin": str(self.http.base_url).rstrip("/"), "X-CSRF-Token": csrf}
        return await self.http.request(method, path, json=body, headers=headers, **more)

    async def signed_in(self) -> bool:
        return (await self.http.get("/me")).status_code == 200

    async def is_signed_out(self) -> None:
        """Wait until the session is over, within the 5 s of architecture §9."""

        async def over() -> bool:
            return not await self.signed_in()

        await eventually(over, "the session to end", patience=5.0)


@pytest.fixture
async def browsers(portal_stack: PortalStack) -> AsyncIterator[list[Browser]]:
    clients = [httpx.AsyncClient(base_url=portal_stack.gateway_url, timeout=30) for _ in range(2)]
    yield [Browser(client) for client in clients]
    for client in clients:
        await client.aclose()


@pytest.fixture
async def mine(browsers, shopper) -> Browser:
    assert (await browsers[0].log_in(shopper.person.email)).status_code == 200
    return browsers[0]


async def mail_saying(customer: Customer, address: str, pattern: re.Pattern[str]) -> re.Match[str]:
    async def look() -> re.Match[str] | None:
        found = [pattern.search(str(mail["text"])) for mail in await customer.mails(address)]
        return next((match for match in found if match), None)

    return await eventually(look, f"a mail with {pattern.pattern}")


async def test_sessions_are_seen_ended_and_proven_anew(mine, browsers, shopper) -> None:  # architecture §9
    other = browsers[1]
    await other.log_in(shopper.person.email)
    listed = (await mine.http.get("/me/sessions")).json()["sessions"]
    theirs = next(one for one in (await other.http.get("/me/sessions")).json()["sessions"] if one["current"])
    assert {theirs["sessionId"], next(one["sessionId"] for one in listed if one["current"])} <= {
        one["sessionId"] for one in listed
    }
    assert (await mine.send("DELETE", f"/me/sessions/{theirs['sessionId']}")).status_code == 204
    await other.is_signed_out()
    before = dict(mine.http.cookies)
    assert (await mine.send("POST", "/auth/step-up", {"password": PASSWORD})).status_code == 200
    assert await mine.signed_in()
    old = httpx.AsyncClient(base_url=mine.http.base_url, cookies=before)
    async with old:
        assert (await old.get("/me")).status_code == 401
    await other.log_in(shopper.person.email)
    assert (await mine.send("POST", "/auth/logout-everywhere")).status_code == 204
    await other.is_signed_out()
    await mine.log_in(shopper.person.email)
    events = [event["event"] for event in (await mine.http.get("/me/security-events")).json()["events"]]
    assert {"logged_out_everywhere", "stepped_up", "session_revoked", "registered"} <= set(events)


async def test_a_second_factor_guards_the_log_in(mine, browsers, shopper) -> None:
    import time  # noqa: PLC0415 - codes are of the machine's time

    seed = (await mine.send("POST", "/me/authenticator/begin")).json()["secret"]
    first = code_at(seed, int(time.time()) // STEP_SECONDS)
    answer = await mine.send("POST", "/me/authenticator", {"code": first})
    assert answer.status_code == 200, answer.text
    codes = answer.json()["codes"]
    other = browsers[1]
    refused = await other.log_in(shopper.person.email)
    assert (refused.status_code, refused.json()["code"]) == (401, "SECOND_FACTOR_REQUIRED")
    assert (await other.log_in(shopper.person.email, code=first)).status_code == 422, "a code works once"
    assert (await other.log_in(shopper.person.email, code=codes[0])).status_code == 200
    assert (await mine.http.get("/me/second-factors")).json()["recoveryCodesLeft"] == 9


async def test_a_passkey_logs_in(mine, browsers, portal_stack) -> None:
    passkey = SoftwarePasskey(origin=portal_stack.public_url)
    begun = await mine.send("POST", "/me/passkeys/begin")
    assert begun.status_code == 200, begun.text
    challenge = begun.json()
    answer = {"challengeId": challenge["challengeId"], "credential": passkey.create(challenge["options"])}
    added = await mine.send("POST", "/me/passkeys", {"answer": answer, "name": "電話"})
    assert added.status_code == 201, added.text
    other = browsers[1]
    challenge = (await other.send("POST", "/auth/passkey/begin")).json()
    answer = {"challengeId": challenge["challengeId"], "credential": passkey.get(challenge["options"])}
    assert (await other.send("POST", "/auth/passkey", {"answer": answer})).status_code == 200
    assert await other.signed_in()


async def test_an_api_token_reads_what_it_may_and_ends_within_seconds(mine, portal_http) -> None:
    wanted = {"name": "Bookkeeping", "scopes": ["billing:read"], "days": 30}
    made = (await mine.send("POST", "/me/api-tokens", wanted)).json()
    bearer = {"Authorization": f"Bearer {made['secret']}"}
    assert (await portal_http.get("/billing/invoices", headers=bearer)).status_code == 200
    refused = await portal_http.get("/orders", headers=bearer)
    assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_MISSING")
    assert (await portal_http.post("/auth/logout-everywhere", headers=bearer)).status_code == 403
    assert (await mine.send("DELETE", f"/me/api-tokens/{made['tokenId']}")).status_code == 204

    async def over() -> bool:
        return (await portal_http.get("/billing/invoices", headers=bearer)).status_code == 401

    await eventually(over, "the token to end", patience=5.0)


async def test_a_document_reaches_salesforce_and_its_customer_hears_what_staff_say(mine, shopper) -> None:  # C41, R197
    path = "/me/verification/internet/documents"
    for _ in range(2):
        answer = await mine.send("POST", path, content=PDF)
        assert (answer.status_code, answer.json()["status"]) == (202, "pending"), answer.text
    me = (await mine.http.get("/me")).json()
    linked = f"SELECT ContentDocumentId FROM ContentDocumentLink WHERE LinkedEntityId = '{me['accountId']}'"
    assert len(await shopper.salesforce.query(linked)) == 1
    await shopper.salesforce.change(
        "Account",
        me["accountId"],
        {
            "Id_Verification_Status__c": "Rejected",
            "Id_Verification_Rejection_Message__c": "写真が不鮮明です",
            "Id_Verification_Note__c": "canary-of-the-agents-note",
        },
    )
    seen = await mine.http.get("/me/verification")
    assert (seen.json()["status"], seen.json()["rejection"]) == ("rejected", "写真が不鮮明です")
    assert "canary" not in seen.text


async def test_salesforce_and_whmcs_follow_profile_and_mailbox(mine, shopper) -> None:  # R007, architecture §6
    me = (await mine.http.get("/me")).json()
    address = {"postcode": "150-0043", "prefecture": "東京都", "city": "渋谷区", "street": "道玄坂4-5-6"}
    await mine.send("POST", "/auth/step-up", {"password": PASSWORD})
    for path, body in (
        ("/billing/profile", {"phone": "03-9999-0000"}),
        ("/billing/profile/address", {"address": address}),
    ):
        answer = await mine.send("PUT", path, body)
        assert answer.status_code == 200, answer.text
    fresh = f"moved.{shopper.person.email}"
    answer = await mine.send("POST", "/me/email", {"email": fresh, "confirmEmail": fresh})
    assert answer.status_code == 202, answer.text
    _, token = (await mail_saying(shopper.customer, fresh, EMAIL_LINK)).groups()
    assert (await mine.send("POST", "/auth/email/confirm", {"token": token})).status_code == 204

    async def alike() -> bool:
        account = await shopper.salesforce.read("Account", me["accountId"])
        query = f"SELECT Email, Phone FROM Contact WHERE AccountId = '{me['accountId']}' AND Email = '{fresh}'"
        contacts = await shopper.salesforce.query(query)
        client = (await shopper.journey.systems.whmcs.call("GetClientsDetails", clientid=me["whmcsClientId"]))["client"]
        kept = [account[name] for name in ("Phone", "BillingPostalCode", "BillingStreet")]
        phones = [contact["Phone"] for contact in contacts]
        return (kept, phones, client["email"]) == (["03-9999-0000", "150-0043", "道玄坂4-5-6"], ["03-9999-0000"], fresh)

    await eventually(alike, "Salesforce and WHMCS to have what the portal has", patience=20.0)


async def test_everything_about_a_customer_is_in_one_file(mine, shopper) -> None:  # D17
    found = (await mine.http.get("/me/export")).json()["systems"]
    assert set(found) == {"portal", "salesforce", "whmcs"}
    assert found["portal"]["user"]["email"] == shopper.person.email
    assert found["salesforce"]["contacts"]
    assert all(isinstance(found[system][name], list) for system, name in KEPT_BY_OWNERS)
    asked = await mine.send("POST", "/me/deletion")
    assert asked.json()["state"] == "requested", asked.text
    assert (await mine.send("DELETE", "/me/deletion")).status_code == 204


async def test_an_account_of_before_the_portal_is_linked(portal_http, shoppers) -> None:  # R036–R045
    stranger = await shoppers.unknown()
    person, whmcs = stranger.person, stranger.journey.systems.whmcs
    legacy_password = "canary-of-a-whmcs-password"
    made = await whmcs.call(
        "AddClient",
        firstname="花子",
        lastname="山田",
        email=person.email,
        address1="神宮前1-2-3",
        city="渋谷区",
        state="東京都",
        postcode="150-0001",
        country="JP",
        phonenumber="03-1234-5678",
        password2=legacy_password,
        customfields=customer_number_field(person.customer_number),
        noemail=True,
    )
    form = {"email": person.email, "password": NEW, "confirmPassword": NEW}
    wrong = await portal_http.post("/auth/link", json={**form, "whmcsPassword": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "CREDENTIALS_WRONG")
    linked = await portal_http.post("/auth/link", json={**form, "whmcsPassword": legacy_password})
    assert linked.status_code in {200, 202}, linked.text

    async def done() -> bool:
        answer = await portal_http.post("/auth/link/confirm", json={"token": linked.json()["token"]})
        return answer.status_code == 200

    await eventually(done, "the account to be linked")
    signed_in = await portal_http.post("/auth/login", json={"email": person.email, "password": NEW})
    assert signed_in.status_code == 200
    me = (await portal_http.get("/me")).json()
    assert (me["customerNumber"], str(me["whmcsClientId"])) == (person.customer_number, str(made["clientid"]))
    query = f"SELECT Portal_Registration_Source__c FROM Account WHERE Id = '{me['accountId']}'"

    async def legacy() -> bool:
        (account,) = await stranger.salesforce.query(query)
        return account["Portal_Registration_Source__c"] == "Legacy"

    await eventually(legacy, "Salesforce to say Legacy")
    old = await portal_http.post("/auth/login", json={"email": person.email, "password": legacy_password})
    assert old.status_code == 401


def customer_number_field(number: str) -> str:
    """Give WHMCS's serialised custom fields with the Customer Number, which is field 198 of the sandbox's clients."""
    import base64  # noqa: PLC0415 - for this alone

    return base64.b64encode(f'a:1:{{i:198;s:{len(number.encode())}:"{number}";}}'.encode()).decode()
