"""Who is calling: session tokens exchanged for Portal-Actor tokens, kept until shortly before those expire.

A session that identity revokes is forgotten at once by the watched event, and at the latest when its actor token
expires (two minutes); after a lost connection to the bus everything is forgotten, since the event may have been missed.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from portal_chassis.actor import Actor, ActorVerifier
from portal_chassis.clocks import MachineClock
from portal_chassis.deadline import Deadline, within
from portal_chassis.logs import get_logger
from portal_contracts.identity import MintActor, SessionRevoked
from portal_contracts.identity_api_tokens import SCOPE_ROLE
from portal_contracts.operators import permissions_of
from portal_contracts.problems import PortalProblem, Refused
from portal_gateway.ports import Asks

REFRESH_AHEAD: Final = 45.0
"""Seconds before an actor token's end from which a new one is fetched beside the request."""
SPARE: Final = 10.0
"""Seconds an actor token must still live when a request starts with it: longer than a request takes."""
MINT_SECONDS: Final = 5.0
REMEMBER_DEAD: Final = 5.0
"""Seconds a refused token is refused without asking, when nothing depends on it."""
TOUCHES_AT_ONCE: Final = 32
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.-]{16,256}")

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A living session and what it needs for a while. Times are the machine clock's monotonic seconds."""

    actor_token: str
    actor: Actor
    permissions: frozenset[str]
    scopes: frozenset[str] | None
    """Of an API token; None for a person's session."""
    csrf_token: str
    refresh_at: float
    good_until: float


class Sessions:
    """The sessions this instance has seen lately, at most `at_most` of them."""

    def __init__(self, bus: Asks, verifier: ActorVerifier, clock: MachineClock, *, at_most: int = 10_000) -> None:
        self._bus = bus
        self._verifier = verifier
        self._clock = clock
        self._at_most = at_most
        self._known: dict[bytes, SignedIn] = {}
        self._dead: dict[bytes, float] = {}
        self._keys: dict[str, set[bytes]] = {}
        self._minting: dict[bytes, asyncio.Task[SignedIn]] = {}
        self._generation = 0
        self._on_end: list[Callable[[str], None]] = []

    def register(self) -> None:
        """Watch revocations, and forget all when some may have been missed."""

        @self._bus.watches(SessionRevoked)
        async def on_session_revoked(event: SessionRevoked) -> None:
            self.forget(event.session_id)

        self._bus.on_reconnect(self.forget_all)

    def when_one_ends(self, callback: Callable[[str], None]) -> None:
        """Call back with the id of a session that has ended."""
        self._on_end.append(callback)

    async def signed_in(self, token: str) -> SignedIn:
        """Give the session of a token. Refused SESSION_EXPIRED; TryLater when identity does not answer."""
        key = sha256(token.encode()).digest()
        known = self._known.get(key)
        if known is not None:
            now = self._clock.monotonic()
            if now < known.good_until:
                if now >= known.refresh_at:
                    self._mint(key, token)
                return known
        return await asyncio.shield(self._mint(key, token))

    def touch(self, token: str) -> None:
        """Keep a session in use while only public pages are read; never waits, never fails.

        Nobody is counted here, so a flood of invented tokens must not become a flood of asks.
        """
        key = sha256(token.encode()).digest()
        now = self._clock.monotonic()
        known = self._known.get(key)
        if (known is not None and now < known.refresh_at) or now < self._dead.get(key, 0.0):
            return
        if len(self._minting) < TOUCHES_AT_ONCE:
            self._mint(key, token)

    def forget(self, session_id: str) -> None:
        """Drop a session that has ended and tell who listens."""
        self._generation += 1
        for key in self._keys.pop(session_id, ()):
            self._known.pop(key, None)
        for callback in self._on_end:
            callback(session_id)

    async def forget_all(self) -> None:
        """Drop everything kept: revocations may have been missed."""
        self._generation += 1
        self._known.clear()
        self._keys.clear()

    def _mint(self, key: bytes, token: str) -> asyncio.Task[SignedIn]:
        """Exchange the token, once for all who wait for it."""
        task = self._minting.get(key)
        if task is None:
            task = asyncio.create_task(self._exchange(key, token))
            self._minting[key] = task
            task.add_done_callback(lambda done: self._minted(key, done))
        return task

    def _minted(self, key: bytes, task: "asyncio.Task[SignedIn]") -> None:
        self._minting.pop(key, None)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, Refused):
            self._drop(key)
            if len(self._dead) >= self._at_most:
                self._dead.clear()
            self._dead[key] = self._clock.monotonic() + REMEMBER_DEAD
        elif not isinstance(error, PortalProblem):
            log.error("a session could not be read", error=type(error).__name__)

    async def _exchange(self, key: bytes, token: str) -> SignedIn:
        if not _TOKEN.fullmatch(token):
            raise Refused("SESSION_EXPIRED")
        generation = self._generation
        with within(Deadline.after(MINT_SECONDS)):
            minted = await self._bus.ask(MintActor(session_token=token), timeout=MINT_SECONDS)
        lives = (minted.expires_at - self._clock.now()).total_seconds()
        now = self._clock.monotonic()
        actor = self._verifier.verify(minted.actor_token)
        session = SignedIn(
            actor_token=minted.actor_token,
            actor=actor,
            permissions=permissions_of(actor.roles),
            scopes=_scopes_of(actor),
            csrf_token=minted.csrf_token,
            refresh_at=now + lives - REFRESH_AHEAD,
            good_until=now + lives - SPARE,
        )
        if generation == self._generation:  # what was revoked meanwhile is not kept
            self._keep(key, session)
        return session

    def _keep(self, key: bytes, session: SignedIn) -> None:
        self._drop(key)
        if len(self._known) >= self._at_most:
            self._drop(next(iter(self._known)))
        self._known[key] = session
        self._keys.setdefault(session.actor.session_id, set()).add(key)

    def _drop(self, key: bytes) -> None:
        session = self._known.pop(key, None)
        if session is None:
            return
        keys = self._keys.get(session.actor.session_id, set())
        keys.discard(key)
        if not keys:
            self._keys.pop(session.actor.session_id, None)


def _scopes_of(actor: Actor) -> frozenset[str] | None:
    scopes = frozenset(role.removeprefix(SCOPE_ROLE) for role in actor.roles if role.startswith(SCOPE_ROLE))
    return scopes or None
