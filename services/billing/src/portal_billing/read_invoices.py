from dataclasses import dataclass

from portal_billing.invoice import newest_first
from portal_billing.ports import BillingReads
from portal_contracts.billing import InvoiceDetail, InvoiceList, ListInvoices, ReadInvoice
from portal_contracts.problems import Refused


@dataclass(frozen=True, slots=True)
class ReadInvoices:
    """A customer's invoices (R203, R206)."""

    reads: BillingReads

    async def list(self, client_id: int, query: ListInvoices) -> InvoiceList:
        """Give a part of the list, newest first, without drafts."""
        found = newest_first(await self.reads.invoices(client_id))
        wanted = [invoice for invoice in found if query.state in (None, invoice.state)]
        return InvoiceList(invoices=wanted[query.offset : query.offset + query.limit], total=len(wanted))

    async def read(self, client_id: int, query: ReadInvoice) -> InvoiceDetail:
        """Give one invoice; NOT_FOUND for a foreign one and for a draft."""
        found = await self.reads.invoice(query.invoice_id)
        if not found.visible_to(client_id):
            raise Refused("NOT_FOUND")
        return found.invoice
