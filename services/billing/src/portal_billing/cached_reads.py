"""What customers look at, through the cache: which data, for how long, and for nobody else (R236, R241–R249).

Everything kept of a client goes at once (`clear`): on the portal's own writes and on a signed event of WHMCS (R243,
R246, R249, R252). Redis down: live reads (R253).
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from pydantic import TypeAdapter

from portal_billing.invoice import CLOSED, ListedInvoice, newest_first
from portal_billing.ports import BillingReads
from portal_chassis.cache import Cache, Patience
from portal_chassis.cached import CachedKind, Dated
from portal_contracts.billing import (
    ClientProfile,
    Invoice,
    InvoiceDetail,
    PaymentGateway,
    PaymentMethod,
    Subscription,
)
from portal_contracts.problems import Refused

T = TypeVar("T")
_EVERYBODY: Final = "all"
_CLOSED_LINES: Final = "closed"
NEWEST_INVOICES: Final = 24
"""How many of a client's invoices are looked into for those of one subscription: WHMCS tells only one by one."""
_LINES_AT_ONCE: Final = 3


class CachedReads:
    """The CustomerReads port on BillingReads. A foreign id is NOT_FOUND and never kept."""

    def __init__(
        self,
        live: BillingReads,
        cache: Cache,
        *,
        stale_for: timedelta,
        patience: Patience,
        lines: BillingReads,
        patience_with_lines: Patience,
    ) -> None:
        """`stale_for`: how long a copy past its time serves while WHMCS is away; `patience`: what a customer waits.

        `lines` reads the many invoices of which one answer is made, in a queue of its own: nobody waits behind those.
        """
        self._live = live
        self._lines = lines
        self._cache = cache

        def kind(name: str, kept_as: TypeAdapter[T], ttl: timedelta) -> CachedKind[T]:
            return CachedKind(cache, name, kept_as, ttl, stale_for=stale_for, patience=patience)

        seconds, minute = timedelta(seconds=1), timedelta(minutes=1)
        self._profile = kind("profile", TypeAdapter(ClientProfile), 30 * minute)  # R249
        self._methods = kind("methods", TypeAdapter(list[PaymentMethod]), 15 * minute)  # R247
        self._gateways = kind("gateways", TypeAdapter(list[PaymentGateway]), 60 * minute)  # R248
        self._invoices = kind("invoices", TypeAdapter(list[ListedInvoice]), 90 * seconds)  # R241
        self._invoice = kind("invoice", TypeAdapter(InvoiceDetail), 5 * minute)  # R242
        self._services = kind("services", TypeAdapter(list[Subscription]), 5 * minute)  # R244
        self._service = kind("service", TypeAdapter(Subscription), 10 * minute)  # R245
        self._of_service = CachedKind(  # R241
            cache,
            "invoices of service",
            TypeAdapter(list[Invoice]),
            90 * seconds,
            stale_for=stale_for,
            patience=patience_with_lines,
        )
        # The lines of an invoice that is over do not change: which services it was for is asked once a day.
        self._closed_lines = CachedKind(cache, "lines", TypeAdapter(list[int]), timedelta(days=1))

    async def profile(self, client_id: int) -> Dated[ClientProfile]:
        """Read a client's profile."""
        return await self._profile.read(str(client_id), lambda: self._live.profile(client_id))

    async def payment_methods(self, client_id: int, *, fresh: bool) -> Dated[list[PaymentMethod]]:
        """Read a client's stored cards and accounts."""

        async def load() -> list[PaymentMethod]:
            return list(await self._live.payment_methods(client_id))

        return await self._methods.read(str(client_id), load, fresh=fresh)

    async def gateways(self) -> Dated[list[PaymentGateway]]:
        """Read the ways to pay, which are the same for all."""

        async def load() -> list[PaymentGateway]:
            return list(await self._live.gateways())

        return await self._gateways.read(_EVERYBODY, load)

    async def invoices(self, client_id: int, *, fresh: bool) -> Dated[list[Invoice]]:
        """Read a client's invoices without drafts, newest first."""
        found = await self._listed(client_id, fresh=fresh)
        return Dated(newest_first(found.value), found.as_of)

    async def _listed(self, client_id: int, *, fresh: bool, patient: bool = False) -> Dated[list[ListedInvoice]]:
        async def load() -> list[ListedInvoice]:
            return list(await self._live.invoices(client_id))

        return await self._invoices.read(str(client_id), load, fresh=fresh, patient=patient)

    async def invoice(self, client_id: int, invoice_id: int, *, fresh: bool = False) -> Dated[InvoiceDetail]:
        """Read one invoice; the owner is checked before anything is kept."""
        return await self._invoice.read(
            str(client_id), lambda: _own_invoice(self._live, client_id, invoice_id), key=str(invoice_id), fresh=fresh
        )

    async def subscriptions(self, client_id: int, *, fresh: bool) -> Dated[list[Subscription]]:
        """Read all of a client's services."""

        async def load() -> list[Subscription]:
            return list(await self._live.subscriptions(client_id))

        return await self._services.read(str(client_id), load, fresh=fresh)

    async def subscription(self, client_id: int, service_id: int, *, fresh: bool = False) -> Dated[Subscription]:
        """Read one service of a client."""
        return await self._own_service(client_id, service_id, fresh=fresh)

    async def _own_service(
        self, client_id: int, service_id: int, *, fresh: bool = False, patient: bool = False
    ) -> Dated[Subscription]:
        async def load() -> Subscription:
            return await self._live.subscription(client_id, service_id)

        return await self._service.read(str(client_id), load, key=str(service_id), fresh=fresh, patient=patient)

    async def invoices_of(self, client_id: int, service_id: int, *, fresh: bool) -> Dated[list[Invoice]]:
        """Find a service's invoices among the client's newest; what was found out stays when the reader has left.

        An invoice of the client with a line of the service says whose it is. Only without any WHMCS is asked.
        """

        async def load() -> list[Invoice]:
            listed = await self._listed(client_id, fresh=fresh, patient=True)
            newest = newest_first(listed.value)[:NEWEST_INVOICES]
            few = asyncio.Semaphore(_LINES_AT_ONCE)

            async def services_of(invoice: Invoice) -> Collection[int]:
                async with few:
                    return await self._services_of(client_id, invoice)

            found = await asyncio.gather(*(services_of(invoice) for invoice in newest))
            of_service = [invoice for invoice, services in zip(newest, found, strict=True) if service_id in services]
            if not of_service:
                await self._own_service(client_id, service_id, patient=True)
            return of_service

        return await self._of_service.read(str(client_id), load, key=str(service_id), fresh=fresh)

    async def _services_of(self, client_id: int, invoice: Invoice) -> Sequence[int]:
        async def detail() -> InvoiceDetail:
            return await _own_invoice(self._lines, client_id, invoice.id)

        async def services() -> list[int]:
            found = await self._invoice.read(str(client_id), detail, key=str(invoice.id), patient=True)
            return sorted({line.service_id for line in found.value.lines if line.service_id is not None})

        if invoice.state not in CLOSED:
            return await services()
        owner = f"{client_id} {_CLOSED_LINES}"
        return (await self._closed_lines.read(owner, services, key=str(invoice.id))).value

    async def clear(self, client_id: int) -> None:
        """Forget everything kept of a client; never fails (`Cache.forget`)."""
        await self._cache.forget(str(client_id))

    async def drop(self, client_id: int) -> None:
        """Forget everything kept of a client; raises TryLater when the cache could not be told."""
        await self._cache.invalidate(str(client_id))


async def _own_invoice(reads: BillingReads, client_id: int, invoice_id: int) -> InvoiceDetail:
    found = await reads.invoice(invoice_id)
    if not found.visible_to(client_id):
        raise Refused("NOT_FOUND")
    return found.invoice
