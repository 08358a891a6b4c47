"""Secrets driven through the whole portal, with what fails of each: none is at rest, in a log, a trace or an error.

Looked through is everything the portal wrote and said: every log, every span, every message on the bus with its reply,
the bus's streams, dead letters in Postgres with its write-ahead log, Redis. Where a secret has to be, it may be, and
nowhere else. Identity's part, with a failing database, is in its own tests.
"""

import base64
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from portal_chassis import telemetry
from portal_chassis.testing import SpanCollector
from portal_identity.one_time_codes import STEP_SECONDS, code_at
from portal_local import environment
from portal_local.demo.customer import Problem, eventually
from portal_local.demo.journey import ADDRESS
from portal_local.demo.vendors import WhmcsApi
from portal_local.keys import ensure_keys
from portal_security.bus_tap import BusTap
from portal_security.witness import Witness
from portal_testing.shoppers import Shopper, Shoppers
from portal_testing.stack import PortalStack

RESET_LINK = re.compile(r"/auth/password/reset\?token=([A-Za-z0-9_.-]+)")
CUSTOMER_NUMBER_FIELD = 198
BORN = "1931-03-29"
SENDGRID_KEY = "SG.sandbox-key"
SIGNING_UP, LOGGING_IN, LINKING = (
    f"bus identity.{what}.v1" for what in ("signup.request", "session.open", "link.request")
)
LOGGED_IN, SETTING_ANEW = f"bus reply to {LOGGING_IN.removeprefix('bus ')}", "bus identity.password.reset.v1"
BELONGS = {
    "password": {SIGNING_UP, "bus identity.signup.confirm.v1", LOGGING_IN},
    "new password": {SETTING_ANEW, LOGGING_IN},
    "password at linking": {LINKING},
    "WHMCS password": {LINKING, "bus billing.login.check.v1"},
    "born": {SIGNING_UP},
    "session": {LOGGED_IN, "bus identity.actor.mint.v1"},
    "csrf": {LOGGED_IN, "bus reply to identity.actor.mint.v1", "file postgres"},
    "device": {LOGGING_IN},
    "eSIM code": {"bus reply to fulfillment.esim_code.reveal.v1"},
    "sign-on link": {"bus reply to billing.sso_link.mint.v1"},
    "TOTP seed": {"bus reply to identity.authenticator.begin.v1"},
    "recovery code": {"bus reply to identity.authenticator.confirm.v1", LOGGING_IN},
    "reset link": {"bus reply to identity.password_reset_link.mint.v1", SETTING_ANEW},
}
"""Where a secret has to be for the portal to work: between gateway and owner, never in a stream.

The row of a session holds its CSRF token, which opens nothing without the session's, of which it holds a hash.
"""


class Page:
    """The customer's page; keeps what the portal answered to what failed."""

    def __init__(self, http: httpx.AsyncClient, refusals: list[str]) -> None:
        self.http = http
        self.refusals = refusals

    async def send(self, path: str, body: Any = None, *, key: str = "") -> httpx.Response:
        csrf = next((value for name, value in self.http.cookies.items() if name.endswith("portal_csrf")), "")
        origin = str(self.http.base_url).rstrip("/")
        headers = {"Origin": origin, "X-CSRF-Token": csrf, "Idempotency-Key": key or secrets.token_hex(8)}
        answer = await self.http.post(path, json=body, headers=headers)
        if answer.is_error:
            self.refusals.append(answer.text)
        return answer

    async def done(self, path: str, body: Any = None) -> Any:
        answer = await self.send(path, body)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else {}

    async def refused(self, path: str, body: Any = None) -> None:
        assert (await self.send(path, body)).is_error, path


@pytest.fixture(scope="module")
def collector() -> Iterator[SpanCollector]:
    """Where every process of the stack sends its spans."""
    found = SpanCollector()
    with found.listening():
        yield found


@pytest.fixture(scope="module")
def traced_stack(collector: SpanCollector) -> Iterator[PortalStack]:
    """A stack of its own that records every trace."""
    folder = Path(tempfile.mkdtemp(prefix="portal-canaries-"))
    folder.chmod(0o711)
    tracing = {"PORTAL_TRACE_ENDPOINT": collector.endpoint, "PORTAL_TRACE_RATIO": "1"}
    stack = PortalStack.embedded(folder / "state", overrides=tracing).start_everything()
    yield stack
    stack.stop_everything()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def portal_stack(traced_stack: PortalStack) -> PortalStack:
    """What this module looks at."""
    traced_stack.heal()
    return traced_stack


@pytest.fixture
async def witness(portal_stack: PortalStack, collector: SpanCollector) -> AsyncIterator[Witness]:
    async with BusTap.on(portal_stack) as tap:
        yield Witness(portal_stack, tap, collector)


@pytest.fixture
def page(portal_http: httpx.AsyncClient, witness: Witness) -> Page:
    return Page(portal_http, witness.refusals)


@pytest.fixture
async def unknown(shoppers: Shoppers) -> Shopper:
    return await shoppers.unknown()


async def signed_up(page: Page, shopper: Shopper, stack: PortalStack, password: str) -> None:
    email = shopper.person.email
    form = {
        "email": email,
        "confirmEmail": email,
        "password": password,
        "confirmPassword": password,
        "customerNumber": shopper.person.customer_number,
        "name": {"familyName": "見本", "givenName": "花子"},
        "address": ADDRESS,
        "dateOfBirth": BORN,
        "locale": "ja",
    }
    await page.refused("/auth/signup", {**form, "confirmPassword": f"{password}-mistyped"})
    await page.refused("/auth/signup", {**form, "password": {"planted": password}})
    await page.done("/auth/signup", form)
    token = await shopper.customer.mailed_token(email)
    await page.refused("/auth/signup/confirm", {"token": token, "password": f"{password}-mistyped"})
    await stack.sandbox.arm_fault("whmcs", "AddClient", "after_effect", times=1)

    async def confirmed() -> bool:
        answer = await page.send("/auth/signup/confirm", {"token": token, "password": password})
        return answer.is_success and answer.json()["state"] == "done"

    await eventually(confirmed, "the sign-up to finish")
    await page.refused("/auth/login", {"email": email, "password": f"{password}-mistyped"})
    await page.done("/auth/login", {"email": email, "password": password})


async def second_factor(page: Page) -> dict[str, str]:
    seed = (await page.done("/me/authenticator/begin"))["secret"]
    await page.refused("/me/authenticator", {"code": "000000"})
    code = code_at(seed, int(time.time()) // STEP_SECONDS)
    return {"TOTP seed": seed, "recovery code": (await page.done("/me/authenticator", {"code": code}))["codes"][0]}


async def sign_on(page: Page, stack: PortalStack) -> str:
    await stack.sandbox.arm_fault("whmcs", "CreateSsoToken", "status", times=1, params={"status": 500})
    await page.refused("/auth/sso-link", {"destination": "invoices"})
    link = (await page.done("/auth/sso-link", {"destination": "invoices"}))["url"]
    (token,) = parse_qs(urlsplit(link).query)["access_token"]
    return token


async def reset(page: Page, shopper: Shopper, password: str) -> str:
    email = shopper.person.email
    await page.done("/auth/password/request-reset", {"email": email})

    async def mailed() -> str | None:
        texts = [str(mail["text"]) for mail in await shopper.customer.mails(email)]
        return next((found[1] for text in texts if (found := RESET_LINK.search(text))), None)

    token = await eventually(mailed, "the mail with the link")
    form = {"password": password, "confirmPassword": password}
    await page.refused("/auth/password/reset", {**form, "token": token, "confirmPassword": "mistyped"})
    await page.done("/auth/password/reset", {**form, "token": token})
    await page.refused("/auth/password/reset", {**form, "token": token})
    return token


async def linked(page: Page, shopper: Shopper, password: str, whmcs_password: str) -> None:
    """Link an account of before the portal: refused with another password, then done."""
    whmcs: WhmcsApi = shopper.journey.systems.whmcs
    email, number = shopper.person.email, shopper.person.customer_number
    known = dict.fromkeys(("firstname", "lastname", "address1", "city", "state"), "見本")
    field = f'a:1:{{i:{CUSTOMER_NUMBER_FIELD};s:{len(number)}:"{number}";}}'
    await whmcs.call(
        "AddClient",
        **known,
        email=email,
        postcode="150-0001",
        country="JP",
        phonenumber="03-1234-5678",
        password2=whmcs_password,
        customfields=base64.b64encode(field.encode()).decode(),
        noemail=True,
    )
    form = {"email": email, "password": password, "confirmPassword": password}
    await page.refused("/auth/link", {**form, "whmcsPassword": f"{whmcs_password}-mistyped"})
    token = (await page.done("/auth/link", {**form, "whmcsPassword": whmcs_password}))["token"]

    async def done() -> bool:
        return (await page.send("/auth/link/confirm", {"token": token})).status_code == 200

    await eventually(done, "the account to be linked")


async def esim_code(shopper: Shopper, stack: PortalStack, password: str, refusals: list[str]) -> dict[str, str]:
    """Order an eSIM, with vendors failing on the way and a message nobody can read, and look at its code once."""
    customer, sandbox = shopper.customer, stack.sandbox
    await customer.post("/auth/login", {"email": shopper.person.email, "password": password})
    await shopper.journey.add_card()
    await sandbox.arm_fault("sendgrid", "*", "status", times=1, params={"status": 500})
    order_id = await shopper.order_esim()
    await sandbox.call_provision(order_id, key="another-key-that-is-long-enough-to-be-one")
    await sandbox.publish_events(orderId=order_id, version=77)
    await sandbox.arm_fault("freebit", "*", "status", times=1, params={"status": 500})
    await sandbox.arm_fault("salesforce", "composite", "status", times=2, params={"status": 500})
    await shopper.journey.approve()
    assert (await sandbox.call_provision(order_id)).status == 202
    assert await shopper.finish() == []
    shown = await customer.post(f"/orders/{order_id}/esim-code", {})
    with pytest.raises(Problem) as again:
        await customer.post(f"/orders/{order_id}/esim-code", {})
    refusals.append(str(again.value.body))
    return {"eSIM code": shown["matchingId"]}


def keys_of(stack: PortalStack) -> dict[str, str]:
    """Give what the portal was started with."""
    keys = ensure_keys(stack.keys)
    return {
        "WHMCS secret": environment.WHMCS_SECRET,
        "Freebit key": environment.FREEBIT_OEM_KEY,
        "key of WHMCS's hooks": environment.WHMCS_HOOK_SECRET,
        "SendGrid key": SENDGRID_KEY,
        "Salesforce key": keys.salesforce_private.read_text().splitlines()[3],
        "key of signed calls": keys.signed_call_key(),
    }


@pytest.mark.timeout(300)
async def test_no_secret_is_found_in_anything_the_portal_wrote_said_or_refused(
    page: Page, unknown: Shopper, shoppers: Shoppers, witness: Witness
) -> None:
    stack, legacy = witness.stack, await shoppers.unknown()
    password, renewed, linking, whmcs_password = (f"canary-{secrets.token_hex(8)}" for _ in range(4))
    await linked(page, legacy, linking, whmcs_password)
    await signed_up(page, unknown, stack, password)
    canaries = {"password": password, "new password": renewed, "password at linking": linking, "born": BORN}
    canaries["WHMCS password"] = whmcs_password
    canaries |= {name.rpartition("portal_")[2]: value for name, value in page.http.cookies.items() if value}
    assert {"session", "csrf"} <= set(canaries)
    canaries |= await esim_code(unknown, stack, password, witness.refusals)
    canaries["sign-on link"] = await sign_on(page, stack)
    canaries |= await second_factor(page)
    canaries["reset link"] = await reset(page, unknown, renewed)
    await page.refused("/auth/login", {"email": unknown.person.email, "password": renewed})
    again = {"email": unknown.person.email, "password": renewed, "code": canaries["recovery code"]}
    await page.done("/auth/login", again)
    await page.refused("/auth/login", again)
    canaries |= keys_of(stack)
    letters = await stack.operator.get("/operator/orders/dead-letters")
    assert [one for one in letters["deadLetters"] if "version 77" in one["problem"]], "a dead letter was written"
    assert len(canaries) >= 16
    assert len(witness.refusals) >= 10
    held = await witness.holding({**canaries, "email": unknown.person.email})
    assert {"file postgres", "bus identity.session.open.v1"} <= held.pop("email"), "what is there is found"
    assert {what: places for what, places in held.items() if places} == BELONGS


async def test_a_secret_that_gets_out_anywhere_is_found(witness: Witness, collector: SpanCollector) -> None:
    stack = witness.stack
    logged, traced, said, answered, kept = canaries = [f"canary-{secrets.token_hex(8)}" for _ in range(5)]
    (log,) = {path for path in stack.state_folder.rglob("*.log") if path.stem == "identity"}
    with log.open("a", encoding="utf-8") as lines:
        lines.write(f'{{"event": "planted", "password": "{logged}"}}\n')
    with collector.recording(), telemetry.span("planted") as span:
        span.set("url.query", f"token={traced}")
    await witness.tap.say("portal.planted.v1", f'{{"planted": "{said}"}}'.encode())
    witness.refusals.append(f'{{"detail": "{answered}"}}')
    stack.redis.ask("SET", "portal:planted", kept)
    held = await witness.holding({one: one for one in canaries})
    assert held == {
        logged: {"file logs"},
        traced: {"span test planted"},
        said: {"bus portal.planted.v1"},
        answered: {"refusal"},
        kept: {"file redis"},
    }
