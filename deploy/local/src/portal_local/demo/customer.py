"""The customer: a browser at the gateway, on WHMCS's pages and in the mailbox."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from html import unescape
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import uuid4

import httpx

T = TypeVar("T")

CSRF_COOKIES: Final = ("portal_csrf", "__Host-portal_csrf")
TOKEN: Final = re.compile(r"token=([A-Za-z0-9_.-]+)")
FORM: Final = re.compile(r'<form[^>]* action="([^"]+)"')
PATIENCE: Final = 40.0
"""Seconds anything the customer waits for may take."""


class DemoFailed(Exception):  # noqa: N818 - it ends the demo and says why
    """Something did not go as a customer is entitled to expect."""


class Problem(Exception):  # noqa: N818 - the gateway's own word
    """The gateway answered with application/problem+json."""

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: int = 0) -> None:
        super().__init__(f"{status} {body.get('code')}: {body.get('detail')}")
        self.status = status
        self.body = body
        self.retry_after = retry_after
        """Seconds of the Retry-After header; 0 without one."""

    @property
    def code(self) -> str:
        """The problem's code in the catalogue."""
        return str(self.body.get("code", ""))


class Customer:
    """Uses nothing but what a customer can reach: HTTP at the gateway, the mailbox, and WHMCS's pages by SSO."""

    def __init__(self, gateway: str, mailbox: str) -> None:
        self._gateway = gateway
        self._mailbox = mailbox
        self._browser = httpx.AsyncClient(timeout=PATIENCE, headers={"Accept-Language": "en"})
        self.trace_ids: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._browser.aclose()

    def prefer(self, language: str) -> None:
        """Read in another language from now on; English at first."""
        self._browser.headers["Accept-Language"] = language

    async def get(self, path: str) -> Any:
        """Read a resource of the portal. Raises Problem."""
        return _content(await self._browser.get(self._gateway + path))

    async def post(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> Any:
        """Change something, as the portal's page would: same origin, CSRF token, a key that makes a repeat harmless."""
        return await self._change("POST", path, body, key)

    async def put(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> Any:
        """Replace something, in the same way."""
        return await self._change("PUT", path, body, key)

    async def delete(self, path: str, *, key: str | None = None) -> Any:
        """Take something back, in the same way."""
        return await self._change("DELETE", path, None, key)

    async def _change(self, method: str, path: str, body: Mapping[str, Any] | None, key: str | None) -> Any:
        headers = {"Origin": self._gateway, "Idempotency-Key": key or str(uuid4())}
        for cookie in self._browser.cookies.jar:
            if cookie.name in CSRF_COOKIES and cookie.value:
                headers["X-CSRF-Token"] = cookie.value
        response = await self._browser.request(method, self._gateway + path, json=body, headers=headers)
        self.trace_ids.append(response.headers.get("X-Trace-Id", ""))
        return _content(response)

    async def mails(self, address: str) -> list[dict[str, Any]]:
        """Give the mails in the customer's mailbox, the oldest first."""
        response = await self._browser.get(f"{self._mailbox}/_sim/messages", params={"to": address})
        found: list[dict[str, Any]] = response.json()["messages"]
        return sorted(found, key=lambda mail: str(mail["acceptedAt"]))

    async def mailed_token(self, address: str) -> str:
        """Wait for a mail with a link and give the token in it."""

        async def look() -> str | None:
            for mail in await self.mails(address):
                if found := TOKEN.search(str(mail["text"])):
                    return found.group(1)
            return None

        return await eventually(look, "the mail with the link")

    async def open_single_sign_on(self, destination: str, **ids: int) -> httpx.Response:
        """Ask for a single-use link into WHMCS and follow it, as a click would."""
        link = await self.post("/auth/sso-link", {"destination": destination, **ids})
        page = await self._browser.get(link["url"], follow_redirects=True)
        if page.status_code != httpx.codes.OK:
            raise DemoFailed(f"WHMCS answered {page.status_code} to the single sign-on link")
        return page

    async def submit(self, page: httpx.Response, fields: Mapping[str, str], *, action: str = "") -> httpx.Response:
        """Fill in and send the form of the page that is open, or the one whose address contains `action`."""
        url = page.url
        if action:
            found = next((address for address in FORM.findall(page.text) if action in address), None)
            if found is None:
                raise DemoFailed(f"the page {page.url.path} has no form for {action}")
            url = page.url.join(unescape(found))
        answer = await self._browser.post(url, data=dict(fields), follow_redirects=True)
        if answer.status_code != httpx.codes.OK:
            raise DemoFailed(f"the form at {page.url.path} was answered with {answer.status_code}")
        return answer

    @asynccontextmanager
    async def follow(self, order_id: str, *, after: str = "") -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
        """Open the live stream of an order's timeline: event ids and entries; `after` is the id seen last (D12)."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
        path = f"{self._gateway}/orders/{order_id}/events"
        async with self._browser.stream("GET", path, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                await response.aread()
                _content(response)
            yield _events(response.aiter_lines())


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Any]]:
    event_id, data = "", ""
    async for line in lines:
        name, _, value = line.partition(":")
        if name == "id":
            event_id = value.strip()
        elif name == "data":
            data += value.strip()
        elif not line and data:
            yield event_id, json.loads(data)
            data = ""


def _content(response: httpx.Response) -> Any:
    body = response.json() if response.content else {}
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise Problem(response.status_code, body, int(response.headers.get("Retry-After", "0")))
    return body


async def eventually(look: Callable[[], Awaitable[T | None]], what: str, *, patience: float = PATIENCE) -> T:
    """Look again and again until there is something; raises DemoFailed after `patience` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while loop.time() < end:
        if found := await look():
            return found
        await asyncio.sleep(0.1)
    raise DemoFailed(f"waited {patience:.0f} s for {what}")
