import json
from urllib.parse import unquote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from portal_sandbox.http_server import HttpServer, bind
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID, STAFF_USER_ID
from portal_sandbox.salesforce.seed import account_id, entry_id, product_id
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.salesforce.signed_call import SignedCall
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings


@pytest.fixture
def press(http):
    async def press(path, **form):
        return await http.post(f"/staff/{path}", data=form, follow_redirects=True)

    return press


async def test_the_root_leads_to_the_orders_waiting_for_review(http, submit):
    order = await submit()
    page = await http.get("/", follow_redirects=True)
    assert page.status_code == 200
    assert f"/staff/orders/{order}" in page.text
    assert "承認" in page.text


async def test_approving_on_the_page_runs_the_flow(press, rest, submit, sandbox):
    order = await submit()
    page = await press(f"orders/{order}/approve")
    assert page.status_code == 200
    assert (await rest.read("Order", order))["Activation_Status__c"] == "Activating"
    (entry,) = sandbox.core.ledger.entries(kind="salesforce.event.published")
    assert entry.caller == "staff@sandbox.invalid"
    await press(f"orders/{order}/retry")


async def test_rejecting_keeps_the_reason_at_the_end_of_the_description(press, rest, submit):
    """R129, C36."""
    order = await submit()
    await rest.change("Order", order, Description="Customer asked for a morning visit")
    assert (await press(f"orders/{order}/reject")).status_code == 400
    await press(f"orders/{order}/reject", reason="住所を確認できません")
    row = await rest.read("Order", order)
    assert row["Status"] == "Cancelled"
    assert row["Description"].splitlines() == ["Customer asked for a morning visit", "Rejected: 住所を確認できません"]


async def test_an_activation_date_is_read_in_the_office_zone(press, rest, submit):
    order = await submit()
    await press(f"orders/{order}/schedule", at="2026-12-24T09:30")
    row = await rest.read("Order", order)
    assert (row["Activation_Type__c"], row["Activation_Scheduled_At__c"]) == (
        "Scheduled",
        "2026-12-24T00:30:00.000+0000",
    )
    assert (await press(f"orders/{order}/schedule", at="soon")).status_code == 400
    await press(f"orders/{order}/schedule", at="")
    assert (await rest.read("Order", order))["Activation_Type__c"] == "Immediate"


async def test_eligibility_and_identity_are_decided_on_the_account(press, rest):
    account = account_id("SNX-10009")
    await press(f"accounts/{account}/eligibility", type="Home 1G")
    await press(f"accounts/{account}/verify")
    row = await rest.read("Account", account)
    assert (row["Internet_Eligibility_Status__c"], row["Internet_Eligibility__c"]) == ("Checked", "Home 1G")
    assert row["Id_Verification_Status__c"] == "Verified"
    await press(f"accounts/{account}/refuse", message="写真が不鮮明です")
    row = await rest.read("Account", account)
    assert (row["Id_Verification_Status__c"], row["Id_Verification_Rejection_Message__c"]) == (
        "Rejected",
        "写真が不鮮明です",
    )
    assert "写真が不鮮明です" in (await rest.client.get(f"/staff/accounts/{account}")).text


async def test_cases_are_answered_and_closed(press, rest, http):
    case = await rest.create("Case", Subject="<b>Help</b>", AccountId=account_id("SNX-10001"))
    page = await press(f"cases/{case}/comment", text="We are looking into it", published="on")
    assert "We are looking into it" in page.text
    assert "<b>Help</b>" not in page.text
    await press(f"cases/{case}/close")
    assert (await rest.read("Case", case))["IsClosed"] is True
    assert (await http.get("/staff/cases")).status_code == 200


async def test_products_are_hidden_and_priced(press, rest, http):
    await press(f"products/{product_id('VPN-US')}/toggle")
    await press(f"products/{product_id('VPN-US')}/price", price="2600")
    assert (await rest.read("Product2", product_id("VPN-US")))["Portal_Visible__c"] is False
    assert (await rest.read("PricebookEntry", entry_id("VPN-US")))["UnitPrice"] == 2600.0
    assert "VPN-UNPRICED" in (await http.get("/staff/products")).text


async def test_staff_changes_have_no_origin(press, bus_events):
    await press(f"accounts/{account_id('SNX-10001')}/eligibility", type="Home 1G")
    (event,) = bus_events("Account")
    assert event["ChangeEventHeader"]["changeOrigin"] == ""


async def test_missing_pages_and_unknown_buttons_are_404(http, press):
    for path in ("orders/801000000000001AAA", "accounts/x", "cases/x"):
        assert (await http.get(f"/staff/{path}")).status_code == 404
    assert (await press("orders/x/explode")).status_code == 404
    assert (await press("orders/801000000000001AAA/approve")).status_code == 404


async def test_accounts_are_searched_by_number(http):
    page = await http.get("/staff/accounts", params={"search": "10003"})
    assert "Emily Carter" in page.text
    assert "SNX-10004" not in unquote(page.text)


async def test_an_arming_of_faults_leaves_the_pages_alone(http, sandbox):
    sandbox.core.faults.arm({"vendor": "salesforce", "call": "*", "kind": "status", "params": {"status": 503}})
    assert (await http.get("/services/data/")).status_code == 503
    assert (await http.get("/staff/")).status_code == 200


async def test_a_page_left_open_does_not_undo_a_decision(press, rest, submit):
    order = await submit()
    await press(f"orders/{order}/reject", reason="住所を確認できません")
    assert (await press(f"orders/{order}/approve")).status_code == 400
    assert (await press(f"orders/{order}/reject", reason="again")).status_code == 400
    assert (await rest.read("Order", order))["Status"] == "Cancelled"


async def test_an_empty_message_and_a_price_that_is_none_are_refused(press, rest):
    case = await rest.create("Case", Subject="Help", AccountId=account_id("SNX-10001"))
    assert (await press(f"cases/{case}/comment", text=" ")).status_code == 400
    assert (await press(f"accounts/{account_id('SNX-10009')}/refuse", message=" ")).status_code == 400
    before = (await rest.read("PricebookEntry", entry_id("VPN-US")))["UnitPrice"]
    for price in ("", "-1", "free"):
        assert (await press(f"products/{product_id('VPN-US')}/price", price=price)).status_code == 400
    assert (await rest.read("PricebookEntry", entry_id("VPN-US")))["UnitPrice"] == before


class Gateway:
    """A port that answers like the portal's gateway and keeps what it heard."""

    def __init__(self):
        self.answer = JSONResponse({"process": "started"}, 202)
        self.heard = []

    async def provision(self, request):
        self.heard.append((request.url.path, dict(request.headers), await request.body()))
        return self.answer


@pytest.fixture
async def gateway():
    built = Gateway()
    route = Route("/orders/{id}/provision", built.provision, methods=["POST"])
    bound = bind("127.0.0.1", 0)
    built.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    server = HttpServer(Starlette(routes=[route]), bound, None)
    await server.start()
    yield built
    await server.stop()


@pytest.fixture
async def staffed(tmp_path, gateway):
    """A running org that knows where the gateway is."""
    ports = dict.fromkeys(("control_port", "salesforce_port", "salesforce_tls_port", "pubsub_port"), 0)
    settings = Settings(data_dir=tmp_path, in_memory=True, portal_url=gateway.url, **ports)
    built = build_sandbox(settings, vendors=["salesforce"])
    async with (
        built.running() as addresses,
        httpx.AsyncClient(base_url=f"{addresses['salesforce']}/staff", follow_redirects=True) as client,
    ):
        yield built, client


async def an_order(built, **fields):
    org = org_of(built.core)
    values = {"AccountId": account_id("SNX-10001"), "Status": "Draft", "EffectiveDate": "2026-11-21"}

    def work(transaction):
        order = transaction.schema.objects["Order"]
        made = transaction.create(order, {**values, "Pricebook2Id": PORTAL_PRICEBOOK_ID, **fields})
        transaction.update(order, made["Id"], {"Status": "Approved"})
        return made["Id"]

    return await org.execute(org.caller(STAFF_USER_ID), work)


async def test_the_quick_action_calls_the_portal_signed_and_shows_its_answer(staffed, gateway):
    """R136, R138."""
    built, client = staffed
    order = await an_order(built, Trace_Id__c="trace-9")
    page = await client.post(f"/orders/{order}/provision")
    ((path, headers, body),) = gateway.heard
    assert path == f"/orders/{order}/provision"
    assert json.loads(body) == {"requestedBy": "staff@sandbox.invalid", "correlationId": "trace-9"}
    signed = SignedCall(
        "POST",
        path,
        "",
        int(headers["x-timestamp"]),
        headers["x-nonce"],
        headers["idempotency-key"],
        headers["x-key-id"],
        body,
    )
    assert headers["x-signature"] == signed.signature(built.core.settings.portal_key)
    assert "The portal took the order." in page.text
    assert "started" in page.text
    gateway.answer = JSONResponse({"code": "SIGNATURE_WRONG"}, 401)
    page = await client.post(f"/orders/{order}/provision")
    assert "SIGNATURE_WRONG" in page.text
    assert "署名が受け付けられませんでした" in page.text


async def test_activate_now_is_offered_for_a_scheduled_order_only(staffed, gateway):
    """R168."""
    built, client = staffed
    order = await an_order(built)
    assert "Activate Now" not in (await client.get(f"/orders/{order}")).text
    await client.post(f"/orders/{order}/schedule", data={"type": "Scheduled", "at": "2026-12-24T09:30"})
    assert "Activate Now" in (await client.get(f"/orders/{order}")).text
    await client.post(f"/orders/{order}/activate")
    assert len(gateway.heard) == 1


async def test_activation_type_and_date_are_edited_and_cleared_apart(press, rest, submit):
    """R164, R169."""
    order = await submit()

    async def saved(**form):
        await press(f"orders/{order}/schedule", **form)
        row = await rest.read("Order", order)
        return row["Activation_Type__c"], row["Activation_Scheduled_At__c"]

    assert await saved(type="Scheduled", at="2026-12-24T09:30") == ("Scheduled", "2026-12-24T00:30:00.000+0000")
    assert await saved(type="Scheduled", at="") == ("Scheduled", None)
    assert await saved(type="Immediate", at="2026-12-24T09:30") == ("Immediate", "2026-12-24T00:30:00.000+0000")
    assert await saved(type="", at="") == (None, None)


async def test_sim_and_porting_data_are_edited_by_staff(press, rest, submit):
    order = await submit()
    form = {"SIM_Card_Number__c": "AX0000000000001", "MNP_Expiry_Date__c": "2026-12-05", "MNP_One_Stop__c": "on"}
    page = await press(f"orders/{order}/sim", **form)
    assert "AX0000000000001" in page.text
    row = await rest.read("Order", order)
    assert (row["MNP_Expiry_Date__c"], row["MNP_One_Stop__c"], row["MNP_Application__c"]) == ("2026-12-05", True, False)
    await press(f"orders/{order}/sim")
    row = await rest.read("Order", order)
    assert (row["SIM_Card_Number__c"], row["MNP_One_Stop__c"]) == (None, False)
    assert (await press(f"orders/{order}/sim", SIM_Card_Number__c="AX00000000000012")).status_code == 400


async def test_without_an_address_the_call_says_so(press, submit):
    order = await submit()
    await press(f"orders/{order}/approve")
    page = await press(f"orders/{order}/provision")
    assert "SANDBOX_PORTAL_URL is not set" in page.text
