"""Every service's look at its vendor, on one sandbox in this process that tests break item by item."""

from base64 import b64encode
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal_billing.check_setup import CheckSetup as CheckWhmcs
from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_fields import load_fields
from portal_catalog.check_setup import catalog_look
from portal_changefeed.check_setup import event_look
from portal_changefeed.pubsub import Endpoint, GrpcPubSub
from portal_chassis.clocks import SystemMachineClock
from portal_fulfillment.check_setup import CheckSetup as CheckFreebit
from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.settings import FreebitEnvironment
from portal_fulfillment.sim_plans import load_plans
from portal_identity.salesforce_setup import NEEDS as IDENTITY_NEEDS
from portal_notifications.check_setup import CheckSetup as CheckMail
from portal_notifications.settings import MailSettings
from portal_orders.salesforce_setup import NEEDS as ORDERS_NEEDS
from portal_salesforce import Salesforce, SalesforceSettings
from portal_salesforce.setup_checks import org_look
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings
from portal_support.check_setup import case_look

ROOT = Path(__file__).parents[3]
FIELDS = ROOT / "services" / "billing" / "whmcs_fields.sandbox.toml"
PLANS = ROOT / "deploy" / "local" / "src" / "portal_local" / "sim_plans.sandbox.toml"


@pytest.fixture(scope="session")
def private_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Vendors:
    """The sandbox, and how each service's look at it is made. Settings can be changed by field name."""

    def __init__(self, core, key):
        self.core = core
        self.key = key
        self._before = {}

    def break_(self, vendor, **switches):
        """Move switches until the end of the test."""
        for name in switches:
            self._before.setdefault((vendor, name), self.core.switches.get(vendor, name))
        self.core.switches.update({vendor: switches})

    def mend(self):
        for (vendor, name), value in self._before.items():
            self.core.switches.update({vendor: {name: value}})

    def encoded(self, key):
        """A private key as the environment holds it."""
        return b64encode(pem(key)).decode()

    def salesforce(self, **changes):
        settings = {
            "login_url": self.core.addresses["salesforce_tls"],
            "client_id": "sandbox-client-id",
            "username": "portal@sandbox.invalid",
            "private_key_base64": self.encoded(self.key),
            "ca_bundle": self.core.tls.authority,
            "pricebook_id": PORTAL_PRICEBOOK_ID,
            "pubsub_endpoint": self.core.addresses["pubsub"],
            **changes,
        }
        return Salesforce(SalesforceSettings(**settings))

    def org_look(self, service, salesforce):
        """The look of one of the five services that speak to Salesforce."""
        if service == "changefeed":
            endpoint = Endpoint(salesforce.settings.pubsub_endpoint, salesforce.settings.ca_bundle, 45.0, 15.0)
            return event_look(salesforce, lambda: GrpcPubSub(endpoint, salesforce.tokens))
        return {
            "orders": lambda: org_look(salesforce, ORDERS_NEEDS),
            "identity": lambda: org_look(salesforce, IDENTITY_NEEDS),
            "catalog": lambda: catalog_look(salesforce),
            "support": lambda: case_look(salesforce),
        }[service]()

    async def at_salesforce(self, service, **changes):
        salesforce = self.salesforce(**changes)
        try:
            return await self.org_look(service, salesforce)()
        finally:
            await salesforce.close()

    def whmcs(self, fields=FIELDS, **changes):
        settings = {
            "api_url": f"{self.core.addresses['whmcs']}/includes/api.php",
            "identifier": "sandbox-identifier",
            "secret": "sandbox-secret",
            "fields_path": fields,
            **changes,
        }
        return CheckWhmcs(WhmcsSettings(**settings), load_fields(fields), SystemMachineClock())

    def freebit(self, tables=None, plans=PLANS, **changes):
        settings = {
            "base_url": self.core.addresses["freebit"],
            "oem_id": "SANDBOX",
            "oem_key": "sandbox-oem-key",
            **changes,
        }
        chosen = FreebitTables().overridden(tables or {})
        return CheckFreebit(FreebitEnvironment(**settings), chosen, load_plans(plans))

    def mail(self, **changes):
        settings = {
            "sendgrid_base_url": self.core.addresses["sendgrid"],
            "sendgrid_api_key": "SG.sandbox-key",
            "mail_from": "portal@example.jp",
            **changes,
        }
        return CheckMail(MailSettings(**settings))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def whole_sandbox(tmp_path_factory, private_key):
    folder = tmp_path_factory.mktemp("doctor")
    public_key = folder / "public.pem"
    public_key.write_bytes(
        private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    names = ("control", "salesforce", "salesforce_tls", "pubsub", "whmcs", "freebit", "sendgrid", "openid")
    ports = {f"{name}_port": 0 for name in names}
    built = build_sandbox(Settings(data_dir=folder / "sandbox", salesforce_public_key_path=public_key, **ports))
    async with built.running():
        yield built.core


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def org(whole_sandbox, private_key):
    """One connection to Salesforce for many looks."""
    salesforce = Vendors(whole_sandbox, private_key).salesforce()
    yield salesforce
    await salesforce.close()


@pytest_asyncio.fixture(loop_scope="module")
async def vendors(whole_sandbox, private_key):
    made = Vendors(whole_sandbox, private_key)
    yield made
    made.mend()
