"""Invoices as WHMCS answers them: GetInvoices and GetInvoice name the same things differently (whmcs.md 5.3, 5.4)."""

from collections.abc import Mapping
from datetime import UTC, date
from typing import Any, Final

from portal_billing.invoice import OwnedInvoice, state_on
from portal_billing.whmcs_parse import (
    BadAnswer,
    day,
    flag,
    moment,
    optional_whole,
    percent,
    plain_text,
    rows,
    text,
    whole,
    yen,
)
from portal_contracts.billing import Invoice, InvoiceDetail, InvoiceLine, InvoiceState, Payment

INVOICE_STATES: Final[Mapping[str, InvoiceState]] = {
    "unpaid": "unpaid",
    "paid": "paid",
    "cancelled": "cancelled",
    "refunded": "refunded",
    "collections": "collections",
    "payment pending": "payment_pending",
    "overdue": "overdue",
}
_OF_A_SERVICE: Final = frozenset({"hosting", "promohosting", "setup"})


def is_draft(row: Mapping[str, Any]) -> bool:
    """Whether staff has not issued it yet."""
    return text(row, "status").casefold() == "draft"


def invoice_of(row: Mapping[str, Any], invoice_id: int, today: date) -> Invoice:
    """Read an invoice of a list. Raises BadAnswer."""
    return Invoice.model_validate(_facts(row, invoice_id, today))


def owned_invoice(body: Mapping[str, Any], invoice_id: int, today: date) -> OwnedInvoice:
    """Read one invoice with its lines and payments. Raises BadAnswer, also when another one was answered."""
    if whole(body, "invoiceid", "id") != invoice_id:
        raise BadAnswer("another invoice than asked for")
    detail = InvoiceDetail.model_validate(
        {
            **_facts(body, invoice_id, today),
            "subtotal": yen(body, "subtotal", default=0),
            "tax": yen(body, "tax", default=0) + yen(body, "tax2", default=0),
            "credit": yen(body, "credit", default=0),
            "balance": yen(body, "balance", default=0),
            "lines": [_line(row) for row in rows(body, "items", "item")],
            "payments": [_payment(row) for row in rows(body, "transactions", "transaction")],
            "tax_percent": percent(body, "taxrate"),
        }
    )
    return OwnedInvoice(whole(body, "userid"), is_draft(body), detail)


def _facts(row: Mapping[str, Any], invoice_id: int, today: date) -> dict[str, Any]:
    due_on, paid_at = day(row.get("duedate")), moment(row.get("datepaid"))
    state = INVOICE_STATES.get(text(row, "status").casefold(), "unknown")
    return {
        "id": invoice_id,
        "number": text(row, "invoicenum") or str(invoice_id),
        "state": state_on(state, due_on, today),
        "issued_on": day(row.get("date")),
        "due_on": due_on,
        "paid_at": None if paid_at is None else paid_at.astimezone(UTC),
        "total": yen(row, "total"),
        "currency": text(row, "currencycode") or "JPY",
    }


def _line(row: Mapping[str, Any]) -> InvoiceLine:
    service_id = optional_whole(row.get("relid")) if text(row, "type").casefold() in _OF_A_SERVICE else None
    return InvoiceLine(
        description=plain_text(row, "description"),
        amount=yen(row, "amount"),
        service_id=service_id or None,
        taxed=flag(row.get("taxed")),
    )


def _payment(row: Mapping[str, Any]) -> Payment:
    return Payment(
        paid_on=day(row.get("date")),
        gateway=text(row, "gateway"),
        amount=yen(row, "amountin", default=0) - yen(row, "amountout", default=0),
    )
