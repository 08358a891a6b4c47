"""Billing: the real order protocol and WHMCS adapters."""

from typing import Any

import httpx

from portal_billing import consumers
from portal_billing.main import Clocks, Store, on_whmcs, use_cases
from portal_billing.settings import BillingSettings, WhmcsSettings
from portal_billing.testing import MemoryClientTurns, MemoryCommandLog, MemorySignOnLog
from portal_billing.whmcs_api import WhmcsConnection
from portal_chassis.cache import Cache
from portal_simulation.mutated import order_book_of
from portal_simulation.rules import Rules
from portal_simulation.services.parts import Parts


def whmcs_settings(fields_path: Any) -> WhmcsSettings:
    """The sandbox's WHMCS."""
    return WhmcsSettings.model_validate(
        {
            "api_url": "http://whmcs.sandbox.invalid/includes/api.php",
            "identifier": "sandbox-identifier",
            "secret": "sandbox-secret",
            "fields_path": fields_path,
        }
    )


async def wire(parts: Parts) -> None:
    """Join everything for one worker."""
    settings = parts.settings["billing"]
    transport = parts.transport("whmcs")
    connection = WhmcsConnection(
        parts.settings["whmcs"],
        parts.machine,
        httpx.AsyncClient(transport=transport, trust_env=False),
        httpx.AsyncClient(transport=transport, trust_env=False),
    )
    store = Store(
        parts.database.transaction,
        parts.rows.table("book", lambda: order_book_of(parts.rules)),
        parts.rows.table("turns", MemoryClientTurns),
        parts.rows.table("commands", MemoryCommandLog),
        MemorySignOnLog(),
        Cache(None, prefix="billing"),
    )
    whmcs = on_whmcs(connection, parts.clock.today)
    clocks = Clocks(parts.clock, parts.machine)
    consumers.register(parts.bus, use_cases(whmcs, store, parts.processes, clocks, settings))  # type: ignore[arg-type]


def settings(rules: Rules) -> BillingSettings:
    """Sweeps look a little less often than in production, and for an hour: within the five minutes of I1."""
    return BillingSettings(
        sweep_seconds=240,
        sweep_hours=1,
        quiet_seconds=125 if rules.quiet_period else 0,
        send_seconds=10 if rules.send_deadline else 100_000,
    )
