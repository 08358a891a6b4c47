"""Invoices: reading, making and changing them."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from portal_sandbox.whmcs.calls import (
    GATEWAYS,
    Answer,
    ApiError,
    Call,
    Listing,
    Row,
    Text,
    money,
    parse_day,
    parse_money,
)
from portal_sandbox.whmcs.custom_fields import client_key

STATUSES = ("Draft", "Unpaid", "Paid", "Cancelled", "Refunded", "Collections", "Payment Pending")
_SORTABLE = {
    "id": "id",
    "invoicenumber": "id",
    "date": "date",
    "duedate": "duedate",
    "total": "total",
    "status": "status",
}
_STATUS_HOOKS = ("Unpaid", "Cancelled", "Refunded")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a new invoice; the amount in hundredths."""

    description: str
    amount: int
    type: str = ""
    relid: int = 0
    taxed: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of an invoice in hundredths: lines, lines less credit, and what is left to pay."""

    subtotal: int
    total: int
    balance: int


def get_invoices(call: Call) -> Answer:
    """GetInvoices: without `userid` every client's invoices, as in WHMCS."""
    params = call.params
    rows = call.all("SELECT * FROM whmcs_invoice ORDER BY id")
    if params.whole("userid"):
        rows = [row for row in rows if row["client_id"] == params.whole("userid")]
    status = params.text("status").lower()
    if status == "overdue":
        today = call.whmcs.today().isoformat()
        rows = [row for row in rows if row["status"] == "Unpaid" and row["duedate"] < today]
    elif status:
        rows = [row for row in rows if row["status"].lower() == status]
    column = _SORTABLE.get(params.text("orderby").lower(), "id")
    rows.sort(key=lambda row: _sort_value(call, row, column), reverse=params.text("order").lower() == "desc")
    part, counters = call.page(rows)
    return {**counters, "invoices": Listing("invoice", [_summary(call, row) for row in part])}


def get_invoice(call: Call) -> Answer:
    """GetInvoice with lines and payments; no owner check, an empty payment list is an empty text."""
    row = find_invoice(call, call.params.whole("invoiceid"))
    items = call.all("SELECT * FROM whmcs_invoice_item WHERE invoice_id = ? ORDER BY id", row["id"])
    payments = call.all("SELECT * FROM whmcs_transaction WHERE invoice_id = ? ORDER BY id", row["id"])
    sums = totals(call, row)
    lines = [
        {
            "id": item["id"],
            "type": item["type"],
            "relid": item["relid"],
            "description": Text(item["description"]),
            "amount": money(item["amount"]),
            "taxed": item["taxed"],
        }
        for item in items
    ]
    return {
        "invoiceid": row["id"],
        "invoicenum": "",
        "userid": row["client_id"],
        "date": row["date"],
        "duedate": row["duedate"],
        "datepaid": call.moment(row["datepaid"]),
        "lastcaptureattempt": call.moment(row["lastcapture"]),
        **_amounts(row, sums),
        "balance": money(sums.balance),
        "taxrate": "0.000",
        "taxrate2": "0.000",
        "status": row["status"],
        "paymentmethod": row["paymentmethod"],
        "notes": Text(row["notes"]),
        "ccgateway": row["paymentmethod"] == "stripe",
        "items": Listing("item", lines),
        "transactions": Listing("transaction", [transaction(entry) for entry in payments]) if payments else "",
    }


def create_invoice(call: Call) -> Answer:
    """CreateInvoice from numbered lines."""
    params = call.params
    client = call.client(params.whole("userid"))
    draft = params.flag("draft") or params.text("status") == "Draft"
    if draft and params.flag("sendinvoice"):
        raise ApiError(
            "Cannot create and send a draft invoice in a single API request. Please create and send separately."
        )
    status = "Draft" if draft else params.text("status") or "Unpaid"
    if status not in STATUSES:
        raise ApiError(f"Invalid status {status}")
    gateway = params.text("paymentmethod")
    if gateway and gateway not in GATEWAYS:
        raise ApiError("Invalid Payment Method")
    lines: list[Line] = []
    while params.has(f"itemdescription{len(lines) + 1}"):
        number = len(lines) + 1
        lines.append(
            Line(
                params.text(f"itemdescription{number}"),
                parse_money(params.text(f"itemamount{number}")),
                taxed=int(params.flag(f"itemtaxed{number}")),
            )
        )
    invoice_id = add_invoice(
        call,
        client["id"],
        lines,
        gateway or client["defaultgateway"] or "stripe",
        status=status,
        dated=parse_day(params.text("date")),
        due=parse_day(params.text("duedate")),
        notes=params.text("notes"),
    )
    if params.flag("sendinvoice"):
        call.mail(client["id"], "Invoice Created", invoice_id)
    return {"invoiceid": str(invoice_id), "status": status}


def update_invoice(call: Call) -> Answer:
    """UpdateInvoice: status, dates, lines. WHMCS 9 refuses to change lines of a published invoice (a switch)."""
    params = call.params
    row = find_invoice(call, params.whole("invoiceid"))
    status = params.text("status")
    if status and status not in STATUSES:
        raise ApiError(f"Invalid status {status}")
    publish = params.flag("publish") or params.flag("publishandsendemail")
    if publish and row["status"] != "Draft":
        raise ApiError("Invoice must be in Draft status to be published")
    _change_lines(call, row)
    changes: dict[str, object] = {
        name: params.text(name)
        for name in ("date", "duedate", "datepaid", "notes", "paymentmethod")
        if params.has(name)
    }
    if params.has("credit"):
        changes["credit"] = parse_money(params.text("credit"))
    if status or publish:
        changes["status"] = "Unpaid" if publish else status
    if status == "Cancelled":
        changes["cancelled"] = call.whmcs.stamp()
    call.update("whmcs_invoice", row["id"], **changes, updated=call.whmcs.stamp())
    if publish:
        call.hook("InvoiceCreated", row["client_id"], invoice_id=row["id"])
    elif status != row["status"] and status in _STATUS_HOOKS:
        call.hook(f"Invoice{status}", row["client_id"], invoice_id=row["id"])
    if params.flag("publishandsendemail"):
        call.mail(row["client_id"], "Invoice Created", row["id"])
    call.record("invoice.updated", row["id"], fields=sorted(changes))
    return {"invoiceid": str(row["id"])}


def add_invoice(
    call: Call,
    client_id: int,
    lines: list[Line],
    gateway: str,
    *,
    status: str = "Unpaid",
    dated: date | None = None,
    due: date | None = None,
    notes: str = "",
) -> int:
    """A new invoice; its id. Without dates: today."""
    today = call.whmcs.today()
    invoice_id = call.insert(
        "whmcs_invoice",
        client_id=client_id,
        date=(dated or today).isoformat(),
        duedate=(due or dated or today).isoformat(),
        status=status,
        paymentmethod=gateway,
        notes=notes,
        created=call.whmcs.stamp(),
        updated=call.whmcs.stamp(),
    )
    for line in lines:
        call.insert(
            "whmcs_invoice_item",
            invoice_id=invoice_id,
            type=line.type,
            relid=line.relid,
            description=line.description,
            amount=line.amount,
            taxed=line.taxed,
        )
    amount = money(sum(line.amount for line in lines))
    call.record("invoice.created", invoice_id, client=client_key(call, client_id), client_id=client_id, total=amount)
    if status != "Draft":
        call.hook("InvoiceCreated", client_id, invoice_id=invoice_id)
    return invoice_id


def find_invoice(call: Call, invoice_id: int, message: str = "Invoice ID Not Found") -> Row:
    """The invoice's row. ApiError when there is none."""
    row = call.one("SELECT * FROM whmcs_invoice WHERE id = ?", invoice_id)
    if row is None:
        raise ApiError(message)
    return row


def totals(call: Call, row: Row) -> Totals:
    """Sums of an invoice; prices contain the tax, so tax lines are zero."""
    lines = call.one("SELECT coalesce(sum(amount), 0) AS sum FROM whmcs_invoice_item WHERE invoice_id = ?", row["id"])
    paid = call.one(
        "SELECT coalesce(sum(amountin - amountout), 0) AS sum FROM whmcs_transaction WHERE invoice_id = ?", row["id"]
    )
    subtotal = lines["sum"] if lines else 0
    total = subtotal - row["credit"]
    return Totals(subtotal, total, total - (paid["sum"] if paid else 0))


def transaction(row: Row) -> Answer:
    """A payment as WHMCS describes it."""
    return {
        "id": row["id"],
        "userid": row["client_id"],
        "currency": "1",
        "gateway": row["gateway"],
        "date": row["date"],
        "description": Text(row["description"]),
        "amountin": money(row["amountin"]),
        "fees": money(row["fees"]),
        "amountout": money(row["amountout"]),
        "rate": "1.00000",
        "transid": row["transid"],
        "invoiceid": row["invoice_id"],
        "refundid": row["refundid"],
    }


def _summary(call: Call, row: Row) -> Answer:
    client = call.client(row["client_id"])
    return {
        "id": row["id"],
        "userid": row["client_id"],
        "firstname": Text(client["firstname"]),
        "lastname": Text(client["lastname"]),
        "companyname": Text(client["companyname"]),
        "invoicenum": "",
        "date": row["date"],
        "duedate": row["duedate"],
        "datepaid": call.moment(row["datepaid"]),
        "last_capture_attempt": call.moment(row["lastcapture"]),
        "date_refunded": call.moment(row["refunded"]),
        "date_cancelled": call.moment(row["cancelled"]),
        **_amounts(row, totals(call, row)),
        "taxrate": "0.000",
        "taxrate2": "0.000",
        "status": row["status"],
        "paymentmethod": row["paymentmethod"],
        "paymethodid": None,
        "notes": Text(row["notes"]),
        "created_at": row["created"],
        "updated_at": row["updated"],
        "currencycode": "JPY",
        "currencyprefix": "¥",
        "currencysuffix": " JPY",
    }


def _amounts(row: Row, sums: Totals) -> Answer:
    return {
        "subtotal": money(sums.subtotal),
        "credit": money(row["credit"]),
        "tax": "0.00",
        "tax2": "0.00",
        "total": money(sums.total),
    }


def _sort_value(call: Call, row: Row, column: str) -> tuple[Any, int]:
    return (totals(call, row).total if column == "total" else row[column], row["id"])


def _change_lines(call: Call, row: Row) -> None:
    params = call.params
    changed, new, deleted = (
        params.array("itemdescription"),
        params.array("newitemdescription"),
        params.array("deletelineids"),
    )
    if not (changed or new or deleted or params.array("itemamount")):
        return
    if call.whmcs.switch("immutableInvoices") and row["status"] != "Draft":
        raise ApiError("Invoice cannot be modified once published")
    amounts, taxed = params.array("itemamount"), params.array("itemtaxed")
    if set(amounts) != set(changed) or set(taxed) != set(changed):
        raise ApiError(
            "Missing Variables: itemdescription, itemamount and itemtaxed are required for each item being changed"
        )
    for line, description in changed.items():
        call.db.execute(
            "UPDATE whmcs_invoice_item SET description = ?, amount = ?, taxed = ? WHERE id = ? AND invoice_id = ?",
            (description, parse_money(str(amounts[line])), int(taxed[line] not in ("", "0")), line, row["id"]),
        )
    for index, description in new.items():
        amount = parse_money(str(params.array("newitemamount").get(index, "0")))
        call.insert(
            "whmcs_invoice_item", invoice_id=row["id"], type="", relid=0, description=str(description), amount=amount
        )
    for removed in deleted.values():
        call.db.execute("DELETE FROM whmcs_invoice_item WHERE id = ? AND invoice_id = ?", (str(removed), row["id"]))
