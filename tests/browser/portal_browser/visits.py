"""A browser profile of its own at the portal; whatever it complains about is noted."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.async_api import APIResponse, Browser, BrowserContext, ConsoleMessage, Page, Request

PHONE = 375
DESKTOP = 1100
JAPANESE = "ja-JP"
ENGLISH = "en-US"

_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.effectiveDirective} ${event.blockedURI}`));
"""
_REFUSAL = "Failed to load resource: the server responded with a status of 4"
"""How the browser notes an answer of 4xx; only who is to be refused may see it."""


class Visit(AbstractAsyncContextManager["Visit"]):
    """One customer's browser. `complaints` holds console errors, breaches of the policy, and requests elsewhere."""

    def __init__(self, browser: Browser, portal: str, language: str = JAPANESE, width: int = DESKTOP) -> None:
        self._browser, self.portal = browser, portal
        self._profile = {"locale": language, "viewport": {"width": width, "height": 700}}
        self.complaints: list[str] = []
        self.refusals_expected = False
        self.context: BrowserContext
        self.page: Page

    async def __aenter__(self) -> Self:
        self.context = await self._browser.new_context(**self._profile)
        self.context.set_default_timeout(60_000)  # a busy machine takes its time; nothing here is about that
        await self.context.add_init_script(_TELL_VIOLATIONS)
        self.page = await self.context.new_page()
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("request", self._note_request)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.context.close()

    async def open(self, path: str) -> None:
        """Go there, and wait until the page has asked all it asks by itself."""
        await self.page.goto(self.portal + path)
        await self.page.wait_for_load_state("networkidle")

    async def press(self, button: str) -> None:
        """Press the button that has these words in its name."""
        await self.page.get_by_role("button", name=button).press("Enter")

    async def reads(self, *words: str) -> None:
        """Wait until the page's status has all these words."""
        for said in words:
            await self.page.get_by_role("status").filter(has_text=said).wait_for()

    async def asks(self, path: str, body: dict[str, Any] | None = None) -> APIResponse:
        """Send what the customer's web frontend would send in this browser."""
        cookies = {cookie["name"]: cookie["value"] for cookie in await self.context.cookies(self.portal)}
        headers = {"Origin": self.portal, "X-CSRF-Token": cookies.get("portal_csrf", "")}
        answer = await self.context.request.post(self.portal + path, data=body or {}, headers=headers)
        assert answer.ok, await answer.text()
        return answer

    async def session(self) -> str:
        """The secret of the session that is open."""
        found = {cookie["name"]: cookie["value"] for cookie in await self.context.cookies(self.portal)}
        return str(found["portal_session"])

    def _note_message(self, message: ConsoleMessage) -> None:
        refusal = self.refusals_expected and message.text.startswith(_REFUSAL)
        if message.type in {"error", "warning"} and not refusal:
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _note_request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.portal).netloc:
            self.complaints.append(f"request: {request.url}")
