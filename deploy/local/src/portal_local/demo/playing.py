"""Joins the demo's parts and plays it."""

from collections.abc import Mapping
from pathlib import Path

import httpx
from rich.console import Console

from portal_local.demo.customer import Customer, DemoFailed, Problem
from portal_local.demo.journey import Journey
from portal_local.demo.report import Report
from portal_local.demo.sandbox_systems import sandbox_systems


async def play_demo(urls: Mapping[str, str], keys: Path, console: Console) -> int:
    """Play the demo on a running portal; gives the exit code, 0 when all systems agree.

    `urls` by name: gateway, salesforce, whmcs, freebit, sendgrid. `keys` is the folder of the portal's keys.
    """
    report = Report(console)
    async with (
        httpx.AsyncClient(timeout=30) as client,
        Customer(urls["gateway"], urls["sendgrid"]) as customer,
    ):
        journey = Journey(sandbox_systems(urls, keys, customer, client), report.done, report.starting)
        try:
            disagreements = await journey.play()
        except (DemoFailed, Problem, httpx.HTTPError) as error:
            report.failed(f"{error or type(error).__name__}")
            return 1
    report.table(journey.orders, journey.trace_id)
    report.disagreements(disagreements)
    return 1 if disagreements else 0
