"""Invoices as customers may see them. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from portal_contracts.billing import Invoice, InvoiceDetail, InvoiceState, ListInvoices
from portal_contracts.billing_answers import InvoiceTotals

OPEN: Final[frozenset[InvoiceState]] = frozenset({"unpaid", "overdue", "collections", "payment_pending"})
"""Still to be paid."""
CLOSED: Final[frozenset[InvoiceState]] = frozenset({"paid", "cancelled", "refunded"})
"""Over: WHMCS changes their lines no more."""


@dataclass(frozen=True, slots=True)
class ListedInvoice:
    """An invoice in a list. A draft is staff's work in progress and never shown."""

    draft: bool
    invoice: Invoice


@dataclass(frozen=True, slots=True)
class OwnedInvoice:
    """An invoice and whose it is: WHMCS gives any invoice to anybody who asks, so the owner is checked here."""

    client_id: int
    draft: bool
    invoice: InvoiceDetail

    def visible_to(self, client_id: int) -> bool:
        """Whether this client may see it (R206)."""
        return self.client_id == client_id and not self.draft


def state_on(state: InvoiceState, due_on: date | None, today: date) -> InvoiceState:
    """Give the state on a day: WHMCS calls an overdue invoice Unpaid."""
    return "overdue" if state == "unpaid" and due_on is not None and due_on < today else state


def fits(invoice: Invoice, query: ListInvoices) -> bool:
    """Whether an invoice is among those asked for; one without a date is in no range."""
    if query.state not in (None, invoice.state) or (query.only_open and invoice.state not in OPEN):
        return False
    if query.issued_from is None and query.issued_until is None:
        return True
    issued = invoice.issued_on
    return issued is not None and (query.issued_from or date.min) <= issued <= (query.issued_until or date.max)


def totals_of(invoices: Sequence[Invoice]) -> InvoiceTotals:
    """Add up what is still to be paid."""
    still_open = [invoice for invoice in invoices if invoice.state in OPEN]
    overdue = [invoice for invoice in still_open if invoice.state == "overdue"]
    return InvoiceTotals(
        open=len(still_open),
        open_amount=sum(invoice.total for invoice in still_open),
        overdue=len(overdue),
        overdue_amount=sum(invoice.total for invoice in overdue),
    )


def newest_first(listed: Sequence[ListedInvoice]) -> list[Invoice]:
    """Give what a customer may see, newest first."""
    visible = [entry.invoice for entry in listed if not entry.draft]
    return sorted(visible, key=lambda invoice: (invoice.issued_on or date.min, invoice.id), reverse=True)
