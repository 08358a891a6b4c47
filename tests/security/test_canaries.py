"""Secrets driven through the whole portal, with what fails of each: none is at rest, in a log or in an error.

Looked through is everything the portal wrote: every log, the bus's streams with their dead letters, Postgres with its
write-ahead log, Redis. eSIM codes and traces have the same test in tests/integration/test_traces.py, on a portal that
records every span; identity's part, with a failing database, is in its own tests.
"""

import asyncio
import re
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from portal_identity.one_time_codes import STEP_SECONDS, code_at
from portal_local import environment
from portal_local.demo.customer import eventually
from portal_local.demo.journey import ADDRESS
from portal_testing.shoppers import Shopper, Shoppers
from portal_testing.stack import PortalStack

RESET_LINK = re.compile(r"/auth/password/reset\?token=([A-Za-z0-9_.-]+)")
BORN = "1931-03-29"
BELONGS = {("csrf", "postgres")}
"""The row of a session holds its CSRF token, which opens nothing without the session's, of which it holds a hash."""


class Page:
    """The customer's page; keeps what the portal answered to what failed."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.refusals: list[str] = []

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


@pytest.fixture
def page(portal_http: httpx.AsyncClient) -> Page:
    return Page(portal_http)


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
    await stack.sandbox.arm_fault("whmcs", "AddClient", "after_effect", times=1)

    async def confirmed() -> bool:
        answer = await page.send("/auth/signup/confirm", {"token": token})
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


def written(stack: PortalStack) -> dict[str, bytes]:
    """Give what the portal wrote, by file: not the vendors' own records, nor the keys it was given."""
    stack.redis.ask("SAVE")
    given = {stack.state_folder / name for name in ("sandbox", "keys")}
    files = [path for path in stack.state_folder.rglob("*") if path.is_file() and not given & set(path.parents)]
    return {str(path.relative_to(stack.state_folder)): path.read_bytes() for path in files}


async def test_no_secret_is_found_in_anything_the_portal_wrote_or_refused(
    page: Page, unknown: Shopper, portal_stack: PortalStack
) -> None:
    password, renewed = (f"canary-{secrets.token_hex(8)}" for _ in range(2))
    whmcs_password = f"canary-{secrets.token_hex(8)}"
    await signed_up(page, unknown, portal_stack, password)
    canaries = {"password": password, "new password": renewed, "WHMCS password": whmcs_password, "born": BORN}
    canaries |= {name.rpartition("portal_")[2]: value for name, value in page.http.cookies.items() if value}
    assert {"session", "csrf"} <= set(canaries)
    canaries["sign-on link"] = await sign_on(page, portal_stack)
    canaries |= await second_factor(page)
    link = {"email": "nobody@example.jp", "password": renewed, "confirmPassword": renewed}
    await page.refused("/auth/link", {**link, "whmcsPassword": whmcs_password})
    canaries["reset link"] = await reset(page, unknown, renewed)
    canaries |= {
        "WHMCS secret": environment.WHMCS_SECRET,
        "Freebit key": environment.FREEBIT_OEM_KEY,
        "key of WHMCS's hooks": environment.WHMCS_HOOK_SECRET,
    }
    found = await asyncio.to_thread(written, portal_stack)
    sung = unknown.person.email.encode()
    assert any(sung in text for name, text in found.items() if name.startswith("postgres")), "what is there is found"
    held = [
        (what, name)
        for what, secret in canaries.items()
        for name, text in found.items()
        if secret.encode() in text and (what, name.partition("/")[0]) not in BELONGS
    ]
    assert held == []
    assert [what for what, secret in canaries.items() if secret in "".join(page.refusals)] == []
    assert len(page.refusals) >= 7
