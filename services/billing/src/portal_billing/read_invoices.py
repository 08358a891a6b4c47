from dataclasses import dataclass

from portal_billing.invoice import fits, totals_of
from portal_billing.ports import CustomerReads
from portal_contracts.billing import InvoiceDetail, InvoiceList, ListInvoices, ReadInvoice
from portal_contracts.billing_subscriptions import ListSubscriptionInvoices


@dataclass(frozen=True, slots=True)
class ReadInvoices:
    """A customer's invoices (R203, R206)."""

    reads: CustomerReads

    async def list(self, client_id: int, query: ListInvoices) -> InvoiceList:
        """Give a part of the list, newest first, without drafts, and what is owed over all of it."""
        found = await self.reads.invoices(client_id, fresh=query.fresh)
        wanted = [invoice for invoice in found.value if fits(invoice, query)]
        return InvoiceList(
            invoices=wanted[query.offset : query.offset + query.limit],
            total=len(wanted),
            totals=totals_of(found.value),
            as_of=found.as_of,
        )

    async def of_subscription(self, client_id: int, query: ListSubscriptionInvoices) -> InvoiceList:
        """Give those of one service, newest first; NOT_FOUND for a foreign service."""
        found = await self.reads.invoices_of(client_id, query.service_id, fresh=query.fresh)
        return InvoiceList(
            invoices=found.value, total=len(found.value), totals=totals_of(found.value), as_of=found.as_of
        )

    async def read(self, client_id: int, query: ReadInvoice) -> InvoiceDetail:
        """Give one invoice; NOT_FOUND for a foreign one and for a draft."""
        found = await self.reads.invoice(client_id, query.invoice_id, fresh=query.fresh)
        return found.value.model_copy(update={"as_of": found.as_of})
