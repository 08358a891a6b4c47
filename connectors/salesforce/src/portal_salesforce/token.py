"""The access token that REST and the Pub/Sub API share: one login at a time, none in a hurry after a refusal."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from portal_chassis.logs import get_logger
from portal_chassis.machine_time import monotonic
from portal_contracts.problems import PortalProblem
from portal_salesforce.errors import misconfigured, unavailable
from portal_salesforce.ids import is_id, long_id, long_id_or_none

FIRST_PAUSE_SECONDS: Final = 60.0
"""After a refused login (reference 6): hammering on may lock the integration user out."""
LONGEST_PAUSE_SECONDS: Final = 900.0

_log = get_logger(__name__)

LogIn = Callable[[], Awaitable[tuple[int, Any]]]
"""Makes one login and gives HTTP status and parsed body; raises a portal problem when nobody answers."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A session at Salesforce. The value never reaches a log (architecture §9)."""

    value: str = field(repr=False)
    instance_url: str
    organization_id: str
    """18 characters; the Pub/Sub API's `tenantid`."""
    user_id: str | None
    """The integration user, when the reply named it: tells our own changes from staff's."""

    @property
    def opaque(self) -> bool:
        """The Pub/Sub API takes opaque tokens only; an app set to issue JWTs is refused there (reference 4.3)."""
        return "!" in self.value


class AccessTokens:
    """Gives the current token, logging in when there is none. Used from one event loop."""

    def __init__(self, log_in: LogIn, *, machine_time: Callable[[], float] = monotonic) -> None:
        self._log_in = log_in
        self._now = machine_time
        self._lock = asyncio.Lock()
        self._token: AccessToken | None = None
        self._refusal: PortalProblem | None = None
        self._pause = 0.0
        self._silent_until = 0.0

    async def current(self) -> AccessToken:
        """Give the token in use, or log in.

        Raises TryLater SALESFORCE_UNAVAILABLE when nobody answers and Misconfigured SALESFORCE_MISCONFIGURED when the
        login is refused; for a while after a refusal the same is raised without asking again.
        """
        if self._token is not None:
            return self._token
        return await self.renew(None)

    async def renew(self, stale: AccessToken | None) -> AccessToken:
        """Replace a token that was refused. Whoever waited meanwhile gets the new one without another login."""
        async with self._lock:
            if self._token is not None and self._token is not stale:
                return self._token
            self._token = None
            if self._refusal is not None and self._now() < self._silent_until:
                raise self._refusal
            self._token = await self._fresh()
            return self._token

    async def prove(self) -> AccessToken:
        """Log in now, whatever was refused a moment ago: the doctor's call, for after somebody mended the set-up."""
        async with self._lock:
            self._token = await self._fresh()
            return self._token

    async def _fresh(self) -> AccessToken:
        status, content = await self._log_in()
        if _expired_on_the_way(status, content):
            status, content = await self._log_in()
        try:
            token = read_token(status, content)
        except PortalProblem as problem:
            if problem.kind == "misconfigured":
                self._be_silent(problem)
            raise
        self._refusal, self._pause = None, 0.0
        return token

    def _be_silent(self, problem: PortalProblem) -> None:
        self._pause = min(max(FIRST_PAUSE_SECONDS, self._pause * 2), LONGEST_PAUSE_SECONDS)
        self._refusal, self._silent_until = problem, self._now() + self._pause
        _log.error("salesforce refuses to log us in", problem=str(problem), pause_seconds=self._pause)


def _expired_on_the_way(status: int, content: Any) -> bool:
    return status == 400 and isinstance(content, Mapping) and "expired" in str(content.get("error_description", ""))  # noqa: PLR2004 - a number of HTTP or ASCII


def read_token(status: int, content: Any) -> AccessToken:
    """Check a login's answer before anybody uses it (reference 1.2, 1.3): untrusted text until proved otherwise.

    Raises Misconfigured for a refusal in Salesforce's words and TryLater for everything that is no answer of a login.
    """
    if not isinstance(content, Mapping):
        raise unavailable()
    if status in (400, 401, 403) and isinstance(content.get("error"), str):
        raise misconfigured(f"{content['error']}: {content.get('error_description') or 'no description'}")
    if status != 200:  # noqa: PLR2004 - a number of HTTP or ASCII
        raise unavailable()
    value, instance_url = content.get("access_token"), content.get("instance_url")
    if not isinstance(value, str) or not isinstance(instance_url, str) or not value or not _is_https(instance_url):
        raise misconfigured("the login's answer has no access token or no https instance address")
    if any(letter.isspace() or not letter.isprintable() for letter in value):
        raise misconfigured("the access token is no text of one word")
    organization_id, user_id = _identity(content.get("id"))
    if organization_id is None and is_id(value.partition("!")[0]):
        organization_id = long_id(value.partition("!")[0])
    if organization_id is None:
        raise misconfigured("the login's answer does not say which organization it is for")
    return AccessToken(value, instance_url.rstrip("/"), organization_id, user_id)


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None


def _identity(url: Any) -> tuple[str | None, str | None]:
    parts = url.rstrip("/").split("/") if isinstance(url, str) else []
    if len(parts) < 2:  # noqa: PLR2004 - a number of HTTP or ASCII
        return None, None
    return long_id_or_none(parts[-2]), long_id_or_none(parts[-1])
