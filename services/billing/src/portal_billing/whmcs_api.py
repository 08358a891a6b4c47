"""WHMCS's External API over HTTP: one POST per action, told apart into answered, refused, unreachable and unclear.

Source: reference/whmcs.md section 1. Success stands in the body, not in the status. Reads are repeated, writes never.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import httpx
import stamina

from portal_billing.ports import Unclear
from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_answer import Interrupted, WhmcsRefusal, understand
from portal_billing.whmcs_departure import Departure, TooLate
from portal_billing.whmcs_parse import BadAnswer, rows, whole
from portal_billing.whmcs_wire import Value, form_fields
from portal_chassis.clocks import MachineClock
from portal_chassis.deadline import current_deadline, within
from portal_chassis.logs import get_logger
from portal_chassis.outbound import KEPT_FOR_WRITES, Outbound, OutboundCall
from portal_contracts.problems import TryLater

MOST_PAGES: Final = 200
READ_ATTEMPTS: Final = 3
CONNECT_SECONDS: Final = 5.0
UNAVAILABLE: Final = "WHMCS_UNAVAILABLE"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WhmcsConnection:
    """The installation, its credentials and the sockets to it: reads share some, every write gets its own."""

    settings: WhmcsSettings
    machine: MachineClock
    reading: httpx.AsyncClient
    writing: httpx.AsyncClient

    async def close(self) -> None:
        """Close all sockets."""
        await self.reading.aclose()
        await self.writing.aclose()


def connect(settings: WhmcsSettings, machine: MachineClock) -> WhmcsConnection:
    """Build the clients. Redirects are never followed: they would carry the credentials elsewhere."""
    kept = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=15)
    fresh = httpx.Limits(max_connections=16, max_keepalive_connections=KEPT_FOR_WRITES)
    return WhmcsConnection(settings, machine, _client(kept), _client(fresh))


def _client(limits: httpx.Limits) -> httpx.AsyncClient:
    return httpx.AsyncClient(follow_redirects=False, trust_env=False, limits=limits)


class WhmcsApi:
    """Calls of one purpose, behind that purpose's bulkhead: customers who wait never queue behind orders."""

    def __init__(self, connection: WhmcsConnection, outbound: Outbound) -> None:
        self._connection = connection
        self._settings = connection.settings
        self._outbound = outbound

    async def read(self, action: str, parameters: Mapping[str, Value]) -> dict[str, Any]:
        """Read something, trying up to three times while that does not add much to WHMCS's troubles.

        Raises TryLater, Misconfigured and WhmcsRefusal.
        """
        try:
            async for attempt in stamina.retry_context(
                on=lambda error: isinstance(error, Interrupted) and self._outbound.may_repeat(),
                attempts=READ_ATTEMPTS,
                timeout=self._settings.read_seconds,
                wait_initial=0.1,
                wait_max=1.0,
            ):
                with attempt:
                    return await self._read_once(action, parameters)
        except Interrupted as error:
            _log.warning("WHMCS does not answer", action=action, seen=error.seen)
            raise TryLater(UNAVAILABLE, retry_after=error.retry_after) from error
        except BadAnswer as error:
            _give_up(action, error)
        raise AssertionError("a retry context ends by returning or raising")

    async def _read_once(self, action: str, parameters: Mapping[str, Value]) -> dict[str, Any]:
        seconds = self._settings.read_seconds
        try:
            async with self._outbound.call(action, timeout=seconds) as call:
                response = await self._post(self._connection.reading, action, parameters, seconds, {})
                answer = understand(action, *response)
                _tell(call, answer)
        except (httpx.TransportError, TimeoutError) as error:
            raise Interrupted(type(error).__name__) from error
        return _success(answer)

    async def pages(
        self,
        action: str,
        parameters: Mapping[str, Value],
        plural: str,
        singular: str | None,
        key: str = "id",
    ) -> list[Mapping[str, Any]]:
        """Read all pages of a list (D06). TryLater when what came does not add up: that is never an empty list.

        A list that changes while it is read is read again: a row that went would have let another slip between pages.
        """
        for _ in range(READ_ATTEMPTS):
            asked = {**parameters, "limitnum": self._settings.page_rows}
            found = await self._all_pages(action, asked, plural, singular, key)
            if found is not None:
                return found
        _log.error("WHMCS's list does not add up", action=action)
        raise TryLater(UNAVAILABLE)

    async def _all_pages(
        self, action: str, parameters: Mapping[str, Value], plural: str, singular: str | None, key: str
    ) -> list[Mapping[str, Any]] | None:
        """Read all pages once; None when they do not add up."""
        found: dict[int, Mapping[str, Any]] = {}
        start, first_total = 0, None
        try:
            for _ in range(MOST_PAGES):
                body = await self.read(action, {**parameters, "limitstart": start})
                total, page = whole(body, "totalresults"), rows(body, plural, singular)
                if first_total not in (None, total):
                    return None
                first_total = total
                found.update({whole(row, key): row for row in page})
                start += len(page)
                if start >= total or not page:
                    break
        except BadAnswer as error:
            _give_up(action, error)
        return list(found.values()) if len(found) == first_total else None

    async def write(
        self, action: str, parameters: Mapping[str, Value], *, seconds: float, send_by: float | None = None
    ) -> dict[str, Any]:
        """Change something, once. Raises WhmcsRefusal, and Unclear when nobody can know what became of it.

        TryLater and Misconfigured mean that nothing was done. `send_by` is looked at on the line before the socket
        write (rule 4). The caller's deadline decides whether the write leaves, not how long its answer is waited for:
        giving up early would only make it unclear.
        """
        departure = Departure(self._connection.machine, send_by, current_deadline())
        answer: dict[str, Any] | WhmcsRefusal | None = None
        try:
            with within(None):
                async with self._outbound.call(action, timeout=seconds) as call:
                    with suppress(TooLate):
                        response = await self._post(
                            self._connection.writing, action, parameters, seconds, {"trace": departure}
                        )
                        answer = understand(action, *response)
                    _tell(call, answer)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            if departure.left:
                raise Unclear(action, type(error).__name__) from error
            raise TryLater(UNAVAILABLE) from error
        except (httpx.TransportError, TimeoutError, BadAnswer) as error:
            raise Unclear(action, str(error) or type(error).__name__) from error
        except Interrupted as error:
            if error.nothing_done:
                raise TryLater(UNAVAILABLE, retry_after=error.retry_after) from error
            raise Unclear(action, error.seen) from error
        if answer is None:
            _log.warning("a write was abandoned: too late to send it", action=action)
            raise TryLater(UNAVAILABLE, retry_after=1)
        return _success(answer)

    async def _post(
        self,
        client: httpx.AsyncClient,
        action: str,
        parameters: Mapping[str, Value],
        seconds: float,
        extensions: dict[str, Any],
    ) -> tuple[int, str, bytes]:
        """Give status, Retry-After and body; raises httpx.TransportError and BadAnswer for an endless body."""
        request = client.build_request(
            "POST",
            str(self._settings.api_url),
            data={**form_fields(parameters), **self._credentials(), "action": action, "responsetype": "json"},
            headers={"Accept": "application/json", "User-Agent": "customer-portal"},
            timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
            extensions=extensions,
        )
        response = await client.send(request, stream=True)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > self._settings.answer_limit:
                    raise BadAnswer("the answer is too large")
        finally:
            await response.aclose()
        return response.status_code, response.headers.get("Retry-After", ""), bytes(body)

    def _credentials(self) -> dict[str, str]:
        settings = self._settings
        sent = {"identifier": settings.identifier.get_secret_value(), "secret": settings.secret.get_secret_value()}
        if settings.access_key is not None:
            sent["accesskey"] = settings.access_key.get_secret_value()
        return sent


def _tell(call: OutboundCall, answer: dict[str, Any] | WhmcsRefusal | None) -> None:
    """Say in metrics how it went: a refusal is an answer, so the breaker must not count it as a failure."""
    if not isinstance(answer, dict):
        call.outcome("too_late" if answer is None else "refused")


def _success(answer: dict[str, Any] | WhmcsRefusal) -> dict[str, Any]:
    if isinstance(answer, WhmcsRefusal):
        raise answer
    return answer


def _give_up(action: str, error: BadAnswer) -> NoReturn:
    _log.error("WHMCS answered nonsense", action=action, seen=str(error))
    raise TryLater(UNAVAILABLE) from error


def refused_with(refusal: WhmcsRefusal, *texts: str) -> bool:
    """Whether WHMCS's refusal says one of these texts, whatever its spacing and case."""
    return any(text.casefold() in refusal.message.casefold() for text in texts)
