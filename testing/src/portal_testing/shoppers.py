"""Customers of the portal under test, and what staff and operators see of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from portal_local.demo.customer import Customer, eventually
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

    async def order(self, *lines: dict[str, Any], activate_at: datetime | None = None) -> list[str]:
        """Order a cart and give the order ids."""
        cart: dict[str, Any] = {"addressConfirmed": True, "lines": list(lines)}
        if activate_at is not None:
            cart["activateAt"] = activate_at.isoformat()
        await self.journey.order(self.person, cart)
        return [order.order_id for order in self.journey.orders]

    async def order_services(self, *services: dict[str, Any], activate_at: datetime | None = None) -> list[str]:
        """Order services by their `sku` and what else their lines have, each with its activation fee: ids in order."""
        lines: list[dict[str, Any]] = []
        for number, service in enumerate(services):
            fee = f"{str(service['sku']).partition('-')[0]}-ACTIVATION"
            lines.append({"reference": f"service{number}", **service})
            lines.append({"reference": f"fee{number}", "sku": fee, "parent": f"service{number}"})
        return await self.order(*lines, activate_at=activate_at)

    async def order_esim(self, *, activate_at: datetime | None = None, **line: Any) -> str:
        """Order an eSIM with its activation fee; `line` says more about it, e.g. `porting`."""
        service = {"sku": "SIM-VOICE-ESIM-20G", "eid": self.person.eid, **line}
        (order_id,) = await self.order_services(service, activate_at=activate_at)
        return order_id

    async def order_vpn(self, sku: str = "VPN-US", *, activate_at: datetime | None = None) -> str:
        """Order a VPN with its activation fee."""
        (order_id,) = await self.order_services({"sku": sku}, activate_at=activate_at)
        return order_id

    async def change(self, order_id: str, **fields: Any) -> None:
        """Have staff change fields of an order in Salesforce."""
        await self.salesforce.change("Order", order_id, fields)

    async def read(self, order_id: str) -> dict[str, Any]:
        """What the customer sees of an order."""
        found: dict[str, Any] = await self.customer.get(f"/orders/{order_id}")
        return found

    async def timeline(self, order_id: str) -> list[dict[str, Any]]:
        """What the customer sees of how it went."""
        found: list[dict[str, Any]] = (await self.customer.get(f"/orders/{order_id}/timeline"))["entries"]
        return found

    async def see(
        self, order_id: str, kind: str, *, times: int = 1, wait: Callable[[], Awaitable[None]] | None = None
    ) -> dict[str, Any]:
        """Wait until the timeline holds so many entries of a kind and give the last; `wait` runs before each look."""

        async def look() -> dict[str, Any] | None:
            if wait is not None:
                await wait()
            found = [entry for entry in await self.timeline(order_id) if entry["kind"] == kind]
            return found[-1] if len(found) >= times else None

        return await eventually(look, f"{kind} ({times}) of order {order_id}")

    async def finish(self) -> list[str]:
        """Wait until all orders are active, compare all systems, and give the disagreements."""
        await self.journey.wait_until_active()
        return await self.disagreements()

    async def disagreements(self) -> list[str]:
        """Compare all systems about the active orders of the last checkout."""
        await self.journey.compare()
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
