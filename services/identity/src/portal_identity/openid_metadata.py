"""What an OpenID provider says of itself (OpenID Connect Discovery 1.0) and its keys, kept for an hour."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from portal_chassis.clocks import MachineClock
from portal_chassis.outbound import Outbound
from portal_contracts.problems import Misconfigured, TryLater
from portal_identity.identity_provider_settings import IdentityProviderSettings

KEPT_SECONDS: Final = 3600.0
PAUSE_SECONDS: Final = 30.0
"""Between two looks at the keys because of a name nobody knows."""
MOST_BYTES: Final = 256 * 1024
UNAVAILABLE: Final = "IDENTITY_PROVIDER_UNAVAILABLE"


async def ask(
    http: httpx.AsyncClient, outbound: Outbound, name: str, request: httpx.Request, seconds: float
) -> tuple[int, Any]:
    """Send one request and give status and answer: JSON read, a JWT as its text, anything else None.

    Raises TryLater for no answer and 5xx.
    """
    try:
        async with outbound.call(name, timeout=seconds):
            response = await http.send(request, stream=True)
            try:
                body = await _body(response)
            finally:
                await response.aclose()
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code in _LATER:
                raise TryLater(UNAVAILABLE)
    except (httpx.HTTPError, TimeoutError) as error:
        raise TryLater(UNAVAILABLE) from error
    if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/jwt":
        return response.status_code, body.decode("ascii", "replace").strip()
    try:
        return response.status_code, httpx.Response(200, content=body).json()
    except ValueError:
        return response.status_code, None


_LATER: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT)


async def _body(response: httpx.Response) -> bytes:
    """Read the body, and no endless one."""
    read = bytearray()
    async for part in response.aiter_bytes():
        read += part
        if len(read) > MOST_BYTES:
            raise TryLater(UNAVAILABLE)
    return bytes(read)


class ProviderMetadata:
    """Fetched when it is first needed: identity starts and verifies documents while the provider is away."""

    def __init__(
        self,
        settings: IdentityProviderSettings,
        http: httpx.AsyncClient,
        outbound: Outbound,
        clock: MachineClock,
    ) -> None:
        self._settings = settings
        self._http = http
        self._outbound = outbound
        self._clock = clock
        self._kept: dict[str, tuple[float, Mapping[str, Any]]] = {}

    async def current(self) -> Mapping[str, Any]:
        """Give the discovery document. Misconfigured when there is none or it is another issuer's."""
        issuer = self._settings.issuer
        found = await self._fetched(issuer.rstrip("/") + "/.well-known/openid-configuration", "discovery", KEPT_SECONDS)
        if found.get("issuer") != issuer:
            raise _wrong("its discovery document is of another issuer")
        return found

    async def endpoint(self, name: str) -> str:
        """Give an endpoint's address; it must be as safe as the issuer's."""
        address = str((await self.current()).get(name) or "")
        if urlsplit(address).scheme not in {"https", urlsplit(self._settings.issuer).scheme}:
            raise _wrong(f"its discovery document has no safe {name}")
        return address

    async def keys(self, *, anew: bool = False) -> Mapping[str, Any]:
        """Give its JSON Web Key Set; `anew` looks again, unless it did so a moment ago."""
        address = await self.endpoint("jwks_uri")
        return await self._fetched(address, "jwks", PAUSE_SECONDS if anew else KEPT_SECONDS)

    async def _fetched(self, address: str, name: str, seconds: float) -> Mapping[str, Any]:
        now = self._clock.monotonic()
        kept = self._kept.get(address)
        if kept is not None and now - kept[0] < seconds:
            return kept[1]
        request = self._http.build_request("GET", address, headers={"Accept": "application/json"})
        status, found = await ask(self._http, self._outbound, name, request, self._settings.seconds)
        if status != HTTPStatus.OK or not isinstance(found, dict):
            raise _wrong(f"{name}: {status}")
        self._kept[address] = (now, found)
        return found


def _wrong(message: str) -> Misconfigured:
    return Misconfigured("IDENTITY_PROVIDER_MISCONFIGURED", facts={"message": message})
