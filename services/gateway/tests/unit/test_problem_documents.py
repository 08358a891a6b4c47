"""Every error is problem+json, worded by the catalogue, naming fields, in the reader's language."""

import asyncio

import pytest

from portal_contracts import billing, catalog, identity, orders
from portal_contracts.problems import FieldError, Misconfigured, Refused, TryLater
from portal_gateway.problem_json import preferred_language

JSON = {"content-type": "application/json"}
FORM = {
    "email": "hanako@example.jp",
    "confirmEmail": "hanako@example.jp",
    "password": "a-long-and-fake-passphrase",
    "confirmPassword": "a-long-and-fake-passphrase",
    "customerNumber": "SNX-10001",
    "name": {"familyName": "山田", "givenName": "花子"},
    "address": {"postcode": "1500001", "prefecture": "東京都", "city": "渋谷区", "street": "神宮前1-2-3"},
}


def places(answer):
    return {fault["field"]: fault["code"] for fault in answer.json()["errors"]}


async def test_a_problem_says_what_it_is_to_programs_and_people(visitor):
    answer = await visitor.get("/me", headers={"Accept-Language": "ja-JP,ja;q=0.9,en;q=0.8"})
    problem = answer.json()
    assert answer.status_code == problem["status"] == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == "ja"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (problem["type"], problem["code"]) == ("/problems/SESSION_REQUIRED", "SESSION_REQUIRED")
    assert problem["detail"] == "ログインしてください。"
    assert problem["instance"] == "/me"
    assert problem["traceId"] == answer.headers["x-trace-id"]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        (b"", "en"),
        (b"*", "en"),
        (b"fr-FR", "en"),
        (b"ja", "ja"),
        (b"JA-jp", "ja"),
        (b"en, ja", "en"),
        (b"ja, en", "ja"),
        (b"en;q=0.5, ja;q=0.9", "ja"),
        (b"ja;q=0, en", "en"),
        (b"ja;q=x", "en"),
        (b"ja;q=0.1", "ja"),
        (b"\xff\xfe;;;=,,ja", "ja"),
    ],
)
def test_the_preferred_language_wins_and_english_is_the_default(header, language):
    assert preferred_language(header) == language


async def test_an_unknown_address_is_a_problem_too(visitor):
    for path in ("/nowhere", "/catalog/", "/orders/a/b/c", "/problems/NO_SUCH_CODE"):
        answer = await visitor.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_wrong_method_is_told_the_right_ones(visitor):
    for method, path, allowed in (
        ("DELETE", "/catalog", "GET, HEAD"),
        ("PUT", "/support/cases", "GET, POST, HEAD"),
        ("GET", "/auth/login", "POST"),
        ("PATCH", "/auth/signup/confirm", "GET, HEAD, POST"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ):
        answer = await visitor.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == allowed


async def test_a_missing_customer_number_is_named(portal, visitor):  # R019
    missing = FieldError(field="customerNumber", code="FIELD_MISSING")
    portal.bus.reply(identity.RequestSignup, Refused("BAD_REQUEST", fields=[missing]))
    answer = await visitor.post("/auth/signup", json={key: FORM[key] for key in FORM if key != "customerNumber"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "field": "customerNumber",
            "pointer": "#/customerNumber",
            "code": "FIELD_MISSING",
            "detail": "Please fill this in.",
        }
    ]
    (asked,) = portal.asked(identity.RequestSignup)
    assert asked.form.customer_number is None, "whether it is needed is identity's to say (C08)"


async def test_both_names_of_the_customer_number_are_taken_but_not_two_values(portal, visitor):  # C11
    by_alias = {**FORM, "sfNumber": "SNX-10001"}
    del by_alias["customerNumber"]
    assert (await visitor.post("/auth/signup", json=by_alias)).status_code == 202
    assert portal.asked(identity.RequestSignup)[0].form.customer_number == "SNX-10001"
    answer = await visitor.post("/auth/signup", json={**FORM, "sfNumber": "SNX-10002"})
    assert (answer.status_code, answer.json()["code"]) == (400, "CUSTOMER_NUMBER_CONFLICT")
    assert list(places(answer)) == ["customerNumber"]


async def test_every_faulty_field_is_named_with_its_own_code(visitor):
    answer = await visitor.post(
        "/auth/signup",
        json={
            **FORM,
            "confirmEmail": "taro@example.jp",
            "confirmPassword": "another",
            "name": {"familyName": "", "givenName": "花" * 81},
            "address": {**FORM["address"], "postcode": "12"},
        },
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "BAD_REQUEST"
    assert places(answer) == {
        "confirmEmail": "EMAILS_DIFFER",
        "confirmPassword": "PASSWORDS_DIFFER",
        "name.familyName": "FIELD_TOO_SHORT",
        "name.givenName": "FIELD_TOO_LONG",
        "address.postcode": "FIELD_INVALID",
    }
    texts = {fault["field"]: fault["detail"] for fault in answer.json()["errors"]}
    assert texts["name.givenName"] == "At most 80 characters, please."
    assert "^" not in texts["address.postcode"]


async def test_a_place_in_a_list_is_named_as_the_services_name_it(portal, browser):
    answer = await browser.post("/orders", json={"lines": [{"reference": "a", "sku": "VPN-US", "quantity": 0}]})
    assert answer.json()["errors"][0]["field"] == "lines[0].quantity"
    assert answer.json()["errors"][0]["pointer"] == "#/lines/0/quantity"
    fault = FieldError(field="lines[1].eid", code="EID_MISSING", facts={"sku": "SIM-VOICE-ESIM-20G"})
    portal.bus.reply(orders.CheckOut, Refused("CART_INVALID", fields=[fault]))
    answer = await browser.post("/orders", json={"lines": [{"reference": "a", "sku": "VPN-US"}]})
    assert (answer.status_code, answer.json()["code"]) == (422, "CART_INVALID")
    assert answer.json()["errors"][0]["pointer"] == "#/lines/1/eid"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"1",
        b"{'a': 1}",
        b'{"email": NaN}',
        b'{"email":"\xff"}',
        b"\xef\xbb\xbf{}",
        b"\x00",
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"email":"\\ud800"}',
    ],
    ids=lambda body: repr(body[:16]),
)
async def test_what_is_not_the_expected_json_is_refused_by_name(visitor, body):
    answer = await visitor.post("/auth/login", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert set(places(answer)) <= {"body", "email", "password"}
    assert places(answer)


async def test_another_content_type_is_refused(visitor):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = await visitor.post("/auth/login", content=b"{}", headers={"content-type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_large_body_is_refused_whether_announced_or_not(visitor):
    async def endless():
        for _ in range(70):
            yield b" " * 1024

    for content in (b" " * 65_537, endless()):
        answer = await visitor.post("/auth/login", content=content, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert answer.headers["connection"] == "close"
    for length in ("70000", "-1", "x", "9" * 5000):
        answer = await visitor.post("/auth/login", content=b"{}", headers={**JSON, "content-length": length})
        assert answer.status_code == 413, length


async def test_a_fault_of_ours_says_nothing_about_itself(portal, visitor):
    portal.bus.reply(catalog.ListCatalog, Misconfigured("SALESFORCE_MISCONFIGURED", facts={"message": "secret detail"}))
    answer = await visitor.get("/catalog")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Salesforce refuses" not in answer.text

    def explode(_):
        raise ValueError("an inner secret")

    portal.bus.reply(catalog.ListCatalog, explode)
    answer = await visitor.get("/catalog")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert "inner" not in answer.text


async def test_facts_of_a_problem_fill_its_text_and_go_no_further(portal, browser):
    portal.bus.reply(billing.ReadInvoice, TryLater("SERVICE_UNAVAILABLE", facts={"subject": "billing.invoice.read.v1"}))
    answer = await browser.get("/billing/invoices/1")
    assert answer.status_code == 503
    assert "billing.invoice.read" not in answer.text


async def test_too_many_requests_at_once_are_told_so_at_once(new_portal):
    portal = new_portal(requests_at_once=4)
    gate = asyncio.Event()

    async def slow(_):
        await gate.wait()
        return Refused("NOT_FOUND")

    portal.bus.reply(catalog.ReadProduct, slow)
    async with portal.visitor() as client:
        running = [asyncio.create_task(client.get(f"/catalog/SKU-{number}")) for number in range(2)]
        while len(portal.asked(catalog.ReadProduct)) < 2:
            await asyncio.sleep(0)
        refused = await client.get("/catalog/SKU-3")
        assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
        assert refused.headers["retry-after"] == "2"
        async with portal.browser() as hanako:
            assert (await hanako.get("/orders")).status_code == 200, "half of the places are for who is signed in"
        gate.set()
        assert [(await one).status_code for one in running] == [404, 404]
        assert (await client.get("/catalog")).status_code == 200


async def test_more_signed_in_requests_than_places_are_told_so_at_once(new_portal):
    portal = new_portal(requests_at_once=2)
    gate = asyncio.Event()

    async def slow(_):
        await gate.wait()
        return Refused("NOT_FOUND")

    portal.bus.reply(billing.ReadInvoice, slow)
    async with portal.browser() as hanako:
        running = [asyncio.create_task(hanako.get(f"/billing/invoices/{number}")) for number in (1, 2)]
        while len(portal.asked(billing.ReadInvoice)) < 2:
            await asyncio.sleep(0)
        assert (await hanako.get("/billing/invoices/3")).json()["code"] == "OVERLOADED"
        gate.set()
        assert [(await one).status_code for one in running] == [404, 404]


async def test_a_session_may_change_only_so_much_at_once(new_portal):
    portal = new_portal(session_writes_at_once=1)
    gate = asyncio.Event()

    async def slow(_):
        await gate.wait()
        return Refused("CART_EMPTY")

    portal.bus.reply(orders.CheckOut, slow)
    async with portal.browser() as hanako, portal.browser("taro") as taro:
        first = asyncio.create_task(hanako.post("/orders", json={"lines": []}))
        while not portal.asked(orders.CheckOut):
            await asyncio.sleep(0)
        second = await hanako.post("/orders", json={"lines": []})
        assert (second.status_code, second.json()["code"]) == (503, "OVERLOADED")
        assert (await hanako.get("/orders")).status_code == 200
        others = asyncio.create_task(taro.post("/orders", json={"lines": []}))
        gate.set()
        assert (await first).status_code == (await others).status_code == 422


async def test_log_ins_are_few_at_once_and_more_are_sent_away_before_they_are_read(new_portal):
    portal = new_portal(strangers_writes_at_once=1)
    gate, form = asyncio.Event(), {"email": "hanako@example.jp", "password": "a-long-and-fake-phrase"}

    async def slow(_):
        await gate.wait()
        return Refused("CREDENTIALS_WRONG")

    portal.bus.reply(identity.LogIn, slow)
    async with portal.visitor() as client, portal.browser() as hanako:
        first = asyncio.create_task(client.post("/auth/login", json=form))
        while not portal.asked(identity.LogIn):
            await asyncio.sleep(0)
        surplus = await client.post("/auth/login", content=b"no form at all", headers={"Accept-Language": "ja"})
        assert (surplus.status_code, surplus.json()["code"]) == (503, "OVERLOADED")
        assert int(surplus.headers["retry-after"]) > 0
        assert surplus.headers["content-language"] == "ja"
        assert (await hanako.get("/orders")).status_code == 200
        gate.set()
        assert (await first).status_code == 401
        assert (await client.post("/auth/login", json=form)).status_code == 401


async def test_who_sends_a_log_in_slowly_keeps_nobody_out(new_portal):
    portal = new_portal(strangers_writes_at_once=1)
    portal.bus.reply(identity.LogIn, Refused("CREDENTIALS_WRONG"))
    started = asyncio.Event()

    async def stalling():
        yield b'{"email":'
        started.set()
        await asyncio.sleep(5)

    async with portal.visitor() as client:
        slow = asyncio.create_task(client.post("/auth/login", content=stalling(), headers=JSON))
        await started.wait()
        form = {"email": "hanako@example.jp", "password": "a-long-and-fake-phrase"}
        assert (await client.post("/auth/login", json=form)).status_code == 401
        slow.cancel()


async def test_a_body_that_never_ends_is_given_up_with_the_request(new_portal):
    portal = new_portal(request_seconds=0.05)

    async def stalling():
        yield b'{"email":'
        await asyncio.sleep(5)
        yield b'"x"}'

    async with portal.visitor() as client:
        answer = await client.post("/auth/login", content=stalling(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
