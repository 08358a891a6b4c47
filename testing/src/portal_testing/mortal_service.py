"""Runs a service as it is, on a store that can end it anywhere: `python -m portal_testing.mortal_service billing`."""

import importlib
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from portal_local.environment import Ground
from portal_local.managed import PythonProcess
from portal_local.plan import whole_portal
from portal_testing.mortal_store import FOLDER, DeathOrders, MortalStore, Obedience

if TYPE_CHECKING:
    from portal_chassis.postgres import Database
    from portal_chassis.process_port import ProcessStore
    from portal_chassis.service import Service

Take: TypeAlias = Callable[[Sequence[Any]], Awaitable[None]]
MORTAL: Final = ("fulfillment", "billing", "orders", "identity", "notifications", "support")
"""The services with processes of customers."""


def death_orders(state_folder: Path) -> DeathOrders:
    """Where the orders for a stack's services lie."""
    folder = state_folder / "deaths"
    folder.mkdir(exist_ok=True)
    return DeathOrders(folder)


def mortal_portal(ground: Ground, logs: Path) -> Sequence[PythonProcess]:
    """The whole portal, with services that die where a test says."""
    return [
        replace(
            one,
            arguments=("-m", "portal_testing.mortal_service", one.name),
            environment={**one.environment, FOLDER: str(death_orders(ground.state).folder)},
        )
        if one.name in MORTAL
        else one
        for one in whole_portal(ground, logs)
    ]


def main(name: str) -> None:
    """Run one service."""
    from portal_chassis.process_store import PostgresProcessStore  # noqa: PLC0415 - the plan above needs none of it
    from portal_chassis.service import run  # noqa: PLC0415 - the same

    obey, package = Obedience(name, Path(os.environ[FOLDER])), f"portal_{name}"
    wire_as_it_is = importlib.import_module(f"{package}.main").wire

    def store(database: "Database", lease: timedelta) -> "ProcessStore":
        return cast("ProcessStore", MortalStore(PostgresProcessStore(database, lease), obey))

    async def wire(service: "Service") -> None:
        await wire_as_it_is(service)
        for consumer in service.bus._consuming.consumers.values():  # noqa: SLF001 - no service may do this
            setattr(consumer, "take", _obeying(consumer.take, obey))  # noqa: B010 - a method in place of another

    run(name, wire, migrations=package, store=store)


def _obeying(take: Take, obey: Obedience) -> Take:
    """Give what takes events with acknowledgements before which the process may end."""

    async def take_mortally(messages: Sequence[Any]) -> None:
        await take([_MortalMessage(message, obey) for message in messages])

    return take_mortally


class _MortalMessage:
    """A delivery of the bus."""

    def __init__(self, message: Any, obey: Obedience) -> None:
        self._message = message
        self._obey = obey

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)

    async def ack(self) -> None:
        """Acknowledge, after which the bus forgets it."""
        await self._obey(self._message.subject, "before_ack")
        await self._message.ack()


if __name__ == "__main__":
    main(sys.argv[1])
