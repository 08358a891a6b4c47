"""Watches events: a plain core subscription of every instance (architecture §4).

A watcher must be right without the message: hints are lost while the connection is down, so it re-reads then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from pydantic import ValidationError

from portal_chassis.logs import get_logger
from portal_chassis.subscriptions import is_alive
from portal_contracts.message import Event

WatchHandler = Callable[[Any], Awaitable[None]]

log = get_logger(__name__)


class Watching:
    """The watchers of one instance; a failing one is logged and the next hint comes through all the same."""

    def __init__(self, service: str, watches: Iterable[type[Event]]) -> None:
        self._service = service
        self._listed = frozenset(watches)
        self._watchers: dict[type[Event], list[WatchHandler]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscriptions: list[Subscription] = []

    def register(self, event: type[Event], handler: WatchHandler) -> None:
        """Take a handler; raises TypeError when the topology does not list the event."""
        if event not in self._listed:
            raise TypeError(f"{self._service} does not watch {event.__name__}; see portal_contracts.topology")
        self._watchers.setdefault(event, []).append(handler)

    async def open(self, connection: Client) -> None:
        """Start watching."""
        for event, handlers in self._watchers.items():
            self._subscriptions.append(await connection.subscribe(event.subject, cb=self._callback(event, handlers)))

    def listens(self) -> bool:
        """Whether every subscription is there."""
        return all(is_alive(subscription) for subscription in self._subscriptions)

    async def close(self) -> None:
        """Let running handlers end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _callback(self, event: type[Event], handlers: list[WatchHandler]) -> Callable[[Msg], Awaitable[None]]:
        validate = event.__pydantic_validator__.validate_json

        async def arrived(message: Msg) -> None:
            try:
                hint = validate(message.data)
            except ValidationError:
                log.error("a hint could not be read", subject=event.subject)  # noqa: TRY400 - the trace would hold the payload
                return
            for handler in handlers:
                task = asyncio.create_task(self._run(event.subject, handler, hint))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        return arrived

    async def _run(self, subject: str, handler: WatchHandler, hint: Event) -> None:
        try:
            await handler(hint)
        except Exception:
            log.exception("a watcher failed", subject=subject)
