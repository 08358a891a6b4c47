"""Carries out fault rules around a vendor's HTTP application."""

import asyncio
import contextlib
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal_sandbox.core.clock import Clock
from portal_sandbox.core.faults import FaultRule, FaultRules

ABORT_EXTENSION = "portal_sandbox.abort"
"""Key in scope["extensions"] under which the sandbox's server offers a function that cuts the TCP connection."""

CallNamer: TypeAlias = Callable[[Scope, bytes], str]

_MAINTENANCE_PAGE = (
    b"<!DOCTYPE html><html><head><title>Down for maintenance</title></head>"
    b"<body><h1>We are performing maintenance</h1></body></html>"
)


class ConnectionDroppedError(ConnectionError):
    """Stands for a cut connection where there is no real one (an application called without a server)."""


@dataclass(slots=True)
class _Answer:
    """What the application said, held back so that a fault can spoil it."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    async def collect(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


class Faults(FaultRules):
    """The rules plus the middleware that applies them."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._late: set[asyncio.Task[None]] = set()

    def middleware(self, app: ASGIApp, vendor: str, name_call: CallNamer) -> ASGIApp:
        """Wraps a vendor's application: reads the whole body, names the call, applies the first armed rule."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            body = await _read_body(receive)
            rule = self.take(vendor, name_call(scope, body), body)
            self.in_flight[vendor] = self.in_flight.get(vendor, 0) + 1
            self.most_in_flight[vendor] = max(self.most_in_flight.get(vendor, 0), self.in_flight[vendor])
            try:
                if rule is None:
                    await app(scope, _replay(body, receive), send)
                else:
                    await _Break(self, app, rule, scope, body, receive, send).run()
            finally:
                self.in_flight[vendor] -= 1

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

    def land_late(self, app: ASGIApp, rule: FaultRule, scope: Scope, body: bytes) -> None:
        """Plans the effect for later: `seconds` of real time, or `businessSeconds` on the sandbox clock."""

        async def land() -> None:
            if "businessSeconds" in rule.params:
                await self._wait_for_business_time(rule.number("businessSeconds", 0))
            else:
                await asyncio.sleep(rule.number("seconds", 5))
            await app(scope, _replay(body, None), _Answer().collect)

        task = asyncio.get_running_loop().create_task(land())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _wait_for_business_time(self, seconds: float) -> None:
        due = self._clock.now().timestamp() + seconds
        while (left := due - self._clock.now().timestamp()) > 0:
            await self._clock.wait_for_move(self._clock.version(), left)


@dataclass(slots=True)
class _Break:
    """One call being broken."""

    faults: Faults
    app: ASGIApp
    rule: FaultRule
    scope: Scope
    body: bytes
    receive: Receive
    send: Send

    async def run(self) -> None:
        await getattr(self, f"_{self.rule.kind}")()

    async def _refused(self) -> None:
        await self._cut()

    async def _before_effect(self) -> None:
        await self._hang(60)
        await self._cut()

    async def _after_effect(self) -> None:
        await self._effect()
        await self._hang(0)
        await self._cut()

    async def _late(self) -> None:
        self.faults.land_late(self.app, self.rule, dict(self.scope), self.body)
        await self._cut()

    async def _slow(self) -> None:
        await self._gone_within(self.rule.number("seconds", 5))
        await self.app(self.scope, _replay(self.body, self.receive), self.send)

    async def _drip(self) -> None:
        answer = await self._effect()
        await self.send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        for position in range(len(answer.body)):
            byte = bytes(answer.body[position : position + 1])
            await self.send({"type": "http.response.body", "body": byte, "more_body": True})
            if await self._gone_within(self.rule.number("interval", 1)):
                return
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _malformed(self) -> None:
        answer = await self._effect()
        await self._say(answer.status, bytes(answer.body[: len(answer.body) // 2]) or b"{", _type_of(answer))

    async def _html(self) -> None:
        await self._say(200, self.rule.text("body", "").encode() or _MAINTENANCE_PAGE, b"text/html; charset=utf-8")

    async def _status(self) -> None:
        if self.rule.params.get("effect"):
            await self._effect()
        extra = self.rule.params.get("headers")
        headers = [(str(name).lower().encode(), str(value).encode()) for name, value in _items(extra)]
        text = self.rule.text("body", "")
        content_type = b"application/json" if text.lstrip()[:1] in ("{", "[") else b"text/html; charset=utf-8"
        await self._say(int(self.rule.number("status", 503)), text.encode(), content_type, headers)

    async def _empty(self) -> None:
        answer = await self._effect()
        await self._say(200, b"", _type_of(answer))

    async def _effect(self) -> _Answer:
        """Does the call to its end, whether or not the caller is still there."""
        answer = _Answer()
        await self.app(self.scope, _replay(self.body, None), answer.collect)
        return answer

    async def _say(
        self, status: int, body: bytes, content_type: bytes, extra: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        headers = [(b"content-length", str(len(body)).encode()), *(extra or [])]
        if not any(name == b"content-type" for name, _ in headers):
            headers.append((b"content-type", content_type))
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    async def _hang(self, default_seconds: float) -> None:
        seconds = self.rule.number("seconds", default_seconds)
        if seconds:
            await self._gone_within(seconds)

    async def _gone_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (await self.receive())["type"] != "http.disconnect":
                    pass
                return True
        return False

    async def _cut(self) -> None:
        abort = self.scope.get("extensions", {}).get(ABORT_EXTENSION)
        if abort is None:
            raise ConnectionDroppedError("the sandbox was told to drop this call")
        abort()
        # The server would answer 500 for an application that says nothing on a connection it believes alive.
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive | None) -> Receive:
    """Gives the body again; afterwards reports the caller's leaving, or never when the effect must not depend on it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        if receive is not None:
            return await receive()
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return again


def _type_of(answer: _Answer) -> bytes:
    return dict(answer.headers).get(b"content-type", b"application/json")


def _items(value: object) -> list[tuple[object, object]]:
    return list(value.items()) if isinstance(value, dict) else []
