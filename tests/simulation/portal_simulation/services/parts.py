"""What every service's wiring gets."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.process import ProcessEngine
from portal_salesforce import Salesforce
from portal_simulation.bus import WorkerBus
from portal_simulation.databases import ServiceRows, WorkerDatabase
from portal_simulation.rules import Rules
from portal_simulation.workers import Worker


@dataclass(frozen=True, slots=True)
class Parts:
    """One worker's parts, as `portal_chassis.service.Service` gives them to `wire`."""

    worker: Worker
    bus: WorkerBus
    rows: ServiceRows
    database: WorkerDatabase
    processes: ProcessEngine
    clock: BusinessClock
    machine: MachineClock
    transport: Callable[[str], httpx.AsyncBaseTransport]
    """The way to a vendor, by name."""
    salesforce: Callable[[], Salesforce]
    """A connector of the worker's own."""
    background: Callable[[str, Callable[[], Awaitable[None]]], None]
    alarm: Callable[[Any, Callable[[], None]], None]
    """Calls back at a moment of business time."""
    rules: Rules
    settings: dict[str, Any]
    """Files and keys the settings of services name."""
