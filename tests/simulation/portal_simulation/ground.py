"""What all schedules of a process share and none changes: the sandbox, its customers, the catalog, settings."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from tempfile import mkdtemp

from portal_billing.settings import WhmcsSettings
from portal_catalog.salesforce import SalesforceProducts
from portal_catalog.snapshot import Snapshot
from portal_fulfillment.sim_plans import SimPlans, load_plans
from portal_local.sandbox_dataset import whmcs_fields
from portal_salesforce import Salesforce, SalesforceSettings
from portal_simulation import sandbox_on_virtual_time
from portal_simulation.in_process_http import InProcessTransport, InProcessVendor
from portal_simulation.salesforce_wire import InProcessWire
from portal_simulation.sandbox_on_virtual_time import SALESFORCE, SandboxOnVirtualTime
from portal_simulation.seeded import seeded
from portal_simulation.services.billing import whmcs_settings
from portal_simulation.services.neighbours import read_catalog
from portal_simulation.virtual_time import START, VirtualTime, VirtualTimeLoop

PRICEBOOK = "01sSd0000000001IAA"
"""The portal's price book in every sandbox."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Built once in a process."""

    time: VirtualTime
    sandbox: SandboxOnVirtualTime
    catalog: Snapshot
    salesforce: SalesforceSettings
    whmcs: WhmcsSettings
    sim_plans: SimPlans


@cache
def ground() -> Ground:
    """Give the shared ground, built at the first call."""
    directory = Path(mkdtemp(prefix="portal-simulation-"))
    time = VirtualTime()
    sandbox = sandbox_on_virtual_time.build(directory, time)
    key = directory / "salesforce.key"
    key.write_bytes(sandbox.private_key)
    fields = directory / "whmcs_fields.toml"
    fields.write_text(whmcs_fields(), encoding="utf-8")
    salesforce = SalesforceSettings.model_validate(
        {
            "login_url": SALESFORCE,
            "client_id": sandbox.settings.salesforce_client_id,
            "username": sandbox.settings.salesforce_username,
            "private_key_path": key,
            "pricebook_id": PRICEBOOK,
        }
    )
    plans = load_plans(Path(str(resources.files("portal_local") / "sim_plans.sandbox.toml")))
    return Ground(time, sandbox, _catalog(sandbox, salesforce, time), salesforce, whmcs_settings(fields), plans)


def _catalog(sandbox: SandboxOnVirtualTime, settings: SalesforceSettings, time: VirtualTime) -> Snapshot:
    loop = VirtualTimeLoop()
    time.follow(loop)

    async def reach(_: str) -> None:
        return None

    async def read() -> Snapshot:
        vendor = InProcessVendor("salesforce", sandbox.app("salesforce"), seeded(0))
        salesforce = Salesforce(settings, wire=InProcessWire(settings, InProcessTransport(vendor, reach)))
        return await read_catalog(SalesforceProducts(salesforce), sandbox.core.dataset, START)

    try:
        return loop.run_until_complete(read())
    finally:
        loop.close()
