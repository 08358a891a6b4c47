"""Carries out fault rules around a vendor's HTTP application."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from portal_sandbox.core.broken_call import BrokenCall, ConnectionDroppedError, replay
from portal_sandbox.core.clock import Clock
from portal_sandbox.core.faults import FaultRules
from portal_sandbox.core.manners import Manners, PlainManners
from portal_sandbox.core.store import Store

__all__ = ["CallNamer", "ConnectionDroppedError", "Faults"]

CallNamer: TypeAlias = Callable[[Scope, bytes], str]


class Faults(FaultRules):
    """The rules plus the middleware that applies them. Without a store no read can be stale."""

    def __init__(self, clock: Clock, store: Store | None = None) -> None:
        super().__init__(lambda: clock.now().timestamp())
        self._clock = clock
        self._store = store
        self._late: set[asyncio.Task[None]] = set()
        self._before_last_write: dict[str, sqlite3.Connection] = {}

    def middleware(self, app: ASGIApp, vendor: str, name_call: CallNamer, manners: Manners | None = None) -> ASGIApp:
        """Wraps a vendor's application: reads the whole body, names the call, applies the first armed rule."""
        ways = manners or PlainManners()

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            body = await _read_body(receive)
            call = name_call(scope, body)
            rule = self.take(vendor, call, body, is_read=ways.is_read(call))
            self.in_flight[vendor] = self.in_flight.get(vendor, 0) + 1
            self.most_in_flight[vendor] = max(self.most_in_flight.get(vendor, 0), self.in_flight[vendor])
            try:
                if rule is None:
                    await watched(call, scope, replay(body, receive), send)
                elif rule.kind == "stale":
                    await self._answer_stale(vendor, ways, app, (scope, replay(body, receive), send))
                else:
                    await BrokenCall(
                        self, lambda *asgi: watched(call, *asgi), ways, rule, call, scope, body, receive, send
                    ).run()
            finally:
                self.in_flight[vendor] -= 1

        async def watched(call: str, scope: Scope, receive: Receive, send: Send) -> None:
            await self._watch(vendor, ways, call, app(scope, receive, send))

        return faulty

    async def settle(self) -> None:
        """Waits until every late effect has landed."""
        while self._late:
            await asyncio.gather(*self._late)

    async def cancel_late(self) -> None:
        """Drops effects that were still to land: the sandbox is being reset or stopped."""
        late = list(self._late)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs an effect that no longer depends on its caller."""
        task = asyncio.get_running_loop().create_task(work)
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return task

    async def business_wait(self, seconds: float) -> None:
        """Waits on the sandbox clock, which flows and can be moved."""
        due = self._clock.now().timestamp() + seconds
        while (left := due - self._clock.now().timestamp()) > 0:
            await self._clock.wait_for_move(self._clock.version(), left)

    def disarm(self, rule_id: int | None = None) -> None:
        """Forgets one rule, or all and what they remembered."""
        super().disarm(rule_id)
        if rule_id is None:
            for picture in self._before_last_write.values():
                picture.close()
            self._before_last_write.clear()

    async def _watch(self, vendor: str, manners: Manners, call: str, work: Awaitable[None]) -> None:
        """Lets a call through; while a read is to be stale, remembers the state before each write."""
        store = self._store
        if store is None or not self.expects_stale(vendor) or manners.is_read(call) or manners.is_login(call):
            await work
            return
        picture, changes = store.picture(), store.changes()
        await work
        if store.changes() == changes:
            picture.close()
            return
        earlier = self._before_last_write.pop(vendor, None)
        if earlier is not None:
            earlier.close()
        self._before_last_write[vendor] = picture

    async def _answer_stale(
        self, vendor: str, manners: Manners, app: ASGIApp, asgi: tuple[Scope, Receive, Send]
    ) -> None:
        picture = self._before_last_write.get(vendor)
        if self._store is None or picture is None:
            await app(*asgi)
            return
        with self._store.looking_at(picture, manners.session_tables):
            await app(*asgi)


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
