"""Customers of the portal under test, and what staff and operators see of them."""

from dataclasses import dataclass
from typing import Any

import httpx

from portal_local.demo.customer import Customer
from portal_local.demo.journey import Journey, Person
from portal_local.demo.sandbox_systems import sandbox_systems
from portal_local.demo.vendors import SalesforceStaff
from portal_testing.stack import PortalStack


@dataclass
class Shopper:
    """A customer who signed up and can order, and what staff and operators see of it."""

    journey: Journey
    person: Person

    @property
    def customer(self) -> Customer:
        """The customer's browser."""
        return self.journey.systems.customer

    @property
    def salesforce(self) -> SalesforceStaff:
        """A member of staff in Salesforce."""
        return self.journey.systems.salesforce

    async def order(self, *lines: dict[str, Any]) -> list[str]:
        """Order a cart and give the order ids."""
        await self.journey.order(self.person, {"addressConfirmed": True, "lines": list(lines)})
        return [order.order_id for order in self.journey.orders]

    async def order_esim(self) -> str:
        """Order an eSIM with its activation fee."""
        line = {"reference": "sim", "sku": "SIM-VOICE-ESIM-20G", "eid": self.person.eid}
        (order_id,) = await self.order(line, {"reference": "fee", "sku": "SIM-ACTIVATION", "parent": "sim"})
        return order_id

    async def order_vpn(self) -> str:
        """Order a VPN with its activation fee."""
        fee = {"reference": "fee", "sku": "VPN-ACTIVATION", "parent": "vpn"}
        (order_id,) = await self.order({"reference": "vpn", "sku": "VPN-US"}, fee)
        return order_id

    async def finish(self) -> list[str]:
        """Wait until all orders are active, compare all systems, and give the disagreements."""
        await self.journey.wait_until_active()
        await self.journey.compare(self.person)
        return [line for order in self.journey.orders for line in order.disagreements]


class Shoppers:
    """Makes shoppers on one stack."""

    def __init__(self, stack: PortalStack) -> None:
        self._stack = stack
        self._clients: list[httpx.AsyncClient] = []
        self._customers: list[Customer] = []

    async def somebody(self, *, with_card: bool = True) -> Shopper:
        """A new account in Salesforce, signed up, logged in, and with a card unless said otherwise."""
        shopper = await self.unknown()
        await shopper.journey.sign_up(shopper.person)
        if with_card:
            await shopper.journey.add_card()
        return shopper

    async def unknown(self) -> Shopper:
        """A new account in Salesforce that the portal does not know yet."""
        urls = self._stack.sandbox_urls
        client = httpx.AsyncClient(timeout=30)
        customer = Customer(self._stack.gateway_url, urls["sendgrid"])
        self._clients.append(client)
        self._customers.append(customer)
        systems = sandbox_systems(urls, self._stack.keys, customer, client)
        journey = Journey(systems, lambda *_: None, lambda *_: None)
        return Shopper(journey, await journey.set_up_account())

    async def close(self) -> None:
        """Close every browser."""
        for customer in self._customers:
            await customer.__aexit__(None, None, None)
        for client in self._clients:
            await client.aclose()
