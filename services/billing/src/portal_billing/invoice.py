"""Invoices as customers may see them. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portal_contracts.billing import Invoice, InvoiceDetail, InvoiceState


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


def newest_first(listed: Sequence[ListedInvoice]) -> list[Invoice]:
    """Give what a customer may see, newest first."""
    visible = [entry.invoice for entry in listed if not entry.draft]
    return sorted(visible, key=lambda invoice: (invoice.issued_on or date.min, invoice.id), reverse=True)
