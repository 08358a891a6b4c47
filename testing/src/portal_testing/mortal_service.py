"""Runs a service as it is, on a store that can end it anywhere: `python -m portal_testing.mortal_service billing`."""

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from portal_local.environment import Ground
from portal_local.managed import PythonProcess
from portal_local.plan import whole_portal
from portal_testing.mortal_store import FOLDER, DeathOrders, MortalStore

if TYPE_CHECKING:
    from portal_chassis.postgres import Database
    from portal_chassis.process_port import ProcessStore

MORTAL: Final = ("fulfillment", "billing", "orders", "identity", "notifications")
"""The services with processes."""


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

    folder = Path(os.environ[FOLDER])

    def store(database: "Database", lease: timedelta) -> "ProcessStore":
        return cast("ProcessStore", MortalStore(PostgresProcessStore(database, lease), name, folder))

    package = f"portal_{name}"
    run(name, importlib.import_module(f"{package}.main").wire, migrations=package, store=store)


if __name__ == "__main__":
    main(sys.argv[1])
