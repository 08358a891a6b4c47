"""One call that a fault rule breaks, kind by kind."""

import asyncio
import contextlib
import json
from collections.abc import Coroutine, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal_sandbox.core.faults import FaultRule
from portal_sandbox.core.manners import Manners, Meaning

ABORT_EXTENSION = "portal_sandbox.abort"
"""Key in scope["extensions"] under which the sandbox's server offers a function that cuts the TCP connection."""
SERVED_EXTENSION = "portal_sandbox.served"
"""Key in scope["extensions"] under which it tells how many requests came on the same connection before."""

_MAINTENANCE_PAGE = (
    b"<!DOCTYPE html><html><head><title>Down for maintenance</title></head>"
    b"<body><h1>We are performing maintenance</h1></body></html>"
)


class ConnectionDroppedError(ConnectionError):
    """Stands for a cut connection where there is no real one (an application called without a server)."""


class Background(Protocol):
    """What goes on when the caller has left."""

    def keep(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        """Runs to its end unless the sandbox is reset or stopped."""

    async def business_wait(self, seconds: float) -> None:
        """Waits on the sandbox clock."""


@dataclass(slots=True)
class Answer:
    """What the application said, held back so that a fault can spoil it."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    async def collect(self, message: MutableMapping[str, Any]) -> None:
        """Takes one ASGI message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def content_type(self) -> bytes:
        """What the application said it is."""
        return dict(self.headers).get(b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class BrokenCall:
    """A call, the application it was meant for, and the rule it met."""

    background: Background
    app: ASGIApp
    manners: Manners
    rule: FaultRule
    call: str
    scope: Scope
    body: bytes
    receive: Receive
    send: Send

    async def run(self) -> None:
        """Breaks the call the way the rule's kind says."""
        await getattr(self, f"_{self.rule.kind}")()

    async def _refused(self) -> None:
        await self._cut()

    async def _kept_connection(self) -> None:
        """The server took the connection for idle and closes it just as a request arrives (RFC 9112, 9.5)."""
        if self.scope.get("extensions", {}).get(SERVED_EXTENSION, 0):
            await self._cut()
        else:
            await self.app(self.scope, replay(self.body, self.receive), self.send)

    async def _before_effect(self) -> None:
        await self._hang(60)
        await self._cut()

    async def _after_effect(self) -> None:
        await self._effect()
        await self._hang(0)
        await self._cut()

    async def _late(self) -> None:
        self.background.keep(self._land())
        await self._cut()

    async def _land(self) -> None:
        if "businessSeconds" in self.rule.params:
            await self.background.business_wait(self.rule.number("businessSeconds", 0))
        else:
            await asyncio.sleep(self.rule.number("seconds", 5))
        await self._effect()

    async def _slow(self) -> None:
        answer = Answer()

        async def work() -> None:
            await asyncio.sleep(self.rule.number("seconds", 5))
            await self.app(self.scope, replay(self.body, None), answer.collect)

        # The vendor works on when an impatient caller has left.
        await asyncio.shield(self.background.keep(work()))
        await self.send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await self.send({"type": "http.response.body", "body": bytes(answer.body)})

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
        await self._say(answer.status, bytes(answer.body[: len(answer.body) // 2]) or b"{", answer.content_type())

    async def _html(self) -> None:
        await self._say(200, self.rule.text("body", "").encode() or _MAINTENANCE_PAGE, b"text/html; charset=utf-8")

    async def _status(self) -> None:
        await self._effect_if_asked()
        extra = self.rule.params.get("headers")
        headers = [(str(name).lower().encode(), str(value).encode()) for name, value in _items(extra)]
        text = self.rule.text("body", "")
        content_type = b"application/json" if text.lstrip()[:1] in ("{", "[") else b"text/html; charset=utf-8"
        await self._say(int(self.rule.number("status", 503)), text.encode(), content_type, headers)

    async def _empty(self) -> None:
        answer = await self._effect()
        await self._say(200, b"", answer.content_type())

    async def _error(self) -> None:
        await self._effect_if_asked()
        await self._refuse(cast("Meaning", self.rule.text("meaning", "permanent")))

    async def _quota(self) -> None:
        after = self.rule.params.get("retryAfter")
        await self._refuse("quota", [] if after is None else [(b"retry-after", str(after).encode())])

    async def _auth(self) -> None:
        await self._refuse("auth")

    async def _nonsense(self) -> None:
        answer = await self._effect()
        try:
            said = json.loads(answer.body)
        except ValueError:
            said = {}
        spoilt = _spoilt(said, self.manners.envelope, ill_typed=self.rule.text("shape", "missing") == "ill_typed")
        await self._say(answer.status, json.dumps(spoilt).encode(), answer.content_type())

    async def _effect(self) -> Answer:
        """Does the call to its end, whether or not the caller is still there."""
        answer = Answer()
        await self.app(self.scope, replay(self.body, None), answer.collect)
        return answer

    async def _effect_if_asked(self) -> None:
        if self.rule.params.get("effect"):
            await self._effect()

    async def _refuse(self, meaning: Meaning, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        refusal = self.manners.refuse(self.call, meaning, self.rule.text("message", ""))
        await self._say(refusal.status, refusal.body, refusal.content_type, [*refusal.headers, *(headers or [])])

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


def replay(body: bytes, receive: Receive | None) -> Receive:
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


def _spoilt(said: object, envelope: frozenset[str], *, ill_typed: bool) -> object:
    """An answer that claims success and says nothing usable: what is not envelope is gone, or of another type."""
    if not isinstance(said, dict):
        return [] if ill_typed else {}
    if not ill_typed:
        return {name: value for name, value in said.items() if name in envelope}
    return {name: value if name in envelope else _other_type(value) for name, value in said.items()}


def _other_type(value: object) -> object:
    if isinstance(value, str):
        return []
    return "" if isinstance(value, list | dict) else "not a number"


def _items(value: object) -> list[tuple[object, object]]:
    return list(value.items()) if isinstance(value, dict) else []
