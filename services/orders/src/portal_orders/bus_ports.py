"""Other services behind orders' ports: asked over the bus, nothing kept."""

from collections.abc import Collection, Sequence
from typing import Final

from portal_chassis.bus import Bus
from portal_contracts.billing import (
    ChangeClientAddress,
    CheckPaymentMethod,
    ListClientServices,
    ReadClientProfile,
    Subscription,
)
from portal_contracts.catalog import FindProducts, SoldProduct
from portal_contracts.drift import FindLinkedClients, LinkedClients
from portal_contracts.identity import CustomerLink, FindCustomer
from portal_contracts.problems import Refused
from portal_contracts.values import Address
from portal_contracts.whmcs_orders import BilledClient, BilledClientPage, ListBilledClients

MOST_LINKS: Final = 100
COMPARE_SECONDS: Final = 120.0
"""How long a page of WHMCS's clients is waited for: billing reads it slowly on purpose."""
WRITE_SECONDS: Final = 20.0
"""How long a write to WHMCS is waited for; never beyond the caller's own deadline."""


class BusCustomers:
    """The `Customers` port: identity."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def link(self, account_id: str) -> CustomerLink | None:
        """Ask for the link; identity's refusal says that there is none."""
        try:
            return await self._bus.ask(FindCustomer(account_id=account_id))
        except Refused as refusal:
            if refusal.code != "CUSTOMER_NOT_LINKED":
                raise
            return None


class BusProducts:
    """The `Products` port: catalog."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def find(self, *, skus: Collection[str] = (), product_ids: Collection[str] = ()) -> Sequence[SoldProduct]:
        """Ask for the products."""
        query = FindProducts(skus=sorted(skus), product_ids=sorted(product_ids))
        return (await self._bus.ask(query)).products


class BusBilling:
    """The `Billing` port: billing, which reads WHMCS live for these."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def can_pay(self, whmcs_client_id: int) -> bool:
        """Ask for the summary."""
        return (await self._bus.ask(CheckPaymentMethod(whmcs_client_id=whmcs_client_id))).has_payment_method

    async def services(self, whmcs_client_id: int) -> Sequence[Subscription]:
        """Ask for the list."""
        return (await self._bus.ask(ListClientServices(whmcs_client_id=whmcs_client_id))).subscriptions

    async def address(self, whmcs_client_id: int) -> Address | None:
        """Ask for the profile."""
        return (await self._bus.ask(ReadClientProfile(whmcs_client_id=whmcs_client_id))).address

    async def change_address(self, request_id: str, whmcs_client_id: int, address: Address) -> None:
        """Ask for the write."""
        await self._bus.ask(
            ChangeClientAddress(request_id=request_id, whmcs_client_id=whmcs_client_id, address=address),
            timeout=WRITE_SECONDS,
        )


class BusBilledClients:
    """The `BilledClients` port: billing."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def page(self, after: int, most: int) -> BilledClientPage:
        """Ask for the next clients."""
        return await self._bus.ask(ListBilledClients(after_client_id=after, limit=most), timeout=COMPARE_SECONDS)

    async def one(self, whmcs_client_id: int) -> BilledClient | None:
        """Ask for one client."""
        page = await self._bus.ask(ListBilledClients(whmcs_client_ids=[whmcs_client_id]))
        return next((client for client in page.clients if client.whmcs_client_id == whmcs_client_id), None)


class BusLinks:
    """The `ClientLinks` port: identity."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def of(self, whmcs_client_ids: Collection[int]) -> LinkedClients:
        """Ask for the links, 100 at a time."""
        ids = sorted(whmcs_client_ids)
        linked: dict[int, str] = {}
        deleted: dict[int, str] = {}
        for start in range(0, len(ids), MOST_LINKS):
            query = FindLinkedClients(whmcs_client_ids=ids[start : start + MOST_LINKS])
            found = await self._bus.ask(query)
            linked |= found.linked
            deleted |= found.deleted
        return LinkedClients(linked=linked, deleted=deleted)
