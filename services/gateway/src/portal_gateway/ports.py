"""What the gateway needs of the bus; `portal_chassis.bus.Bus` is the real one."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from portal_chassis.call import RawReply
from portal_contracts.message import Event, Message, Request

R = TypeVar("R", bound=Message)
Watcher = TypeVar("Watcher", bound=Callable[[Any], Awaitable[None]])


class Asks(Protocol):
    """Ask other services and hear of what happened."""

    async def ask(self, message: Request[R], *, timeout: float | None = None, actor: str | None = None) -> R:  # noqa: ASYNC109 - the bus's signature
        """Ask and get the typed reply; raises TryLater, Refused or Misconfigured."""
        ...

    async def ask_bytes(
        self,
        message_class: type[Request[Any]],
        body: bytes,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the bus's signature
        actor: str | None = None,
    ) -> RawReply:
        """Ask with ready JSON and get the reply's bytes."""
        ...

    def watches(self, event: type[Event]) -> Callable[[Watcher], Watcher]:
        """Hear of an event, perhaps never."""
        ...

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Be called when hints may have been lost."""
        ...
