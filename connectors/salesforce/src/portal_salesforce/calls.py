"""One call to Salesforce: a token, a slot, a wire, a verdict, and a repeat where that can help.

Outcomes leave as portal problems or as SalesforceRefusal, never as an HTTP status (architecture §4).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from portal_chassis.deadline import current_deadline
from portal_chassis.logs import get_logger
from portal_chassis.machine_time import monotonic
from portal_chassis.outbound import Outbound
from portal_contracts.problems import TryLater
from portal_salesforce.api_usage import ApiUsageMeter
from portal_salesforce.errors import QUOTA_SECONDS, Again, SalesforceRefusal, Verdict, judge, unavailable
from portal_salesforce.settings import SalesforceSettings
from portal_salesforce.threaded_wire import ThreadedWire
from portal_salesforce.token import AccessToken, AccessTokens
from portal_salesforce.wire_request import Answered, AsyncWire, NoAnswer, WireRequest

Accept = Callable[[Any], Verdict | None]
"""Looks for failures inside a successful answer."""

TRIES: Final = 3
FIRST_PAUSE_SECONDS: Final = 0.4
WAY_BACK_SECONDS: Final = 0.2
"""Kept of the caller's time, so that "Salesforce does not answer" still reaches who waits instead of silence."""
QUOTA_SILENCE_SECONDS: Final = 120.0
"""After the daily quota ran out we stay silent for this long before looking again."""

_log = get_logger(__name__)


class _NotWell(Exception):  # noqa: N818 - it says what happened
    pass


class Calls:
    """Makes calls for `Salesforce`."""

    def __init__(
        self,
        settings: SalesforceSettings,
        outbound: Outbound,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wire: AsyncWire | None = None,
    ) -> None:
        self._settings = settings
        self._outbound = outbound
        self._pause = pause
        self._wire: AsyncWire = wire or ThreadedWire(settings, self._read_headers)
        self._silent_until = 0.0
        self.usage = ApiUsageMeter()
        self.date_header: str | None = None
        self.tokens = AccessTokens(self._log_in)

    async def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    async def make(self, request: WireRequest, accept: Accept | None = None) -> Any:
        """Make a call and give the parsed body, or None when there is none.

        `accept` looks for failures inside a successful answer. Raises TryLater SALESFORCE_UNAVAILABLE, Misconfigured
        SALESFORCE_MISCONFIGURED or SalesforceRefusal. After TryLater the outcome of a write may be unknown: callers
        repeat it, which is safe for everything but creates.
        """
        tries = 0
        renewed = False
        while True:
            token = await self.tokens.current()
            verdict, content = await self._once(token, request, accept)
            if verdict is None:
                return content
            if verdict.again is Again.LOGGED_IN and not renewed:
                renewed = True
                await self.tokens.renew(token)
                continue
            tries += 1
            pause = random.uniform(0, FIRST_PAUSE_SECONDS * 2**tries)  # noqa: S311 - jitter, not a secret
            if tries >= TRIES or not _may_repeat(verdict, request) or not _time_left(pause):
                self._note(verdict, request)
                raise verdict.problem
            await self._pause(pause)

    async def _once(
        self, token: AccessToken, request: WireRequest, accept: Accept | None
    ) -> tuple[Verdict | None, Any]:
        if monotonic() < self._silent_until:
            raise unavailable(QUOTA_SECONDS)
        try:
            seconds = _seconds(self._settings.call_seconds)
            async with self._outbound.call(request.name, timeout=seconds) as call:
                verdict, content = await self._judged(token, request, accept)
                if verdict is not None:
                    call.outcome(_word(verdict))
        except (TimeoutError, _NotWell):
            return Verdict(unavailable(), Again.IF_HARMLESS), None
        return verdict, content

    async def _judged(
        self, token: AccessToken, request: WireRequest, accept: Accept | None
    ) -> tuple[Verdict | None, Any]:
        try:
            content = await self._wire.call(
                token.value, token.instance_url, request, _seconds(self._settings.call_seconds)
            )
        except Answered as answer:
            verdict = judge(answer.status, answer.content)
            if verdict.again is Again.IF_HARMLESS:
                raise _NotWell from None
            return verdict, None
        except NoAnswer as failure:
            raise _NotWell from failure
        return (accept(content) if accept else None), content

    def _note(self, verdict: Verdict, request: WireRequest) -> None:
        if verdict.again is Again.LOGGED_IN:
            _log.error("salesforce refuses the session right after a login", call=request.name)
        elif isinstance(verdict.problem, TryLater) and verdict.problem.retry_after == QUOTA_SECONDS:
            self._silent_until = monotonic() + QUOTA_SILENCE_SECONDS
            _log.error("salesforce says that the daily request quota is used up", call=request.name)

    async def _log_in(self) -> tuple[int, Any]:
        try:
            async with self._outbound.call("token", timeout=_seconds(self._settings.call_seconds)):
                return await self._wire.log_in()
        except (TimeoutError, NoAnswer):
            raise unavailable() from None

    def _read_headers(self, headers: Mapping[str, str]) -> None:
        self.usage.read(headers.get("Sforce-Limit-Info"))
        self.date_header = headers.get("Date")


def _word(verdict: Verdict) -> str:
    problem = verdict.problem
    return problem.error_code.lower() if isinstance(problem, SalesforceRefusal) else str(problem).partition("(")[0]


def _may_repeat(verdict: Verdict, request: WireRequest) -> bool:
    return verdict.again is Again.SOON or (verdict.again is Again.IF_HARMLESS and request.harmless)


def _seconds(most: float) -> float:
    deadline = current_deadline()
    return max(0.05, min(most, deadline.remaining() - WAY_BACK_SECONDS)) if deadline else most


def _time_left(pause: float) -> bool:
    deadline = current_deadline()
    return deadline is None or deadline.remaining() > pause + 0.5
