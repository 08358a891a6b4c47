"""Clients, logins, single sign-on (reference/whmcs.md 4)."""

import base64

import pytest

NEW = {
    "firstname": "花子",
    "lastname": "佐藤",
    "email": "hanako.sato@example.jp",
    "address1": "神南1-2-3",
    "city": "渋谷区",
    "state": "東京都",
    "postcode": "150-0041",
    "country": "JP",
    "phonenumber": "090-0000-0001",
    "password2": "an invented password",
    "customfields": base64.b64encode(b'a:1:{i:198;s:9:"SNX-10001";}').decode(),
}


async def test_a_new_client_has_its_number_and_an_own_user(whmcs):
    made = await whmcs.call("AddClient", noemail=1, **NEW)
    client = (await whmcs.call("GetClientsDetails", clientid=made["clientid"]))["client"]
    assert {"id": 198, "value": "SNX-10001"} in client["customfields"]
    assert client["users"]["user"][0]["is_owner"] is True
    assert client["users"]["user"][0]["id"] != client["id"]
    assert whmcs.kinds("SNX-10001") == ["whmcs.client.created"]
    assert whmcs.kinds() == ["whmcs.client.created"]
    login = await whmcs.call("ValidateLogin", email=NEW["email"], password2=NEW["password2"])
    assert login["userid"] == str(made["owner_id"])


async def test_the_welcome_mail_goes_out_unless_suppressed(whmcs):
    await whmcs.call("AddClient", **NEW)
    assert "whmcs.mail.sent" in whmcs.kinds()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"firstname": ""}, "You did not enter your first name"),
        ({"email": "nonsense"}, "The email address you entered was not valid"),
        ({"address1": ""}, "You did not enter your  address line 1"),
        ({"country": "Japan"}, "Valid country required"),
        ({"phonenumber": "call me"}, "Invalid telephone phone number"),
        ({"owner_user_id": 1}, "Invalid Owner User ID"),
        ({"email": "yuko.nakamura@example.jp"}, "The email address entered is not available for use."),
    ],
)
async def test_a_new_client_is_refused_in_whmcs_words(changes, message, whmcs):
    assert await whmcs.call("AddClient", **{**NEW, **changes}) == {"result": "error", "message": message}
    assert whmcs.kinds() == []


async def test_a_user_elsewhere_blocks_the_email_too(whmcs):
    await whmcs.call("AddUser", firstname="A", lastname="B", email=NEW["email"], password2="x")
    assert (await whmcs.call("AddClient", **NEW))["message"] == "A user already exists with that email address"


async def test_a_client_is_found_by_id_or_email_only(whmcs):
    assert (await whmcs.call("GetClientsDetails", email="Yuko.Nakamura@example.jp"))["client"]["id"] == 5011
    assert (await whmcs.call("GetClientsDetails"))["message"] == "Either clientid Or email Is Required"
    assert (await whmcs.call("GetClientsDetails", clientid=1))["message"] == "Client Not Found"
    assert (await whmcs.call("GetClientsDetails", clientid=5011, stats=1))["stats"]["productsnumtotal"] == 3


async def test_updating_changes_only_what_was_sent(whmcs):
    changed = await whmcs.call("UpdateClient", clientid=5011, city="横浜市", **{"email_preferences[invoice]": "0"})
    assert changed == {"result": "success", "clientid": "5011"}
    client = (await whmcs.call("GetClientsDetails", clientid=5011))["client"]
    assert (client["city"], client["lastname"], client["email_preferences"]["invoice"]) == ("横浜市", "中村", "0")
    taken = await whmcs.call("UpdateClient", clientid=5011, email="naoki.kobayashi@example.jp")
    assert taken["message"] == "Duplicate Email Address"
    assert (await whmcs.call("UpdateClient", clientid=1))["message"] == "Client ID Not Found"


async def test_the_user_keeps_its_login_email_when_the_client_changes(whmcs):
    await whmcs.call("UpdateClient", clientid=5011, email="new.address@example.jp")
    login = await whmcs.call("ValidateLogin", email="yuko.nakamura@example.jp", password2="Sandbox-Passw0rd!")
    assert login["userid"] == "8011"


async def test_a_login_with_two_factor_gets_no_session_token(whmcs):
    good = await whmcs.call("ValidateLogin", email="naoki.kobayashi@example.jp", password2="Sandbox-Passw0rd!")
    assert good["twoFactorEnabled"] == "true"
    assert "passwordhash" not in good
    for email in ("naoki.kobayashi@example.jp", "nobody@example.jp"):
        bad = await whmcs.call("ValidateLogin", email=email, password2="wrong")
        assert bad == {"result": "error", "message": "Email or Password Invalid"}


async def test_users_are_searched_by_prefix(whmcs):
    found = await whmcs.call("GetUsers", search="yuko.")
    assert found["users"][0]["clients"] == [{"id": 5011, "isOwner": True}]
    assert (await whmcs.call("GetUsers", search="nakamura@"))["users"] == []


async def test_a_password_reset_is_whmcs_own_mail(whmcs):
    assert (await whmcs.call("ResetPassword", id=8011))["email"] == "yuko.nakamura@example.jp"
    assert (await whmcs.call("ResetPassword", email="nobody@example.jp"))["result"] == "error"
    assert whmcs.core.ledger.entries()[-1].detail["template"] == "Password Reset Validation"


async def test_an_sso_token_works_once(whmcs):
    made = await whmcs.call("CreateSsoToken", client_id=5011, destination="clientarea:invoices")
    assert len(made["access_token"]) == 40
    first = await whmcs.http.get(made["redirect_url"])
    assert (first.status_code, first.url.query) == (200, b"action=invoices")
    assert (await whmcs.http.get(made["redirect_url"])).status_code == 403
    assert [kind for kind in whmcs.kinds() if ".sso." in kind] == [
        "whmcs.sso.created",
        "whmcs.sso.redeemed",
        "whmcs.sso.refused",
    ]


async def test_an_sso_token_lives_sixty_seconds(whmcs):
    made = await whmcs.call("CreateSsoToken", client_id=5011)
    whmcs.core.clock.advance(61)
    assert (await whmcs.http.get(made["redirect_url"])).status_code == 403


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "A valid client_id or user_id is required"),
        ({"client_id": 1}, "Invalid client_id"),
        ({"user_id": 1}, "Invalid user_id"),
        ({"client_id": 5011, "user_id": 8012}, "Invalid user_id for client"),
        ({"client_id": 5011, "destination": "clientarea:payment_methods"}, "Invalid destination"),
        ({"client_id": 5016}, "SSO authentication blocked for client 5016"),
    ],
)
async def test_single_sign_on_is_refused_in_whmcs_words(fields, message, whmcs):
    assert (await whmcs.call("CreateSsoToken", **fields))["message"] == message
