"""A bus without NATS: answers by what the test says, records what was asked, and runs handlers on demand.

It checks neither topology nor audience; those are tested on a real NATS.
"""

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from uuid import uuid4

from portal_chassis.actor import Actor
from portal_chassis.call import Call, Delivery, Encoded, RawReply
from portal_chassis.deadline import Deadline
from portal_contracts.message import Event, Message, Request, reply_type
from portal_contracts.problems import PortalProblem, TryLater, to_reply

if TYPE_CHECKING:
    from portal_chassis.postgres import Transaction

R = TypeVar("R", bound=Message)
Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])
Answer = Message | PortalProblem | Callable[[Any], Any]


class Asked(NamedTuple):
    """One ask as it was made."""

    message: Request[Any]
    actor: str | None


class FakeBus:
    """Stands for `portal_chassis.bus.Bus` in tests of use cases and consumers."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[type[Request[Any]], Answer] = {}
        self._handlers: dict[type[Request[Any]], Callable[..., Awaitable[Any]]] = {}
        self._consumers: dict[type[Event], Callable[..., Awaitable[None]]] = {}
        self._watchers: dict[type[Event], list[Callable[..., Awaitable[None]]]] = {}
        self._reconnected: list[Callable[[], Awaitable[None]]] = []

    # what the test says

    def reply(self, message: type[Request[Any]], answer: Answer) -> None:
        """Answer asks with a reply, a problem to raise, or a callable (plain or async) that gives either."""
        self._answers[message] = answer

    def asked_of(self, message: type[Request[Any]]) -> list[Request[Any]]:
        """Give the asks of one kind, in order."""
        return [ask.message for ask in self.asked if type(ask.message) is message]

    async def call(
        self, message: Request[R], *, actor: Actor | None = None, headers: Mapping[str, str] | None = None
    ) -> R:
        """Run the handler the code registered for a request and give its reply, decoded when it was bytes."""
        reply = await self._handlers[type(message)](message, Call(actor, Deadline.after(5), headers or {}))
        if isinstance(reply, Encoded):
            return cast("R", reply_type(type(message)).model_validate_json(reply.body))
        return cast("R", reply)

    async def deliver(self, event: Event, transaction: "Transaction", *, message_id: str | None = None) -> None:
        """Run the consumer the code registered for an event, in the given transaction."""
        delivery = Delivery(transaction, message_id or str(uuid4()), event.subject, None, 1)
        await self._consumers[type(event)](event, delivery)

    async def hint(self, event: Event) -> None:
        """Run the watchers of an event."""
        for watcher in self._watchers.get(type(event), []):
            await watcher(event)

    async def reconnect(self) -> None:
        """Act as if the connection had been lost and were back."""
        for callback in self._reconnected:
            await callback()

    # what the code sees

    def answers(self, message: type[Request[Any]], **_bounds: int) -> Callable[[Handler], Handler]:
        """Register a handler for `call`."""

        def register(handler: Handler) -> Handler:
            self._handlers[message] = handler
            return handler

        return register

    def consumes(self, event: type[Event]) -> Callable[[Handler], Handler]:
        """Register a handler for `deliver`."""

        def register(handler: Handler) -> Handler:
            self._consumers[event] = handler
            return handler

        return register

    def watches(self, event: type[Event]) -> Callable[[Handler], Handler]:
        """Register a handler for `hint`."""

        def register(handler: Handler) -> Handler:
            self._watchers.setdefault(event, []).append(handler)
            return handler

        return register

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Register a callback for `reconnect`."""
        self._reconnected.append(callback)

    async def ask(self, message: Request[R], *, timeout: float | None = None, actor: str | None = None) -> R:  # noqa: ASYNC109, ARG002 - the real signature
        """Answer as told; TryLater `SERVICE_UNAVAILABLE` when nobody told how."""
        self.asked.append(Asked(message, actor))
        answer = self._answers.get(type(message))
        if answer is None:
            raise TryLater("SERVICE_UNAVAILABLE", facts={"subject": message.subject})
        result: Any = answer
        if not isinstance(answer, Message | PortalProblem):
            result = answer(message)
            if isawaitable(result):
                result = await result
        if isinstance(result, PortalProblem):
            raise result
        return cast("R", result)

    async def ask_bytes(
        self,
        message_class: type[Request[Any]],
        body: bytes,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the real signature
        actor: str | None = None,
    ) -> RawReply:
        """Answer as told, as bytes."""
        try:
            reply = await self.ask(message_class.model_validate_json(body), timeout=timeout, actor=actor)
        except PortalProblem as problem:
            return RawReply(to_reply(problem).model_dump_json().encode(), problem.code)
        return RawReply(reply.model_dump_json().encode(), None)
