"""WHMCS's adapters on the sandbox."""

from pathlib import Path

import pytest

from portal_billing import main
from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_api import connect
from portal_chassis.clocks import RealClock, SystemMachineClock
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

FIELDS = Path(__file__).parents[2] / "whmcs_fields.sandbox.toml"


class SandboxWhmcs:
    """A running stand-in, what it can be told, and billing's adapters on it."""

    def __init__(self, sandbox, address):
        self.core = sandbox.core
        self.address = address

    def settings(self, **more):
        return WhmcsSettings(
            **{
                "api_url": f"{self.address}/includes/api.php",
                "identifier": "sandbox-identifier",
                "secret": "sandbox-secret",
                "fields_path": FIELDS,
                **more,
            }
        )

    def fault(self, call, kind, **more):
        self.core.faults.arm({"vendor": "whmcs", "call": call, "kind": kind, **more})

    def switch(self, **values):
        self.core.switches.update({"whmcs": values})

    def kinds(self, key=""):
        return [entry.kind for entry in self.core.ledger.entries(key=key)]

    def calls(self, name):
        return self.core.faults.calls.get(f"whmcs {name}", 0)


@pytest.fixture
async def sandbox_whmcs(tmp_path):
    sandbox = build_sandbox(Settings(data_dir=tmp_path, control_port=0, whmcs_port=0), vendors=["whmcs"])
    async with sandbox.running() as addresses:
        yield SandboxWhmcs(sandbox, addresses["whmcs"])


@pytest.fixture
async def connected(sandbox_whmcs):
    """Give a function that builds the adapters, with settings of the test's choice."""
    open_ones = []

    def build(**settings):
        connection = connect(sandbox_whmcs.settings(**settings), SystemMachineClock())
        open_ones.append(connection)
        return main.on_whmcs(connection, RealClock().today)

    yield build
    for connection in open_ones:
        await connection.close()


@pytest.fixture
def whmcs(connected):
    return connected()
