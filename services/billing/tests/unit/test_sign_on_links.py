"""Links into WHMCS lead to WHMCS and to eight fixed places there, whatever is asked or answered (D03)."""

import json
from pathlib import Path
from typing import get_args
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import ValidationError

from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_api import WhmcsApi, WhmcsConnection
from portal_billing.whmcs_sign_on import WhmcsSignOn
from portal_chassis.clocks import SystemMachineClock
from portal_chassis.outbound import Outbound
from portal_contracts.billing import MintSsoLink, SsoDestination
from portal_contracts.problems import Misconfigured

GOOD = "https://billing.example.jp/oauth/singlesignon.php?access_token=fake-token"


@pytest.fixture
def minted(caplog, capsys):
    """Give a function that mints a link and gives what was asked of WHMCS; its answer is the test's choice."""

    async def mint(answered=GOOD, destination="home", related=None):
        asked = []

        def answer(request):
            asked.append({name: values[0] for name, values in parse_qs(request.content.decode()).items()})
            body = {"result": "success", "access_token": "fake-token", "redirect_url": answered}
            return httpx.Response(200, content=json.dumps(body))

        settings = WhmcsSettings(
            api_url="https://billing.example.jp/includes/api.php",
            identifier="example-identifier",
            secret="example-secret",
            fields_path=Path("example.toml"),
        )
        machine = SystemMachineClock()
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            connection = WhmcsConnection(settings, machine, client, client)
            api = WhmcsApi(connection, Outbound("whmcs", at_once=1, clock=machine))
            sign_on = WhmcsSignOn(api, host=settings.sign_on_host(), secure=True, seconds=5)
            try:
                return await sign_on.mint(5011, destination, related), asked[0]
            finally:
                assert "fake-token" not in caplog.text + str(capsys.readouterr())

    return mint


@pytest.mark.parametrize("url", [GOOD, GOOD.replace("billing.example.jp", "BILLING.example.jp:8443")])
async def test_a_link_to_whmcs_is_handed_out(minted, url):
    assert (await minted(url))[0] == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/oauth/singlesignon.php?access_token=fake-token",
        "//billing.example.jp/?access_token=fake-token",
        "https:billing.example.jp/",
        "https:/billing.example.jp/",
        "https:///billing.example.jp/",
        "https://billing.example.jp",
        "http://billing.example.jp/?access_token=fake-token",
        "ftp://billing.example.jp/",
        "javascript:alert(1)//billing.example.jp/",
        "data:text/html,billing.example.jp/",
        "https://evil.example/?access_token=fake-token",
        "//evil.example/",
        "\\\\evil.example\\",
        "https://evil.example\\@billing.example.jp/",
        "https://evil.example/@billing.example.jp/",
        "https://billing.example.jp@evil.example/",
        "https://billing.example.jp:x@evil.example/",
        "https://user:pass@billing.example.jp/",
        "https://@billing.example.jp/",
        "https://billing.example.jp.evil.example/",
        "https://billing.example.jp%2eevil.example/",
        "https://billing.example.jp%2f@evil.example/",
        "https://billing.example.jp\u3002evil.example/",
        "https://billing\u2024example.jp/",
        "https://billingxexample.jp/",
        "https://evilbilling.example.jp/",
        "https://xn--billing.example.jp/",
        "https://billing.example.jp:/",
        "https://billing.example.jp:443@evil.example/",
        "https://billing.example.jp:999999/",
        "https://billing.example.jp/\r\nLocation: https://evil.example/",
        "https://billing.example.jp/\x00",
        "https://billing.example.jp/ https://evil.example/",
        "https://billing.example.jp\t.evil.example/",
        " https://billing.example.jp/",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
    ],
    ids=ascii,
)
async def test_a_link_anywhere_else_is_our_set_up_and_never_handed_out(minted, url):
    with pytest.raises(Misconfigured, match="WHMCS_MISCONFIGURED"):
        await minted(url)


@pytest.mark.parametrize("destination", get_args(SsoDestination))
async def test_a_place_is_a_fixed_word_or_path_with_whole_numbers_alone(minted, destination):
    _, asked = await minted(destination=destination, related=7)
    place = {name: value for name, value in asked.items() if name in ("destination", "sso_redirect_path", "service_id")}
    assert place in (
        {},
        {"destination": "sso:custom_redirect", "sso_redirect_path": "index.php?rp=/account/paymentmethods"},
        {"destination": "sso:custom_redirect", "sso_redirect_path": "index.php?rp=/account/paymentmethods/add"},
        {"destination": "sso:custom_redirect", "sso_redirect_path": "viewinvoice.php?id=7"},
        {"destination": "clientarea:product_details", "service_id": "7"},
        {"destination": "clientarea:invoices"},
        {"destination": "clientarea:services"},
        {"destination": "clientarea:profile"},
    )
    assert asked["client_id"] == "5011"
    assert "user_id" not in asked


@pytest.mark.parametrize(
    "asked",
    [
        {"destination": "sso:custom_redirect"},
        {"destination": "clientarea:services"},
        {"destination": "//evil.example"},
        {"destination": "\\\\evil.example"},
        {"destination": "%2f%2fevil.example"},
        {"destination": "javascript:alert(1)"},
        {"destination": "home\r\nx"},
        {"destination": "HOME"},
        {"destination": ["home"]},
        {"destination": "invoice", "invoice_id": "7&action=DeleteClient"},
        {"destination": "invoice", "invoice_id": -7},
        {"destination": "invoice", "invoice_id": 2**31},
        {"destination": "invoice", "invoice_id": 7.5},
        {"destination": "service", "service_id": "../../"},
    ],
    ids=str,
)
def test_a_place_nobody_has_named_cannot_even_be_asked_for(asked):
    with pytest.raises(ValidationError):
        MintSsoLink.model_validate({"request_id": "request-1", **asked})


@pytest.mark.parametrize("name", ["sso_redirect_path", "redirect", "url", "client_id", "user_id", "whmcs_client_id"])
def test_what_a_customer_adds_to_the_question_is_not_in_it(name):
    message = MintSsoLink.model_validate({"request_id": "request-1", "destination": "home", name: "//evil.example"})
    assert "evil" not in message.model_dump_json()
