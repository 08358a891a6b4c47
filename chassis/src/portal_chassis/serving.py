"""Answers requests: a task per message, bounded, with a bounded queue behind it.

On the plain NATS connection, because a FastStream subscriber answers one message at a time, never tells the caller of
an exception and costs four times as much (reference/libraries.md §1.1, §1.4, §1.8; reference/performance.md §2, §6).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from pydantic import ValidationError

from portal_chassis import bus_metrics
from portal_chassis.actor import HEADER as ACTOR_HEADER
from portal_chassis.actor import Actor, ActorVerifier
from portal_chassis.call import Call, Encoded
from portal_chassis.deadline import HEADER as DEADLINE_HEADER
from portal_chassis.deadline import Deadline, set_current_deadline
from portal_chassis.draining import drain
from portal_chassis.logs import SUBJECT_IDS, about, get_logger
from portal_chassis.subscriptions import is_alive
from portal_chassis.telemetry import HEADER as TRACE_HEADER
from portal_chassis.telemetry import SERVER, adopt, current_ids, span
from portal_chassis.validation import refused_input
from portal_contracts.message import Command, Message, Request, reply_type
from portal_contracts.operators import OperatorCommand, OperatorQuery, permissions_of
from portal_contracts.problems import Misconfigured, PortalProblem, Refused, TryLater, to_reply

Handler = Callable[[Any, Call], Awaitable[Any]]

PROBLEM_HEADER: Final = "Portal-Problem"
DEFAULT_PATIENCE: Final = 5.0
"""Seconds a request without a deadline is taken to be wanted."""
_NO_HEADERS: Final[Mapping[str, str]] = {}
_INBOX: Final = "_INBOX."
_NEED_SOMEBODY: Final = frozenset({"customer", "operator"})
_OPERATORS: Final = (OperatorQuery, OperatorCommand)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of one subject is taken at once, and how much may wait behind that."""

    at_once: int
    waiting: int


class Desk:
    """One subject's counter: takes messages, runs its handler, replies."""

    def __init__(
        self, message: type[Request[Any]], handler: Handler, bounds: Bounds, verifier: ActorVerifier | None
    ) -> None:
        self.subject = message.subject
        self._audience = message.audience
        self._permission = message.permission if issubclass(message, _OPERATORS) else ""
        self._validate = message.__pydantic_validator__.validate_json
        self._reply_type: type[Message] = reply_type(message)
        self._handler = handler
        self._bounds = bounds
        self._verifier = verifier
        self._connection: Client | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._queue: deque[tuple[Msg, float]] = deque()
        # Reads come too often for a line each, but for those between services: of one order, or in a trace.
        between = message.audience == "service"
        self._is_told = issubclass(message, Command) or (between and not SUBJECT_IDS.isdisjoint(message.model_fields))
        self._is_told_in_a_trace = between
        self._seconds = bus_metrics.ANSWER_SECONDS.labels(self.subject)
        self._subscription: Subscription | None = None

    async def open(self, connection: Client, queue_group: str) -> None:
        """Start taking messages, sharing them with the other instances of the service."""
        self._connection = connection
        self._subscription = await connection.subscribe(self.subject, queue=queue_group, cb=self._arrived)

    def listens(self) -> bool:
        """Whether the subscription is there, unless it was not opened yet or given up on purpose."""
        return self._subscription is None or is_alive(self._subscription)

    async def stop_accepting(self) -> None:
        """Leave the queue group without losing what has been sent to us (libraries.md §1.4)."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and self._connection is not None:
            await drain(self._connection, subscription)

    async def finish(self) -> None:
        """Wait until everything taken has been answered."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def give_up(self) -> None:
        """Cancel what still runs at the end of the time for stopping; the callers are told to try again."""
        self._queue.clear()
        for task in self._tasks:
            task.cancel()

    async def _arrived(self, message: Msg) -> None:
        if not message.reply.startswith(_INBOX):
            # Whoever asks names an inbox. The bus checks nobody's reply subject, so a stream's delivery or another
            # service's answer can be steered onto a request's subject, and our own answer onto one we may not use.
            log.error("a message that is no question was ignored", subject=self.subject, reply=message.reply[:200])
            bus_metrics.ANSWER_PROBLEMS.labels(self.subject, "BAD_REQUEST").inc()
            return
        now = perf_counter()
        if len(self._tasks) < self._bounds.at_once:
            self._start(message, now)
        elif len(self._queue) < self._bounds.waiting:
            self._queue.append((message, now))
        else:
            await self._send_problem(message, TryLater("OVERLOADED"))

    def _start(self, message: Msg, since: float) -> None:
        task = asyncio.create_task(self._serve(message, since))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._queue:
            self._start(*self._queue.popleft())

    async def _serve(self, message: Msg, since: float) -> None:
        try:
            headers = message.headers or _NO_HEADERS
            traceparent = headers.get(TRACE_HEADER)
            if traceparent is None:
                body = await self._answer(message.data, headers)
            else:
                adopt(traceparent)
                with span(self.subject, SERVER):
                    body = await self._answer(message.data, headers)
            await self._send(message, body, None)
            if self._is_told or (self._is_told_in_a_trace and current_ids() is not None):
                log.info("a request was answered", subject=self.subject)
        except PortalProblem as problem:
            if self._is_told or (self._is_told_in_a_trace and current_ids() is not None):
                log.info("a request met a problem", subject=self.subject, code=problem.code)
            if isinstance(problem, Misconfigured):
                log.error("a request met our wrong set-up", subject=self.subject, problem=str(problem))  # noqa: TRY400 - the code says it, and it may repeat
            await self._send_problem(message, problem)
        except asyncio.CancelledError:
            await self._send_problem(message, TryLater("SERVICE_UNAVAILABLE"))
            raise
        except Exception:
            log.exception("a request handler failed", subject=self.subject)
            await self._send_problem(message, Misconfigured("INTERNAL_ERROR"))
        finally:
            self._seconds.observe(perf_counter() - since)

    async def _answer(self, data: bytes, headers: Mapping[str, str]) -> bytes:
        deadline = _deadline_of(headers)
        deadline.check()
        set_current_deadline(deadline)
        actor = self._actor_of(headers)
        try:
            request = self._validate(data)
        except ValidationError as error:
            raise refused_input(error) from None
        about(request)
        reply = await self._handler(request, Call(actor, deadline, headers))
        if type(reply) is Encoded:
            return reply.body
        if not isinstance(reply, self._reply_type):
            raise TypeError(f"{self.subject} answers {self._reply_type.__name__}, not {type(reply).__name__}")
        return reply.__pydantic_serializer__.to_json(reply)

    def _actor_of(self, headers: Mapping[str, str]) -> Actor | None:
        """Give who the message is for; `Call.customer` keeps operators out of customers' messages."""
        token = headers.get(ACTOR_HEADER)
        if token is None:
            if self._audience in _NEED_SOMEBODY:
                raise Misconfigured("ACTOR_REFUSED", facts={"reason": "missing"})
            return None
        if self._verifier is None:
            raise Misconfigured("ACTOR_REFUSED", facts={"reason": "no_keys"})
        actor = self._verifier.verify(token)
        if self._audience == "operator" and not (actor.operator and self._permission in permissions_of(actor.roles)):
            log.warning("an operator message was refused", subject=self.subject, operator_id=actor.user_id)
            raise Refused("OPERATOR_FORBIDDEN", facts={"permission": self._permission})
        return actor

    async def _send_problem(self, message: Msg, problem: PortalProblem) -> None:
        bus_metrics.ANSWER_PROBLEMS.labels(self.subject, problem.code).inc()
        reply = to_reply(problem)
        await self._send(message, reply.__pydantic_serializer__.to_json(reply), {PROBLEM_HEADER: problem.code})

    async def _send(self, message: Msg, body: bytes, headers: dict[str, str] | None) -> None:
        """Reply; the caller is told when the answer is too large for the bus, and nobody when there is no bus."""
        if not message.reply or self._connection is None:
            return
        if len(body) > self._connection.max_payload and headers is None:
            log.error("an answer is too large for the bus", subject=self.subject, size=len(body))
            await self._send_problem(message, Misconfigured("INTERNAL_ERROR"))
            return
        try:
            await self._connection.publish(message.reply, body, headers=headers)
        except NatsError as error:
            log.warning("an answer could not be sent", subject=self.subject, error=type(error).__name__)


class Serving:
    """All desks of one service."""

    def __init__(self, service: str, serves: Iterable[type[Request[Any]]], verifier: ActorVerifier | None) -> None:
        self._service = service
        self._listed = frozenset(serves)
        self._verifier = verifier
        self._desks: dict[type[Request[Any]], Desk] = {}

    def register(
        self, message: type[Request[Any]], handler: Handler, bounds: Bounds, *, without_keys: bool = False
    ) -> None:
        """Take a handler; raises TypeError when the topology does not list the message or it has one already.

        A message that needs a token needs our keys, unless it may be answered by refusing everybody (`without_keys`).
        """
        if message not in self._listed:
            raise TypeError(f"{self._service} does not serve {message.__name__}; see portal_contracts.topology")
        if message in self._desks:
            raise TypeError(f"{message.__name__} has two handlers")
        if message.audience in _NEED_SOMEBODY and self._verifier is None and not without_keys:
            raise TypeError(f"{message.__name__} needs the actor's public keys: PORTAL_ACTOR_PUBLIC_KEYS_PATH is empty")
        self._desks[message] = Desk(message, handler, bounds, self._verifier)

    def unanswered(self) -> list[str]:
        """Name the subjects the topology promises and nobody answers."""
        return sorted(message.subject for message in self._listed if message not in self._desks)

    async def open(self, connection: Client) -> None:
        """Start answering."""
        for desk in self._desks.values():
            await desk.open(connection, self._service)

    def listens(self) -> bool:
        """Whether no desk has lost its subscription."""
        return all(desk.listens() for desk in self._desks.values())

    async def drain(self, within: float) -> None:
        """Stop accepting, answer what was accepted, and give up after that many seconds."""
        desks = list(self._desks.values())
        try:
            async with asyncio.timeout(within):
                await asyncio.gather(*(desk.stop_accepting() for desk in desks))
                await asyncio.gather(*(desk.finish() for desk in desks))
        except TimeoutError:
            for desk in desks:
                desk.give_up()
            await asyncio.gather(*(desk.finish() for desk in desks))


def _deadline_of(headers: Mapping[str, str]) -> Deadline:
    value = headers.get(DEADLINE_HEADER)
    if value is None:
        return Deadline.after(DEFAULT_PATIENCE)
    try:
        return Deadline.parse(value)
    except ValueError:
        raise Refused("BAD_REQUEST") from None
