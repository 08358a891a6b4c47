import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def ask(http):
    async def ask(assertion, grant=GRANT):
        return await http.post("/services/oauth2/token", data={"grant_type": grant, "assertion": assertion})

    return ask


async def test_a_signed_assertion_yields_an_opaque_token(ask, assertion, addresses):
    reply = await ask(assertion())
    body = reply.json()
    assert reply.status_code == 200
    assert body["access_token"].startswith("00DSd0000000001!")
    assert body["instance_url"] == addresses["salesforce_tls"]
    assert body["id"].split("/")[-2] == "00DSd0000000001MAA"
    assert not {"refresh_token", "expires_in"} & set(body)


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"exp": int(time.time()) - 10}, "invalid_grant", "expired authorization code"),
        ({"aud": "https://elsewhere.example"}, "invalid_grant", "audience is invalid"),
        ({"iss": "unknown"}, "invalid_client_id", "client identifier invalid"),
        ({"sub": "nobody@sandbox.invalid"}, "invalid_grant", "user hasn't approved this consumer"),
    ],
)
async def test_a_wrong_claim_is_refused_with_an_object(ask, assertion, changes, error, description):
    reply = await ask(assertion(**changes))
    assert reply.status_code == 400
    assert reply.json() == {"error": error, "error_description": description}


async def test_another_key_and_garbage_are_refused(ask, assertion):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert (await ask(assertion(stranger))).json()["error_description"] == "invalid assertion"
    assert (await ask("garbage")).json()["error"] == "invalid_grant"
    unsigned = jwt.encode({"iss": "sandbox-client-id", "exp": int(time.time()) + 60}, "", "none")
    assert (await ask(unsigned)).json()["error_description"] == "invalid assertion"
    assert (await ask(assertion(), "password")).json()["error"] == "unsupported_grant_type"


async def test_the_expiry_may_be_a_text_and_the_audience_the_org_itself(ask, assertion, addresses):
    reply = await ask(assertion(exp=str(int(time.time()) + 180), aud=addresses["salesforce_tls"]))
    assert reply.status_code == 200


async def test_userinfo_names_the_org(http, token):
    reply = await http.get("/services/oauth2/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert reply.json()["organization_id"] == "00DSd0000000001MAA"
    assert (await http.get("/services/oauth2/userinfo")).status_code == 403


async def test_a_forced_expiry_ends_every_session(rest, switch, log_in):
    assert (await rest.call("GET", "limits")).status_code == 200
    switch(tokenGeneration=1)
    reply = await rest.call("GET", "limits")
    assert reply.status_code == 401
    assert reply.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    rest.headers["Authorization"] = f"Bearer {await log_in()}"
    assert (await rest.call("GET", "limits")).status_code == 200


async def test_a_token_lives_as_long_as_the_switch_says(rest, switch):
    switch(tokenLifetimeSeconds=0)
    assert (await rest.call("GET", "limits")).status_code == 401
