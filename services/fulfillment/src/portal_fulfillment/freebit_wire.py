"""The way to Freebit and back: keys, bounds, and what every possible end of an exchange means (freebit.md 1).

Nothing here repeats a write: only a key that was refused is renewed once, because such a call was not processed.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import httpx

from portal_chassis.outbound import KEPT_FOR_WRITES, Outbound
from portal_contracts.problems import TryLater
from portal_fulfillment.freebit_calls import Body, Call, Reason
from portal_fulfillment.freebit_codes import FreebitTables

log = logging.getLogger(__name__)

_SUCCESS: Final = "100"
_TEMPORARY: Final = "5"
# Answered by what stands before Freebit, or by Freebit before it read the request: the set-up is wrong.
_SETUP_STATUSES: Final = frozenset({301, 302, 307, 308, 400, 401, 403, 404, 405, 411, 413, 415})
_TOO_MANY_REQUESTS: Final = 429
# Raised before a request is on the wire.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_API: Final = "/emptool/api"

Fields: TypeAlias = Mapping[str, Any]


class FreebitUnavailable(Exception):  # noqa: N818 - named for what happened, as the portal's problems are
    """Freebit could not answer and nothing was changed: try later."""


class FreebitUnclear(Exception):  # noqa: N818 - the same
    """A write may or may not have been taken: look at the line before anything else is sent for it."""


class FreebitMisconfigured(Exception):  # noqa: N818 - the same
    """Credentials, address, permissions or tables are wrong: nobody's order can succeed until that is mended."""


class FreebitRefused(Exception):  # noqa: N818 - the same
    """Freebit understood and said no. `pair` is its code as `400-351`, `reason` the same in our words."""

    def __init__(self, pair: str, reason: Reason) -> None:
        super().__init__(f"Freebit refused: {pair} ({reason})")
        self.pair = pair
        self.reason = reason

    @property
    def staff_code(self) -> str:
        """The code for staff notes in Salesforce, for example FREEBIT_400_351."""
        return f"FREEBIT_{self.pair.replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class FreebitSettings:
    """Where Freebit is and how patient we are. `base_url` ends before `/emptool/api` or with it; all times in seconds.

    `send_within` is how old a write may be when it reaches the socket: one that waited longer for a free place or a
    key is given up unsent.
    """

    base_url: str
    oem_id: str
    oem_key: str = field(repr=False)
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    key_kept: float = 1200.0
    send_within: float = 10.0
    tables: FreebitTables = field(default_factory=FreebitTables)

    @classmethod
    def of(cls, base_url: str, oem_id: str, oem_key: str, tables: FreebitTables) -> "FreebitSettings":
        """Settings whose times stand in the tables."""
        delays = tables.delays
        return cls(
            base_url,
            oem_id,
            oem_key,
            connect_timeout=delays["connect"],
            read_timeout=delays["read"],
            key_kept=delays["key_kept"],
            send_within=delays["send_within"],
            tables=tables,
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """One call about to be made. `deadline` on the machine clock; `subject` is what a log may show of it."""

    call: Call
    fields: Fields
    subject: str
    writes: bool = False
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class _Key:
    text: str = field(repr=False)
    obtained_at: float = 0.0


def connections() -> httpx.AsyncClient:
    """Make the sockets to Freebit; close them when the service stops. Most calls change a line: none is kept open."""
    return httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=KEPT_FOR_WRITES))


class FreebitWire:
    """One connection to Freebit: it holds the key; `outbound` holds the bound on calls in flight."""

    def __init__(
        self,
        settings: FreebitSettings,
        http: httpx.AsyncClient,
        outbound: Outbound,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._tables = settings.tables
        self._http = http
        self._outbound = outbound
        self._monotonic = monotonic
        self._base = settings.base_url.rstrip("/").removesuffix(_API) + _API
        self._timeout = httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout)
        self._key: _Key | None = None
        self._renewing = asyncio.Lock()

    async def read(self, call: Call, fields: Fields, subject: str) -> Fields:
        """Make a call that changes nothing. Raises FreebitUnavailable, FreebitRefused, FreebitMisconfigured."""
        return await self._call(_Request(call, fields, subject))

    async def write(self, call: Call, fields: Fields, subject: str) -> Fields:
        """Make a call that may change a line. Raises FreebitUnclear too: then it may have had its effect."""
        deadline = self._monotonic() + self._settings.send_within
        return await self._call(_Request(call, fields, subject, writes=True, deadline=deadline))

    async def _call(self, request: _Request) -> Fields:
        """Makes a call with a key; a refused key is renewed once, because such a call was not processed."""
        key = await self._current_key()
        try:
            return await self._post(request, {"authKey": key.text, **request.fields})
        except FreebitRefused as refused:
            if refused.reason is not Reason.KEY_INVALID:
                raise
        key = await self._current_key(instead_of=key)
        try:
            return await self._post(request, {"authKey": key.text, **request.fields})
        except FreebitRefused as refused:
            if refused.reason is Reason.KEY_INVALID:
                raise FreebitMisconfigured("Freebit refuses a key it has just issued") from None
            raise

    async def _current_key(self, instead_of: _Key | None = None) -> _Key:
        """The kept key, or a new one: many callers without a key make one log-in."""
        async with self._renewing:
            key = self._key
            fresh = key is not None and self._monotonic() - key.obtained_at < self._settings.key_kept
            if key is None or not fresh or key is instead_of:
                key = self._key = await self._log_in()
            return key

    async def _log_in(self) -> _Key:
        credentials = {"oemId": self._settings.oem_id, "oemKey": self._settings.oem_key}
        try:
            reply = await self._post(_Request(Call.LOG_IN, {}, "oem"), credentials)
        except FreebitRefused as refused:
            raise FreebitMisconfigured(f"Freebit refuses our credentials: {refused.pair}") from None
        text = reply.get("authKey")
        if not isinstance(text, str) or not text:
            raise FreebitUnavailable("the log-in reply holds no key")
        return _Key(text, self._monotonic())

    async def _post(self, request: _Request, fields: Fields) -> Fields:
        """One HTTP exchange; `fields` holds secrets and goes nowhere but into the body."""
        longest = self._settings.connect_timeout + self._settings.read_timeout + 1.0
        try:
            async with self._outbound.call(request.call, timeout=longest) as seen:
                answer = await self._exchange(request, fields)
                seen.outcome("refused" if isinstance(answer, Exception) else "ok")
        except TryLater as full:  # no room, or Freebit keeps failing: nothing was sent
            raise FreebitUnavailable(f"{request.call}: {full}") from None
        except TimeoutError:
            raise self._doubtful(request)(f"{request.call}: no answer in {longest:.0f} s") from None
        if isinstance(answer, Exception):  # they are up and said no: nothing the circuit breaker should count
            raise answer
        return answer

    async def _exchange(self, request: _Request, fields: Fields) -> Fields | FreebitRefused | FreebitMisconfigured:
        """Send, and judge what comes back; raises when it is no answer at all."""
        text = json.dumps(fields, ensure_ascii=False)
        if request.deadline is not None and self._monotonic() > request.deadline:
            raise FreebitUnavailable("the request grew too old before it could be sent")
        started = self._monotonic()
        outcome = "cancelled"
        try:
            url = f"{self._base}/{self._tables.paths[request.call]}/"
            response = await self._http.post(
                url, **_carried(text, self._tables.body), timeout=self._timeout, follow_redirects=False
            )
            outcome = f"http {response.status_code}"
            reply, pair = _envelope(response)
            outcome = pair or outcome
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            outcome = type(error).__name__
            return FreebitMisconfigured("the address of Freebit is none")
        except httpx.HTTPError as error:
            outcome = type(error).__name__
            if isinstance(error, _NOT_SENT):
                raise FreebitUnavailable(f"{request.call}: {outcome}") from None
            raise self._doubtful(request)(f"{request.call}: {outcome} after the request was sent") from None
        finally:
            milliseconds = round((self._monotonic() - started) * 1000)
            log.info("freebit %s %s %s %s ms", request.call, request.subject, outcome, milliseconds)
        return self._judged(request, response.status_code, reply, pair)

    @staticmethod
    def _doubtful(request: _Request) -> type[Exception]:
        """What a missing answer means: a read may be repeated, a write may have had its effect."""
        return FreebitUnclear if request.writes else FreebitUnavailable

    def _judged(
        self, request: _Request, status: int, reply: Fields, pair: str
    ) -> Fields | FreebitRefused | FreebitMisconfigured:
        """The reply of a success, or their no; raises for everything that decides nothing."""
        doubtful = self._doubtful(request)
        if not pair:
            if status in _SETUP_STATUSES:
                return FreebitMisconfigured(f"{request.call}: HTTP {status} instead of an answer of Freebit")
            if status == _TOO_MANY_REQUESTS:
                raise FreebitUnavailable(f"{request.call}: HTTP {status}")
            raise doubtful(f"{request.call}: no answer of Freebit in HTTP {status}")
        result = pair.partition("-")[0]
        if result == _SUCCESS:
            if httpx.codes.is_success(status):
                return reply
            raise doubtful(f"{request.call}: success inside HTTP {status}")
        reason = self._tables.codes.get(pair, Reason.UNKNOWN)
        if reason is Reason.MAINTENANCE:
            raise FreebitUnavailable(f"{request.call}: {pair}")
        if reason is Reason.FORBIDDEN:
            return FreebitMisconfigured(f"{request.call}: {pair}")
        if reason is Reason.SYSTEM_ERROR or (reason is Reason.UNKNOWN and result.startswith(_TEMPORARY)):
            raise doubtful(f"{request.call}: {pair}")
        return FreebitRefused(pair, reason)


def _envelope(response: httpx.Response) -> tuple[Fields, str]:
    """The reply and its code pair (`400-351`); an empty pair when the body is no envelope. Codes may be numbers."""
    try:
        reply = response.json()
    except ValueError:
        return {}, ""
    if not isinstance(reply, dict) or reply.get("resultCode") is None:
        return {}, ""
    result = str(reply["resultCode"]).strip()
    status = reply.get("status")
    code = str(status.get("statusCode", "")).strip() if isinstance(status, dict) else ""
    return reply, f"{result}-{code}"


def _carried(text: str, body: Body) -> dict[str, Any]:
    """The JSON text as httpx is to send it."""
    match body:
        case Body.URLENCODED:
            return {"data": {"json": text}}
        case Body.MULTIPART:
            return {"files": {"json": (None, text)}}
        case Body.JSON:
            return {"content": text.encode(), "headers": {"Content-Type": "application/json"}}


def masked(number: str) -> str:
    """What a log may show of a number."""
    return f"…{number[-4:]}"
