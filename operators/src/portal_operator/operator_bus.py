"""Asks the portal's services as the operator who signed in."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from portal_chassis.bus import Bus, BusAddress
from portal_contracts.identity import MintActor
from portal_contracts.message import Message, Request
from portal_contracts.problems import Refused
from portal_contracts.topology import OPERATOR
from portal_operator.session_file import SessionFile
from portal_operator.settings import OperatorSettings

R = TypeVar("R", bound=Message)

CONNECT_SECONDS: Final = 5.0
ASK_SECONDS: Final = 30.0
"""Evidence and comparisons ask vendors; a person waits longer than a page does."""


class BusAway(Exception):  # noqa: N818 - named for what happened, as the portal's problems are
    """The bus cannot be reached, or does not let us in; holds its address."""


class Portal(Protocol):
    """What the commands need: the portal, and the sign-in that is kept between them."""

    session: SessionFile

    def ask(self, message: Request[R]) -> R:
        """Ask one thing, as the signed-in operator when the message needs one.

        Raises the portal's problems; SESSION_REQUIRED when nobody is signed in.
        """
        ...


@dataclass(frozen=True, slots=True)
class OperatorBus:
    """The `Portal` over NATS: one connection for each command, with the bus identity `operator`."""

    settings: OperatorSettings
    session: SessionFile

    def ask(self, message: Request[R]) -> R:
        """Connect, exchange the session for a short-lived token when the message needs one, ask, leave."""
        return asyncio.run(self._ask(message))

    async def _ask(self, message: Request[R]) -> R:
        bus = Bus("operator", BusAddress(self.settings.nats_url, self.settings.nats_seed_path), topology=OPERATOR)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await bus.connect()
        except TimeoutError:
            raise BusAway(self.settings.nats_url) from None
        try:
            actor = await self._actor(bus, message)
            return await bus.ask(message, timeout=ASK_SECONDS, actor=actor)
        finally:
            await bus.stop(within=1.0)

    async def _actor(self, bus: Bus, message: Request[Any]) -> str | None:
        if message.audience != "operator":
            return None
        token = self.session.read()
        if token is None:
            raise Refused("SESSION_REQUIRED")
        return (await bus.ask(MintActor(session_token=token))).actor_token
