"""Asks other services: core request/reply with an absolute deadline and a typed answer (architecture §4).

On nats-py's own `request`, which muxes all replies over one private inbox; FastStream's wrapper costs twice as much and
waits half a second by default (reference/libraries.md §1.2).
"""

import asyncio
from collections.abc import Iterable
from time import perf_counter
from typing import Any, Final, TypeVar, cast

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from portal_chassis import bus_metrics
from portal_chassis.actor import HEADER as ACTOR_HEADER
from portal_chassis.call import RawReply
from portal_chassis.deadline import HEADER as DEADLINE_HEADER
from portal_chassis.deadline import Deadline, current_deadline
from portal_chassis.serving import PROBLEM_HEADER
from portal_chassis.telemetry import CLIENT, current_traceparent, inject, span
from portal_contracts.message import Message, Request, reply_type
from portal_contracts.problems import PortalProblem, ProblemReply, Refused, TryLater, from_reply

R = TypeVar("R", bound=Message)

DEFAULT_TIMEOUT: Final = 5.0
"""Seconds an ask waits when nobody says otherwise."""


class _Route:
    """What is known of a message before it is asked for the first time."""

    __slots__ = ("read_reply", "seconds", "subject")

    def __init__(self, message: type[Request[Any]]) -> None:
        self.subject = message.subject
        self.read_reply = reply_type(message).__pydantic_validator__.validate_json
        self.seconds = bus_metrics.ASK_SECONDS.labels(message.subject)


class Asking:
    """The caller's side of one service."""

    def __init__(self, service: str, asks: Iterable[type[Request[Any]]]) -> None:
        self._service = service
        self._routes: dict[type[Request[Any]], _Route] = {message: _Route(message) for message in asks}
        self._connection: Client | None = None

    def open(self, connection: Client) -> None:
        """Use this connection."""
        self._connection = connection

    async def ask(self, message: Request[R], *, timeout: float | None = None, actor: str | None = None) -> R:  # noqa: ASYNC109 - it travels as a deadline
        """Ask and wait for the answer, at most `timeout` seconds and never beyond the current deadline.

        Raises TryLater, Refused or Misconfigured as the other side did, and TryLater `SERVICE_UNAVAILABLE` when it did
        not answer at all: nobody there, too slow, no connection, or denied (which only the error callback can tell).
        """
        route = self._route(type(message))
        raw = await self._ask(route, message.__pydantic_serializer__.to_json(message), timeout, actor)
        if raw.problem is not None:
            raise _problem_of(raw.body)
        return cast("R", route.read_reply(raw.body))

    async def ask_bytes(
        self,
        message_class: type[Request[Any]],
        body: bytes,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it travels as a deadline
        actor: str | None = None,
    ) -> RawReply:
        """Ask with ready JSON and give the answer unparsed; raises only the TryLater of not being answered."""
        return await self._ask(self._route(message_class), body, timeout, actor)

    async def _ask(self, route: _Route, body: bytes, timeout: float | None, actor: str | None) -> RawReply:  # noqa: ASYNC109 - it travels as a deadline
        started = perf_counter()
        try:
            if current_traceparent() is None:
                return await self._send(route.subject, body, timeout, actor)
            with span(route.subject, CLIENT) as opened:
                raw = await self._send(route.subject, body, timeout, actor)
                if raw.problem is not None:
                    opened.set("portal.problem", raw.problem)
                return raw
        except PortalProblem as problem:
            bus_metrics.ASK_PROBLEMS.labels(route.subject, problem.code).inc()
            raise
        finally:
            route.seconds.observe(perf_counter() - started)

    async def _send(
        self,
        subject: str,
        body: bytes,
        timeout: float | None,  # noqa: ASYNC109 - it travels as a deadline
        actor: str | None,
    ) -> RawReply:
        deadline = _deadline(DEFAULT_TIMEOUT if timeout is None else timeout)
        left = deadline.remaining()
        if left <= 0:
            raise TryLater("DEADLINE_PASSED")
        if self._connection is None:
            raise TryLater("SERVICE_UNAVAILABLE", facts={"subject": subject})
        headers = {DEADLINE_HEADER: str(deadline.at_ms)}
        if actor is not None:
            headers[ACTOR_HEADER] = actor
        inject(headers)
        task = asyncio.current_task()
        cancellations = task.cancelling() if task is not None else 0
        try:
            reply = await self._connection.request(subject, body, timeout=left, headers=headers)
        except MaxPayloadError:
            raise Refused("PAYLOAD_TOO_LARGE", facts={"limit": self._connection.max_payload}) from None
        except NatsError as error:
            raise TryLater("SERVICE_UNAVAILABLE", facts={"subject": subject}) from error
        if task is not None and task.cancelling() > cancellations:
            # Python 3.11's wait_for, which nats-py uses, swallows a cancellation that meets the answer.
            raise asyncio.CancelledError
        if reply.headers is None:
            return RawReply(reply.data, None)
        problem = reply.headers.get(PROBLEM_HEADER)
        if problem is not None:
            bus_metrics.ASK_PROBLEMS.labels(subject, problem).inc()
        return RawReply(reply.data, problem)

    def _route(self, message_class: type[Request[Any]]) -> _Route:
        route = self._routes.get(message_class)
        if route is None:
            raise TypeError(f"{self._service} does not ask {message_class.__name__}; see portal_contracts.topology")
        return route


def _deadline(timeout: float) -> Deadline:
    mine = Deadline.after(timeout)
    current = current_deadline()
    if current is not None and current.at_ms < mine.at_ms:
        return current
    return mine


def _problem_of(body: bytes) -> PortalProblem:
    return from_reply(ProblemReply.__pydantic_validator__.validate_json(body))
