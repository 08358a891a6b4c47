"""Freebit over HTTP (reference/freebit.md): sim lines are read, eSIMs activated, voice options registered.

Which number a new line gets, and why. Freebit knows no request key, so the only way to learn what became of an
activation whose reply was lost is to ask for the line. The detail call asks by phone number. With `aladinOperated`
"20" Freebit assigns the number and only the (assumed) reply tells it: lost reply, lost line. With "10" we bring the
number, but only a company that holds numbers and registers them at the operator itself may do that, and nothing in
our systems is such a pool. So a new eSIM is sent with "20" (`AssignedNumber`), and is found again by its EID, which we
know before we send: `lines_of_eid`. That look-up is assumed (`FreebitTables.eid_field`); a Freebit without it sets the
field to "" and then this adapter refuses `AssignedNumber` as misconfigured before anything is sent, because what
could not be found again must not be started. `OwnNumber` (sent with "10") and `PortedNumber` (sent with "20") carry
their number and can always be found. A second request for an EID with an open one is refused by Freebit (400-351),
so even a caller that repeated blindly would not get two lines.

Every write returns `Accepted`, never "done": the line itself shows what became of it.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import httpx

from portal_chassis.outbound import Outbound
from portal_contracts.problems import TryLater
from portal_fulfillment.freebit_codes import Call, FreebitTables, Reason
from portal_fulfillment.freebit_fields import (
    flag,
    read_line,
    write_activation,
)
from portal_fulfillment.sim import Accepted, AssignedNumber, EsimActivation, Line, VoiceOptions

log = logging.getLogger(__name__)

_SUCCESS = "100"
_TEMPORARY = "5"
# Answered by what stands before Freebit, or by Freebit before it read the request: the set-up is wrong.
_SETUP_STATUSES = frozenset({301, 302, 307, 308, 400, 401, 403, 404, 405, 411, 413, 415})
_TOO_MANY_REQUESTS = 429
# Raised before a request is on the wire.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_API = "/emptool/api"

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


class Freebit:
    """Freebit's calls. One per process: it holds the key; `outbound` holds the bound on calls in flight."""

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

    async def get_line(self, account: str) -> Line | None:
        """The line of a phone number (PA03-02), None when Freebit has none."""
        found = await self._details("account", account)
        return found[0] if found else None

    async def lines_of_eid(self, eid: str) -> tuple[Line, ...]:
        """Every line ever requested for an EID, newest first, failed ones included; empty when there is none.

        FreebitMisconfigured when the tables say that Freebit has no such look-up.
        """
        if not self._tables.eid_field:
            raise FreebitMisconfigured("Freebit is set up without a look-up by EID")
        return await self._details(self._tables.eid_field, eid)

    async def activate_esim(self, wanted: EsimActivation) -> Accepted:
        """PA05-41: asks for a line on an eSIM. Look at `lines_of_eid` (or `get_line`) before and after.

        FreebitRefused with EID_CONFLICT: the EID already has a line or an open request. FreebitUnclear: look first.
        """
        if isinstance(wanted.number, AssignedNumber) and not self._tables.eid_field:
            raise FreebitMisconfigured("without a look-up by EID a line with an assigned number could be lost")
        reply = await self._write(Call.ACTIVATE_ESIM, write_activation(wanted, self._tables), f"eid …{wanted.eid[-4:]}")
        if not isinstance(wanted.number, AssignedNumber):
            return self._accepted(Call.ACTIVATE_ESIM, wanted.number.account)
        assigned = reply.get("account")
        return self._accepted(Call.ACTIVATE_ESIM, assigned if isinstance(assigned, str) and assigned else None)

    async def register_voice_options(self, account: str, options: VoiceOptions) -> Accepted:
        """PA05-05: once, right after activation of a voice line. What is None starts off. Harmless to repeat."""
        names = self._tables.voice_option_fields
        chosen = {names[word]: flag(on) for word, on in asdict(options).items() if on is not None}
        fields = {"account": account, "userConfirmed": flag(True), "talkOption": chosen}
        await self._write(Call.REGISTER_VOICE_OPTIONS, fields, _masked(account))
        return self._accepted(Call.REGISTER_VOICE_OPTIONS, account)

    async def _details(self, name: str, value: str) -> tuple[Line, ...]:
        fields = {"version": self._tables.detail_version, "requestDatas": [{"kind": "MVNO", name: value}]}
        try:
            reply = await self._call(_Request(Call.DETAIL, fields, _masked(value)))
        except FreebitRefused as refused:
            if refused.reason is Reason.ACCOUNT_NOT_FOUND:
                return ()
            raise
        try:
            lines = tuple(read_line(shown, self._tables) for shown in reply["responseDatas"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FreebitUnavailable("the detail reply cannot be read") from error
        word = "account" if name == "account" else "eid"
        if not lines or any(getattr(line, word) != value for line in lines):
            raise FreebitUnavailable("the detail reply is about another line")
        return lines

    async def _write(self, call: Call, fields: Fields, subject: str) -> Fields:
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
        body = {"json": json.dumps(fields, ensure_ascii=False)}
        if request.deadline is not None and self._monotonic() > request.deadline:
            raise FreebitUnavailable("the request grew too old before it could be sent")
        started = self._monotonic()
        outcome = "cancelled"
        try:
            url = f"{self._base}/{self._tables.paths[request.call]}/"
            response = await self._http.post(url, data=body, timeout=self._timeout, follow_redirects=False)
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
        if reason is Reason.SYSTEM_ERROR or result.startswith(_TEMPORARY):
            raise doubtful(f"{request.call}: {pair}")
        return FreebitRefused(pair, reason)

    def _accepted(self, call: Call, account: str | None) -> Accepted:
        timing = self._tables.timings[call]
        return Accepted(timing, tuple(self._tables.look_after[timing]), account)


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


def _masked(number: str) -> str:
    return f"…{number[-4:]}"
