"""Everything the demo asks, on the sandbox of a local portal."""

from collections.abc import Mapping
from pathlib import Path

import httpx

from portal_local import environment
from portal_local.demo.comparing import Systems
from portal_local.demo.customer import Customer
from portal_local.demo.vendors import FreebitApi, SalesforceLogin, SalesforceStaff, WhmcsApi


def sandbox_systems(urls: Mapping[str, str], keys: Path, customer: Customer, client: httpx.AsyncClient) -> Systems:
    """Join the customer with staff and operators at the sandbox's `urls`; `keys` is the folder of the portal's keys."""
    login = SalesforceLogin(
        urls["salesforce"],
        environment.SALESFORCE_CLIENT_ID,
        environment.SALESFORCE_STAFF_USERNAME,
        keys / "salesforce.pem",
    )
    return Systems(
        customer,
        SalesforceStaff(login, client),
        WhmcsApi(f"{urls['whmcs']}/includes/api.php", environment.WHMCS_IDENTIFIER, environment.WHMCS_SECRET, client),
        FreebitApi(f"{urls['freebit']}/emptool/api", environment.FREEBIT_OEM_ID, environment.FREEBIT_OEM_KEY, client),
    )
