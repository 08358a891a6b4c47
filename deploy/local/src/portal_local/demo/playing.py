"""Joins the demo's parts and plays it."""

from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console

from portal_local.demo.comparing import Systems
from portal_local.demo.customer import Customer, DemoFailed, Problem
from portal_local.demo.journey import Journey
from portal_local.demo.report import Report
from portal_local.demo.vendors import FreebitApi, SalesforceLogin, SalesforceStaff, WhmcsApi


@dataclass(frozen=True, slots=True)
class DemoAddresses:
    """Where everything is, and the credentials staff and operators use there."""

    gateway: str
    mailbox: str
    salesforce: str
    salesforce_client_id: str
    salesforce_staff_username: str
    salesforce_private_key_path: Path
    whmcs_api: str
    whmcs_identifier: str
    whmcs_secret: str
    freebit_api: str
    freebit_oem_id: str
    freebit_oem_key: str


async def play_demo(addresses: DemoAddresses, console: Console) -> int:
    """Play the demo on a running portal; gives the exit code, 0 when all systems agree."""
    report = Report(console)
    login = SalesforceLogin(
        addresses.salesforce,
        addresses.salesforce_client_id,
        addresses.salesforce_staff_username,
        addresses.salesforce_private_key_path,
    )
    async with (
        httpx.AsyncClient(timeout=30) as client,
        Customer(addresses.gateway, addresses.mailbox) as customer,
    ):
        systems = Systems(
            customer,
            SalesforceStaff(login, client),
            WhmcsApi(addresses.whmcs_api, addresses.whmcs_identifier, addresses.whmcs_secret, client),
            FreebitApi(addresses.freebit_api, addresses.freebit_oem_id, addresses.freebit_oem_key, client),
        )
        journey = Journey(systems, report.done, report.starting)
        try:
            disagreements = await journey.play()
        except (DemoFailed, Problem, httpx.HTTPError) as error:
            report.failed(f"{error or type(error).__name__}")
            return 1
    report.table(journey.orders, journey.trace_id)
    report.disagreements(disagreements)
    return 1 if disagreements else 0
