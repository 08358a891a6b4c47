"""Fulfillment: the real process, signals and Freebit adapter."""

from datetime import timedelta
from typing import Any

import httpx

from portal_chassis.outbound import Outbound
from portal_fulfillment.bus_billing import BusBilling
from portal_fulfillment.bus_orders import BusOrders
from portal_fulfillment.consumers import register
from portal_fulfillment.freebit import Freebit, FreebitSettings
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.freebit_sims import FreebitSims
from portal_fulfillment.look_at_signal import LookAtSignal
from portal_fulfillment.main import Ends, provisioning
from portal_fulfillment.sim_steps import SimPatience
from portal_fulfillment.testing import InMemoryAttempts, InMemoryLines, InMemoryOperations
from portal_simulation.mutated import orders_port_of
from portal_simulation.services.parts import Parts

RECHECK = timedelta(minutes=15)


async def wire(parts: Parts) -> None:
    """Join everything for one worker."""
    tables = FreebitTables()
    settings = FreebitSettings(
        "http://freebit.sandbox.invalid",
        "SANDBOX",
        "sandbox-oem-key",
        send_within=10.0 if parts.rules.send_deadline else 100_000.0,
        tables=tables,
    )
    http = httpx.AsyncClient(transport=parts.transport("freebit"), trust_env=False)
    freebit = Freebit(settings, http, Outbound("freebit", at_once=3, longest_wait=5.0), parts.machine.monotonic)
    attempts: Any = parts.rows.table("attempts", InMemoryAttempts)
    first_readings: Any = parts.rows.table("first readings", dict)
    ends = Ends(
        orders=orders_port_of(BusOrders(parts.bus), first_readings, parts.rules),  # type: ignore[arg-type]  # the same
        billing=BusBilling(parts.bus),  # type: ignore[arg-type]  # the same
        sims=FreebitSims(freebit, tables),
        attempts=attempts,
        operations=parts.rows.table("operations", InMemoryOperations),
        lines=parts.rows.table("lines", InMemoryLines),
    )
    patience = SimPatience() if parts.rules.quiet_period else SimPatience(quiet=timedelta())
    parts.processes.register(provisioning(ends, parts.settings["sim_plans"], patience, RECHECK))
    register(parts.bus, LookAtSignal(attempts, parts.processes, parts.clock))  # type: ignore[arg-type]  # the same
