"""A virtual authenticator of the browser's own, and a page that stands between customer and portal."""

from dataclasses import dataclass
from typing import Any, Self

from playwright.async_api import BrowserContext, CDPSession, Route

from portal_browser.visits import Visit


@dataclass(frozen=True, slots=True)
class VirtualAuthenticator:
    """A device that keeps passkeys and says yes at once."""

    session: CDPSession
    authenticator_id: str

    @classmethod
    async def plugged_in(cls, visit: Visit, *, looks: bool = True) -> Self:
        """Give the open tab one, as DevTools do; it stays there whatever page is shown.

        A device that `looks` verifies its user, as phones do; another one is a key in a port that anybody may touch.
        """
        session = await visit.context.new_cdp_session(visit.page)
        await session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal" if looks else "usb",
            "hasResidentKey": True,
            "hasUserVerification": looks,
            "isUserVerified": looks,
            "automaticPresenceSimulation": True,
        }
        made = await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return cls(session, made["authenticatorId"])

    async def passkeys(self) -> list[dict[str, Any]]:
        """What it keeps, private keys included."""
        found = await self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator_id})
        kept: list[dict[str, Any]] = found["credentials"]
        return kept


async def stand_between(context: BrowserContext, own: str, portal: str, changes: dict[str, str] | None = None) -> None:
    """Show the portal under another origin, `own`, as a phisher's proxy does; `changes` replaces in what it answers."""

    async def pass_on(route: Route) -> None:
        kept = {name: value for name, value in route.request.headers.items() if not name.startswith("sec-")}
        headers = {**kept, "origin": portal}
        answer = await route.fetch(url=route.request.url.replace(own, portal, 1), headers=headers)
        text = await answer.text()
        for honest, changed in (changes or {}).items():
            text = text.replace(honest, changed)
        await route.fulfill(response=answer, body=text)

    await context.route(f"{own}/**", pass_on)
