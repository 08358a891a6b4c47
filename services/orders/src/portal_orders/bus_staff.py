"""Catalog, support and identity behind the ports of eligibility and reviews: asked over the bus, nothing kept."""

from collections.abc import Sequence
from typing import Final

from portal_chassis.bus import Bus
from portal_contracts.catalog import ListCatalog, Product
from portal_contracts.identity_verification import CheckVerification, VerificationCheck, VerifiedCommodity
from portal_contracts.problems import Refused
from portal_contracts.support import CaseType, CloseStaffCase, OpenStaffCase

CASE_SECONDS: Final = 10.0
"""How long a case is waited for; support asks Salesforce."""


class BusShelf:
    """The `Shelf` port: catalog."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def internet_plans(self) -> Sequence[Product]:
        """Ask for the catalog and take its Internet plans."""
        catalog = await self._bus.ask(ListCatalog())
        products = [one for group in catalog.groups if group.category == "internet" for one in group.products]
        return [one for one in products if one.item_class == "service"]


class BusStaffCases:
    """The `StaffCases` port: support."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def open(
        self, key: str, account_id: str, kind: CaseType, title: str, description: str, *, for_customer: bool
    ) -> str:
        """Ask support to open a case."""
        command = OpenStaffCase(
            case_key=key,
            account_id=account_id,
            type=kind,
            title=title,
            description=description,
            for_customer=for_customer,
        )
        return (await self._bus.ask(command, timeout=CASE_SECONDS)).case_id

    async def close(self, key: str) -> None:
        """Ask support to close it."""
        try:
            await self._bus.ask(CloseStaffCase(case_key=key), timeout=CASE_SECONDS)
        except Refused as no:
            if no.code != "NOT_FOUND":
                raise


class BusVerifications:
    """The `Verifications` port: identity."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def check(self, account_id: str, commodity: VerifiedCommodity) -> VerificationCheck:
        """Ask for the judgement."""
        return await self._bus.ask(CheckVerification(account_id=account_id, commodity=commodity))
