"""What a customer does on WHMCS's own pages: single sign-on, add a card, pay."""

import re


async def sign_on(whmcs, client, path):
    made = await whmcs.call(
        "CreateSsoToken", client_id=client, destination="sso:custom_redirect", sso_redirect_path=path
    )
    return await whmcs.http.get(made["redirect_url"])


async def add_card(whmcs, number, expiry="12/40", cvv="123"):
    form = {"cardnumber": number, "expiry": expiry, "cvv": cvv, "description": ""}
    return await whmcs.http.post("/index.php?rp=/account/paymentmethods/add", data=form)


async def test_sign_on_add_a_card_and_pay_the_invoice(whmcs):
    page = await sign_on(whmcs, 5013, "index.php?rp=/account/paymentmethods/add")
    assert 'name="cardnumber"' in page.text
    listed = await add_card(whmcs, "4242 4242 4242 4242")
    assert "4242" in listed.text
    assert (await whmcs.call("GetPayMethods", clientid=5013))["paymethods"][0]["card_last_four"] == "4242"
    invoice = (await whmcs.call("GetInvoices", userid=5013, status="Unpaid"))["invoices"]["invoice"][0]["id"]
    before = await sign_on(whmcs, 5013, f"viewinvoice.php?id={invoice}")
    action = re.search(r'action="(/viewinvoice[^"]+)"', before.text).group(1)
    after = await whmcs.http.post(action)
    assert "Thank you" in after.text
    assert (await whmcs.call("GetInvoice", invoiceid=invoice))["status"] == "Paid"
    await whmcs.http.post(action)
    assert whmcs.kinds(str(invoice)).count("whmcs.payment.taken") == 1


async def test_the_number_of_a_card_is_stored_nowhere(whmcs, tmp_path):
    await sign_on(whmcs, 5013, "clientarea.php")
    await add_card(whmcs, "5555555555554444")
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("sandbox.sqlite3*"))
    assert b"5555555555554444" not in kept
    assert b"4444" in kept


async def test_a_declining_card_is_stored_and_fails_at_payment(whmcs):
    await sign_on(whmcs, 5013, "clientarea.php")
    assert (await add_card(whmcs, "4000000000000002")).status_code == 200
    invoice = (await whmcs.call("GetInvoices", userid=5013, status="Unpaid"))["invoices"]["invoice"][0]["id"]
    assert "The payment failed" in (await whmcs.http.post(f"/viewinvoice.php?id={invoice}")).text


async def test_a_wrong_card_is_refused_with_a_reason(whmcs):
    await sign_on(whmcs, 5013, "clientarea.php")
    for number, expiry, cvv in (
        ("4242424242424241", "12/40", "123"),
        ("4242424242424242", "13/40", "123"),
        ("4242424242424242", "01/20", "123"),
        ("4242424242424242", "12/40", ""),
    ):
        answer = await add_card(whmcs, number, expiry, cvv)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert (await whmcs.call("GetPayMethods", clientid=5013))["paymethods"] == []


async def test_a_card_can_be_deleted(whmcs):
    await sign_on(whmcs, 5011, "clientarea.php")
    method = (await whmcs.call("GetPayMethods", clientid=5011))["paymethods"][0]["id"]
    await whmcs.http.post(f"/index.php?rp=/account/paymentmethods/delete/{method}")
    assert (await whmcs.call("GetPayMethods", clientid=5011))["paymethods"] == []


async def test_somebody_elses_invoice_and_service_are_not_found(whmcs):
    await sign_on(whmcs, 5013, "clientarea.php")
    foreign = (await whmcs.call("GetInvoices", userid=5011))["invoices"]["invoice"][0]["id"]
    service = (await whmcs.call("GetClientsProducts", clientid=5011))["products"]["product"][0]["id"]
    assert (await whmcs.http.get(f"/viewinvoice.php?id={foreign}")).status_code == 404
    assert (await whmcs.http.get(f"/clientarea.php?action=productdetails&id={service}")).status_code == 404


async def test_every_page_opens_for_its_client(whmcs):
    await sign_on(whmcs, 5011, "clientarea.php")
    service = (await whmcs.call("GetClientsProducts", clientid=5011))["products"]["product"][0]["id"]
    for action in ("", "services", f"productdetails&id={service}", "invoices", "details", "creditcard"):
        assert (await whmcs.http.get(f"/clientarea.php?action={action}")).status_code == 200
    assert (await whmcs.http.get("/clientarea.php?action=domains")).status_code == 404


async def test_without_a_session_there_is_only_the_sign_in_form(whmcs):
    page = await whmcs.http.get("/viewinvoice.php?id=90003")
    assert page.url.path == "/login"
    wrong = await whmcs.http.post("/login", data={"email": "yuko.nakamura@example.jp", "password": "no"})
    assert 'role="alert"' in wrong.text
    form = {"email": "yuko.nakamura@example.jp", "password": "Sandbox-Passw0rd!"}
    back = await whmcs.http.post(f"/login?goto={page.url.params['goto']}", data=form)
    assert (back.url.path, back.status_code) == ("/viewinvoice.php", 200)
    await whmcs.http.get("/logout.php")
    assert (await whmcs.http.get("/clientarea.php")).url.path == "/login"
