"""The owner of an account at work on its security, over HTTP as a program would: with the session as a bearer token."""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from portal_local.demo.customer import Customer, eventually
from portal_local.demo.journey import PASSWORD
from portal_testing.stack import PortalStack


@dataclass
class AccountOwner:
    """Who has an e-mail address and a password; `bearer` is the session that is used when none is named."""

    stack: PortalStack
    http: httpx.AsyncClient
    email: str
    bearer: dict[str, str]
    password: str = PASSWORD

    async def send(
        self, method: str, path: str, body: Any = None, *, bearer: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """Send a request and keep no cookie of the answer."""
        answer = await self.http.request(method, path, json=body, headers=bearer or self.bearer, **more)
        self.http.cookies.clear()
        return answer

    async def done(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Send what goes well, and give what is answered."""
        answer = await self.send(method, path, body, **more)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else {}

    async def log_in(self, **proof: str) -> dict[str, str]:
        """Open another session."""
        form = {"email": self.email, "password": self.password, **proof}
        answer = await self.http.post("/auth/login", json=form)
        assert answer.status_code == 200, answer.text
        token = next(value for name, value in answer.cookies.items() if name.endswith("portal_session"))
        self.http.cookies.clear()
        return {"Authorization": f"Bearer {token}"}

    async def refused_log_in(self, **form: str) -> httpx.Response:
        """Try in vain."""
        answer = await self.send("POST", "/auth/login", {"email": self.email, "password": self.password, **form})
        assert answer.is_error, answer.text
        return answer

    async def until_slowed(self, path: str, form: dict[str, str]) -> None:
        """Be wrong until even that is not looked at any more."""

        async def slowed() -> bool:
            answer = await self.send("POST", path, form)
            assert answer.is_error, answer.text
            return answer.status_code == 429

        await eventually(slowed, f"{path} to be slowed")

    async def mailed(self, address: str, pattern: str) -> str:
        """Wait for a mail that says something and give the first group of it."""
        async with Customer(self.stack.gateway_url, self.stack.sandbox_urls["sendgrid"]) as mailbox:

            async def look() -> str | None:
                found = [re.search(pattern, str(mail["text"])) for mail in await mailbox.mails(address)]
                return next((match[1] for match in reversed(found) if match), None)

            return await eventually(look, f"a mail with {pattern}")

    async def events(self) -> dict[str, dict[str, Any]]:
        """Give the newest of each kind of security event, all pages of them."""
        found: dict[str, dict[str, Any]] = {}
        query: dict[str, Any] = {"limit": 200}
        while page := (await self.done("GET", "/me/security-events", params=query))["events"]:
            for one in page:
                found.setdefault(one["event"], one)
            query["beforeId"] = page[-1]["id"]
        return found
