"""Credentials, permissions, and the ways healthy answers differ (reference/whmcs.md 1.4, 2)."""

import httpx
import pytest

GOOD = {"identifier": "sandbox-identifier", "secret": "sandbox-secret"}


async def post(whmcs, **fields):
    return await whmcs.http.post("/includes/api.php", data={"responsetype": "json", "action": "WhmcsDetails", **fields})


@pytest.mark.parametrize(
    ("credentials", "message"),
    [
        ({}, "Authentication Failed"),
        ({"identifier": "sandbox-identifier"}, "Authentication Failed"),
        ({"identifier": "sandbox-identifier", "secret": "wrong"}, "Authentication Failed"),
        ({"identifier": "nobody", "secret": "sandbox-secret"}, "Invalid or missing credentials"),
    ],
)
async def test_wrong_credentials_are_403_with_a_json_body(credentials, message, whmcs):
    answer = await post(whmcs, **credentials)
    assert (answer.status_code, answer.json()) == (403, {"result": "error", "message": message})


async def test_credentials_are_also_taken_as_username_and_password(whmcs):
    assert (await post(whmcs, username="sandbox-identifier", password="sandbox-secret")).status_code == 200


async def test_an_action_the_role_lacks_is_403(whmcs):
    whmcs.switch(deniedActions="GetPayMethods, GetInvoices")
    answer = await whmcs.raw("GetInvoices", userid=5011)
    expected = 'Invalid Permissions: API action "getinvoices" is not allowed'
    assert (answer.status_code, answer.json()["message"]) == (403, expected)
    assert (await whmcs.raw("GetInvoice", invoiceid=90001)).status_code == 200


async def test_an_unknown_action_is_named_in_lower_case(whmcs):
    answer = await whmcs.raw("UpdateBillableItem")
    assert answer.json()["message"] == 'Invalid API Action: "updatebillableitem" is not a valid API action'


async def test_the_address_check_names_the_address_and_yields_to_the_access_key(whmcs):
    whmcs.switch(allowedIps="203.0.113.7", accessKey="letmein!")
    refused = await post(whmcs, **GOOD)
    assert (refused.status_code, refused.json()["message"]) == (403, "Invalid IP 127.0.0.1")
    assert (await post(whmcs, accesskey="letmein!", **GOOD)).status_code == 200
    whmcs.switch(allowedIps="127.0.0.1")
    assert (await post(whmcs, **GOOD)).status_code == 200


async def test_repeated_wrong_logins_ban_the_address_for_fifteen_minutes(whmcs):
    whmcs.switch(failedLoginsBeforeBan=3)
    for _ in range(3):
        await post(whmcs, identifier="nobody", secret="x")
    assert (await post(whmcs, **GOOD)).json()["message"] == "IP Banned"
    whmcs.core.clock.advance(16 * 60)
    assert (await post(whmcs, **GOOD)).status_code == 200


async def test_an_admin_without_api_access_is_denied(whmcs):
    whmcs.switch(adminApiAccess=False)
    assert (await post(whmcs, **GOOD)).json()["message"] == "Access Denied"


async def test_the_action_name_is_case_insensitive(whmcs):
    assert (await post(whmcs, **{**GOOD, "action": "whmcsdetails"})).json()["whmcs"]["version"] == "8.13.1"


async def test_forgetting_the_response_type_gives_xml(whmcs):
    answer = await whmcs.http.post("/includes/api.php", data={**GOOD, "action": "WhmcsDetails"})
    assert answer.headers["content-type"].startswith("application/xml")
    assert "<result>success</result>" in answer.text


async def test_a_json_body_carries_no_credentials(whmcs):
    answer = await whmcs.http.post("/includes/api.php", json={**GOOD, "action": "WhmcsDetails"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("form", "expected"),
    [("string", ""), ("list", {"invoice": []}), ("object", {}), ("null", None), ("missing", "absent")],
)
async def test_an_empty_list_has_five_forms(form, expected, whmcs):
    whmcs.switch(emptyLists=form)
    assert (await whmcs.call("GetInvoices", userid=5027)).get("invoices", "absent") == expected


async def test_a_filled_list_can_be_a_single_object_or_numbered(whmcs):
    whmcs.switch(listShape="single")
    assert (await whmcs.call("GetClientsProducts", clientid=5012))["products"]["product"]["pid"] == "203"
    assert len((await whmcs.call("GetClientsProducts", clientid=5011))["products"]["product"]) == 3
    whmcs.switch(listShape="numbered")
    assert set((await whmcs.call("GetClientsProducts", clientid=5011))["products"]["product"]) == {"0", "1", "2"}


async def test_ids_are_strings_or_numbers(whmcs):
    async def ids():
        invoice = (await whmcs.call("GetInvoices", userid=5012))["invoices"]["invoice"][0]
        service = (await whmcs.call("GetClientsProducts", clientid=5012))["products"]["product"][0]
        return type(invoice["id"]), type(service["id"])

    assert await ids() == (int, str)
    whmcs.switch(ids="strings")
    assert await ids() == (str, str)
    whmcs.switch(ids="numbers")
    assert await ids() == (int, int)


async def test_text_is_entity_escaped_unless_switched_off(whmcs):
    await whmcs.call("UpdateClient", clientid=5013, lastname="O'Brien & Söhne")
    escaped = (await whmcs.call("GetClientsDetails", clientid=5013))["client"]["lastname"]
    assert escaped == "O&#039;Brien &amp; Söhne"
    whmcs.switch(entityText=False)
    assert (await whmcs.call("GetClientsDetails", clientid=5013))["client"]["lastname"] == "O'Brien & Söhne"


async def test_empty_dates_are_zeros_or_empty(whmcs):
    unpaid = (await whmcs.call("GetInvoices", userid=5014))["invoices"]["invoice"][0]
    assert unpaid["datepaid"] == "0000-00-00 00:00:00"
    whmcs.switch(zeroDates="empty")
    assert (await whmcs.call("GetInvoices", userid=5014))["invoices"]["invoice"][0]["datepaid"] == ""


async def test_json_escapes_slashes_as_php_does(whmcs):
    answer = await whmcs.raw("CreateSsoToken", client_id=5011)
    assert "\\/oauth\\/singlesignon.php" in answer.text


async def test_faults_name_the_action(whmcs):
    whmcs.core.faults.arm({"vendor": "whmcs", "call": "GetInvoices", "kind": "status", "params": {"status": 502}})
    assert (await whmcs.raw("getinvoices")).status_code == 502
    whmcs.core.faults.arm({"vendor": "whmcs", "call": "AddOrder", "kind": "late", "params": {"seconds": 0}})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await whmcs.order()
    await whmcs.core.faults.settle()
    assert whmcs.kinds("sf:801000000000001AAA") == ["whmcs.order.created"]
