"""The OpenID Connect adapter on the sandbox's eKYC provider: what it proves, and how its answers go wrong (C26)."""

import asyncio
import secrets
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from portal_chassis.testing import ManualClock
from portal_contracts.identity_verification import IdentityCheckForm
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_identity.check_identity_provider import CheckIdentityProvider
from portal_identity.identity_comparison import ProvenPerson
from portal_identity.identity_provider import IdentityCheck
from portal_identity.identity_provider_settings import IdentityProviderSettings
from portal_identity.openid_metadata import PAUSE_SECONDS
from portal_identity.openid_provider import OpenIdProvider
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

CARD = {
    "family_name": "山田",
    "given_name": "花子",
    "birthdate": "1990-04-01",
    "postcode": "150-0001",
    "region": "東京都",
    "locality": "渋谷区",
    "street": "神宮前一丁目２番３号",
}
HANAKO = ProvenPerson(["山田\u3000花子"], date(1990, 4, 1), "東京都渋谷区神宮前一丁目２番３号", "")
SECRET = {"client_id": "sandbox-openid-client", "client_secret": "sandbox-openid-secret"}
PATIENT = {"seconds": 30.0}
"""A busy machine may take its time; only one test is about that."""


def key_pair(folder: Path, key) -> tuple[Path, Path]:
    private, public = folder / "client.pem", folder / "client.pub.pem"
    pem = serialization.Encoding.PEM
    private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    return private, public


class Desk:
    """A portal with a provider, and a customer with a browser and a card."""

    def __init__(self, core, settings) -> None:
        self.core = core
        self.settings = IdentityProviderSettings(issuer=core.addresses["openid"], **settings)
        self.clock = ManualClock()
        self.provider = OpenIdProvider(self.settings, "http://127.0.0.1:8080", clock=self.clock)

    def fault(self, call, kind, **more) -> None:
        self.core.faults.arm({"vendor": "openid", "call": call, "kind": kind, **more})

    def switch(self, **values) -> None:
        self.core.switches.update({"openid": values})

    def effects(self, kind) -> int:
        return len(self.core.ledger.entries(kind=kind))

    async def sent(self):
        check = IdentityCheck(*(secrets.token_urlsafe(32) for _ in range(3)))
        return check, await self.provider.begin(check)

    async def brought(self, url, **form) -> IdentityCheckForm:
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(url, data=form or CARD)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == "http://127.0.0.1:8080/auth/verification"
        return IdentityCheckForm(**{name: values[0] for name, values in parse_qs(back.query).items()})

    async def proven(self, **form) -> ProvenPerson:
        check, url = await self.sent()
        return await self.provider.conclude(check, await self.brought(url, **form))

    async def refused(self) -> None:
        with pytest.raises(Refused, match="IDENTITY_NOT_PROVEN"):
            await self.proven()


@pytest.fixture
async def desks(tmp_path):
    """Give a function that opens desks on one sandbox."""
    ports = {"control_port": 0, "openid_port": 0}
    opened = []
    running = []

    async def desk(client_key_path=None, **settings) -> Desk:
        if not running:
            built = build_sandbox(
                Settings(data_dir=tmp_path / "sandbox", openid_client_key_path=client_key_path, **ports),
                vendors=["openid"],
            )
            context = built.running()
            await context.__aenter__()
            running.append((built, context))
        opened.append(Desk(running[0][0].core, {**SECRET, **PATIENT, **settings}))
        return opened[-1]

    yield desk
    for one in opened:
        await one.provider.close()
    for _, context in running:
        await context.__aexit__(None, None, None)


@pytest.fixture
async def desk(desks):
    return await desks()


async def test_a_card_that_was_read_is_proven(desk) -> None:
    assert await desk.proven() == HANAKO
    assert [desk.effects(f"openid.{what}") for what in ("card.read", "code.exchanged", "userinfo.read")] == [1, 1, 1]


async def test_a_connection_that_the_provider_takes_for_idle_costs_nobody_a_check(desk) -> None:
    desk.fault("*", "kept_connection", times=None)
    assert await desk.proven() == HANAKO


async def test_the_request_has_everything_the_digital_authentication_app_asks_for(desks) -> None:
    desk = await desks(acr_values="aal3 crl")
    check, url = await desk.sent()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["scope"] == "openid name address birthdate"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert (asked["state"], asked["nonce"], asked["acr_values"]) == (check.state, check.nonce, "aal3 crl")
    assert check.verifier not in url


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({"nameForm": "parts"}, ProvenPerson(["山田花子"], HANAKO.birth_date, HANAKO.address, "")),
        ({"addressForm": "parts"}, ProvenPerson(HANAKO.names, HANAKO.birth_date, HANAKO.address, "150-0001")),
        ({"addressForm": "text"}, HANAKO),
        ({"userinfoForm": "jwt"}, HANAKO),
    ],
)
async def test_claims_are_read_in_every_form_they_come_in(desk, switches, expected) -> None:
    desk.switch(**switches)
    assert await desk.proven() == expected


@pytest.mark.parametrize("kind", ["ec", "rsa"])
async def test_a_key_of_ours_proves_who_asks_and_a_strange_one_does_not(desks, tmp_path, kind) -> None:
    def made():
        return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)

    private, public = key_pair(tmp_path, made())
    desk = await desks(public, client_secret=None, key_path=private, key_id="portal-1")
    assert await desk.proven() == HANAKO
    (tmp_path / "other").mkdir()
    strange, _ = key_pair(tmp_path / "other", made())
    stranger = await desks(client_secret=None, key_path=strange)
    with pytest.raises(Misconfigured, match="IDENTITY_PROVIDER_MISCONFIGURED"):
        await stranger.proven()


async def test_a_wrong_secret_is_our_own_mistake(desks) -> None:
    desk = await desks(client_secret="wrong")
    with pytest.raises(Misconfigured, match="IDENTITY_PROVIDER_MISCONFIGURED"):
        await desk.proven()


async def test_a_key_that_is_none_is_refused_at_start(tmp_path) -> None:
    path = tmp_path / "none.pem"
    path.write_bytes(b"nothing")
    settings = IdentityProviderSettings(issuer="https://ekyc.example.jp", client_id="portal", key_path=path)
    with pytest.raises(Misconfigured) as caught:
        OpenIdProvider(settings, "https://portal.example.jp")
    assert caught.value.facts["setting"] == "PORTAL_IDENTITY_PROVIDER_KEY_PATH"


async def test_who_cancels_proves_nothing(desk) -> None:
    with pytest.raises(Refused, match="IDENTITY_NOT_PROVEN"):
        await desk.proven(decision="cancel")
    assert desk.effects("openid.code.exchanged") == 0


@pytest.mark.parametrize(
    "wrong", ["wrongNonce", "wrongSignature", "expiredToken", "wrongAudience", "wrongIssuer", "otherSubject"]
)
async def test_an_answer_that_does_not_check_proves_nothing(desk, wrong) -> None:
    desk.switch(**{wrong: True})
    await desk.refused()
    desk.switch(**{wrong: False})
    assert await desk.proven() == HANAKO


async def test_an_answer_of_another_issuer_is_not_looked_at(desk) -> None:  # RFC 9207
    check, url = await desk.sent()
    answer = (await desk.brought(url)).model_copy(update={"iss": "https://another.example"})
    with pytest.raises(Refused, match="IDENTITY_NOT_PROVEN"):
        await desk.provider.conclude(check, answer)
    assert desk.effects("openid.code.exchanged") == 0


async def test_a_code_belongs_to_its_own_check(desk) -> None:  # RFC 7636: another's code has another verifier
    (_, url), (mine, _) = await desk.sent(), await desk.sent()
    with pytest.raises(Refused, match="IDENTITY_NOT_PROVEN"):
        await desk.provider.conclude(mine, await desk.brought(url))
    assert desk.effects("openid.code.exchanged") == 0


async def test_a_code_works_once(desk) -> None:
    check, url = await desk.sent()
    answer = await desk.brought(url)
    assert await desk.provider.conclude(check, answer) == HANAKO
    with pytest.raises(Refused, match="IDENTITY_NOT_PROVEN"):
        await desk.provider.conclude(check, answer)
    assert desk.effects("openid.code.exchanged") == 1


async def test_a_weaker_assurance_than_ours_proves_nothing(desks) -> None:
    desk = await desks(acr_values="aal3 crl", required_acr="aal3")
    assert await desk.proven() == HANAKO
    desk.switch(acr="aal2")
    await desk.refused()


async def test_where_a_trust_framework_is_asked_for_only_its_claims_count(desks) -> None:  # IDA 1.0
    desk = await desks(trust_framework="jp_aml")
    await desk.refused()
    desk.switch(trustFramework="another")
    await desk.refused()
    desk.switch(trustFramework="jp_aml")
    assert await desk.proven() == HANAKO


async def test_a_new_key_of_the_provider_is_found(desk) -> None:
    assert await desk.proven() == HANAKO
    desk.switch(signingKey=2)
    await desk.refused()  # its keys were looked at a moment ago: nobody makes us ask them for every token
    desk.clock.advance(PAUSE_SECONDS + 1)
    assert await desk.proven() == HANAKO


@pytest.mark.parametrize("call", ["discovery", "jwks", "token", "userinfo"])
@pytest.mark.parametrize(
    ("kind", "params"),
    [("refused", {}), ("status", {"status": 503}), ("quota", {}), ("after_effect", {"seconds": 0})],
    ids=["cut", "503", "quota", "answer lost"],
)
async def test_while_the_provider_is_away_nothing_is_proven_and_a_new_check_goes_well(desk, call, kind, params) -> None:
    desk.fault(call, kind, params=params, times=1)
    with pytest.raises(TryLater, match="IDENTITY_PROVIDER_UNAVAILABLE"):
        await desk.proven()
    assert await desk.proven() == HANAKO


@pytest.mark.parametrize("call", ["token", "userinfo"])
@pytest.mark.parametrize("kind", ["html", "empty", "malformed"])
async def test_nonsense_proves_nothing(desk, call, kind) -> None:
    desk.fault(call, kind, times=1)
    with pytest.raises((Refused, TryLater), match="IDENTITY_"):
        await desk.proven()


async def test_a_slow_provider_is_not_waited_for(desks) -> None:
    desk = await desks(seconds=0.2)
    desk.fault("token", "slow", params={"seconds": 60}, times=None)
    async with asyncio.timeout(45):
        with pytest.raises(TryLater, match="IDENTITY_PROVIDER_UNAVAILABLE"):
            await desk.proven()


async def test_the_doctor_sees_a_provider_that_is_well(desk) -> None:
    checks = await CheckIdentityProvider(desk.settings, desk.provider.metadata).look()
    assert {one.result for one in checks} == {"passed"}
    assert len(checks) == 3


async def test_the_doctor_names_what_is_wrong(desks) -> None:
    desk = await desks(algorithms="RS256")
    results = {one.id: one.result for one in await CheckIdentityProvider(desk.settings, desk.provider.metadata).look()}
    assert results["identity_provider.keys"] == "failed"
    wrong = desk.settings.model_copy(update={"issuer": desk.core.addresses["openid"] + "/"})
    lost = OpenIdProvider(wrong, "http://127.0.0.1:8080")
    results = [one.result for one in await CheckIdentityProvider(wrong, lost.metadata).look()]
    await lost.close()
    assert results == ["failed", "unknown", "unknown"]


async def test_the_doctor_waits_for_a_provider_that_is_away(desk) -> None:
    desk.fault("discovery", "refused", times=1)
    checks = await CheckIdentityProvider(desk.settings, desk.provider.metadata).look()
    assert {one.result for one in checks} == {"unknown"}


async def test_what_did_not_check_is_logged_by_a_word_and_no_secret_is(desk, capsys) -> None:  # R268
    check, url = await desk.sent()
    answer = await desk.brought(url)
    desk.switch(wrongNonce=True)
    with pytest.raises(Refused):
        await desk.provider.conclude(check, answer)
    seen = str(capsys.readouterr())
    assert "nonce" in seen
    for secret in (
        answer.code,
        check.verifier,
        check.nonce,
        check.state,
        "山田",
        "1990-04-01",
        SECRET["client_secret"],
    ):
        assert secret not in seen + repr((check, answer, desk.settings, HANAKO))
