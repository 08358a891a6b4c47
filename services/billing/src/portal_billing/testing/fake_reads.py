"""What customers look at, from plain dictionaries."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from portal_billing.invoice import ListedInvoice, OwnedInvoice
from portal_contracts.billing import ClientProfile, PaymentGateway, PaymentMethod, SsoDestination, Subscription
from portal_contracts.problems import Refused


@dataclass(slots=True)
class FakeReads:
    """The BillingReads port."""

    profiles: dict[int, ClientProfile] = field(default_factory=dict)
    methods: dict[int, list[PaymentMethod]] = field(default_factory=dict)
    offered: list[PaymentGateway] = field(default_factory=list)
    all_invoices: dict[int, OwnedInvoice] = field(default_factory=dict)
    services: dict[int, list[Subscription]] = field(default_factory=dict)

    async def profile(self, client_id: int) -> ClientProfile:
        """Give a profile."""
        if client_id not in self.profiles:
            raise Refused("NOT_FOUND")
        return self.profiles[client_id]

    async def payment_methods(self, client_id: int) -> Sequence[PaymentMethod]:
        """Give cards and accounts."""
        return self.methods.get(client_id, [])

    async def gateways(self) -> Sequence[PaymentGateway]:
        """Give the ways to pay."""
        return self.offered

    async def invoices(self, client_id: int) -> Sequence[ListedInvoice]:
        """Give a client's invoices, drafts included."""
        return [
            ListedInvoice(owned.draft, owned.invoice)
            for owned in self.all_invoices.values()
            if owned.client_id == client_id
        ]

    async def invoice(self, invoice_id: int) -> OwnedInvoice:
        """Give any invoice to anybody, as WHMCS does."""
        if invoice_id not in self.all_invoices:
            raise Refused("NOT_FOUND")
        return self.all_invoices[invoice_id]

    async def subscriptions(self, client_id: int) -> Sequence[Subscription]:
        """Give a client's services."""
        return self.services.get(client_id, [])

    async def subscription(self, client_id: int, service_id: int) -> Subscription:
        """Give one of a client's services."""
        for service in self.services.get(client_id, []):
            if service.service_id == service_id:
                return service
        raise Refused("NOT_FOUND")


@dataclass(slots=True)
class FakeSignOn:
    """The SignOn port."""

    blocked: set[int] = field(default_factory=set)
    minted: list[tuple[int, SsoDestination, int | None]] = field(default_factory=list)
    seconds: float = 0.0

    async def mint(self, client_id: int, destination: SsoDestination, related_id: int | None) -> str:
        """Give a link nobody gave before, after `seconds`."""
        await asyncio.sleep(self.seconds)
        if client_id in self.blocked:
            raise Refused("SSO_REFUSED")
        self.minted.append((client_id, destination, related_id))
        return f"https://billing.example.jp/oauth/singlesignon.php?access_token=example-{len(self.minted)}"
