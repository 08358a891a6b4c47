"""Money in: captures, recorded payments, credit."""

import re
import secrets

from portal_sandbox.whmcs.billing_cycles import next_due
from portal_sandbox.whmcs.calls import Answer, ApiError, Call, Listing, Row, Text, money, parse_day, parse_money
from portal_sandbox.whmcs.custom_fields import client_key
from portal_sandbox.whmcs.invoices import find_invoice, totals, transaction
from portal_sandbox.whmcs.pay_methods import DECLINING_LAST_FOUR, usable_card
from portal_sandbox.whmcs.upgrades import complete_upgrade

_AMOUNT = re.compile(r"\d+(\.\d{1,2})?")


def capture_payment(call: Call) -> Answer:
    """CapturePayment: charges the stored card; a paid invoice is never charged again."""
    row = call.one("SELECT * FROM whmcs_invoice WHERE id = ?", call.params.whole("invoiceid"))
    if row is None or row["status"] != "Unpaid":
        raise ApiError("Invoice Not Found or Not Unpaid")
    if not charge(call, row):
        raise ApiError("Payment Attempt Failed")
    return {}


def charge(call: Call, invoice: Row) -> bool:
    """Tries the client's card for the balance; whether the invoice is paid now."""
    call.update("whmcs_invoice", invoice["id"], lastcapture=call.whmcs.stamp())
    card = usable_card(call, invoice["client_id"])
    balance = totals(call, invoice).balance
    if card is None or card["last_four"] == DECLINING_LAST_FOUR:
        call.record(
            "payment.failed", invoice["id"], client_id=invoice["client_id"], card=card["last_four"] if card else ""
        )
        call.mail(invoice["client_id"], "Credit Card Payment Failed", invoice["id"])
        return False
    pay(call, invoice, balance, "stripe", f"ch_{secrets.token_hex(8)}")
    return True


def pay(call: Call, invoice: Row, amount: int, gateway: str, transid: str, *, fees: int = 0, mail: bool = True) -> None:
    """Records a payment; an invoice without balance left becomes Paid."""
    call.insert(
        "whmcs_transaction",
        client_id=invoice["client_id"],
        gateway=gateway,
        date=call.whmcs.stamp(),
        description="Invoice Payment",
        amountin=amount,
        fees=fees,
        transid=transid,
        invoice_id=invoice["id"],
        refundid=0,
    )
    call.record("payment.taken", invoice["id"], client_id=invoice["client_id"], amount=money(amount), transid=transid)
    settle_if_paid(call, invoice, mail=mail)


def settle_if_paid(call: Call, invoice: Row, *, mail: bool) -> bool:
    """Marks an invoice Paid when nothing is left, and moves the due dates of the services it was for."""
    if invoice["status"] != "Unpaid" or totals(call, find_invoice(call, invoice["id"])).balance > 0:
        return False
    call.update("whmcs_invoice", invoice["id"], status="Paid", datepaid=call.whmcs.stamp(), updated=call.whmcs.stamp())
    for item in call.all(
        "SELECT s.* FROM whmcs_invoice_item i JOIN whmcs_service s ON s.id = i.relid"
        " WHERE i.invoice_id = ? AND i.type = 'Hosting'",
        invoice["id"],
    ):
        due = parse_day(item["nextduedate"])
        if due is not None and (later := next_due(due, item["billingcycle"])) is not None:
            call.update("whmcs_service", item["id"], nextduedate=later.isoformat())
    for upgrade in call.all("SELECT id FROM whmcs_upgrade WHERE invoice_id = ?", invoice["id"]):
        complete_upgrade(call, upgrade["id"])
    call.record(
        "invoice.paid", invoice["id"], client=client_key(call, invoice["client_id"]), client_id=invoice["client_id"]
    )
    if mail:
        call.mail(invoice["client_id"], "Invoice Payment Confirmation", invoice["id"])
    call.hook("InvoicePaid", invoice["client_id"], invoice_id=invoice["id"])
    return True


def add_invoice_payment(call: Call) -> Answer:
    """AddInvoicePayment: a payment taken elsewhere."""
    params = call.params
    invoice = find_invoice(call, params.whole("invoiceid"))
    amount = parse_money(params.text("amount")) if params.text("amount") else totals(call, invoice).balance
    fees = parse_money(params.text("fees"))
    pay(
        call,
        invoice,
        amount,
        params.text("gateway"),
        params.text("transid"),
        fees=fees,
        mail=not params.flag("noemail"),
    )
    return {}


def get_transactions(call: Call) -> Answer:
    """GetTransactions by invoice, client or transaction id."""
    params = call.params
    rows = call.all(
        "SELECT * FROM whmcs_transaction WHERE (?1 = 0 OR invoice_id = ?1) AND (?2 = 0 OR client_id = ?2)"
        " AND (?3 = '' OR transid = ?3) ORDER BY id",
        params.whole("invoiceid"),
        params.whole("clientid"),
        params.text("transid"),
    )
    return {
        "totalresults": len(rows),
        "startnumber": 0,
        "numreturned": len(rows),
        "transactions": Listing("transaction", [transaction(row) for row in rows]),
    }


def add_credit(call: Call) -> Answer:
    """AddCredit: not idempotent, the description is the only mark."""
    params = call.params
    client = call.client(params.whole("clientid"))
    if not params.text("amount"):
        raise ApiError("No Amount Provided")
    if not _AMOUNT.fullmatch(params.text("amount")):
        raise ApiError("Amount must be in decimal format: ### or ###.##")
    kind = params.text("type", "add").lower()
    if kind not in ("add", "remove"):
        raise ApiError("Type can only be add or remove")
    if params.text("date") and parse_day(params.text("date")) is None:
        raise ApiError("Date Format is not Valid")
    amount = parse_money(params.text("amount")) * (1 if kind == "add" else -1)
    balance = change_credit(call, client["id"], amount, params.text("description"), day=params.text("date"))
    return {"newbalance": money(balance)}


def apply_credit(call: Call) -> Answer:
    """ApplyCredit: uses the client's credit for an invoice."""
    params = call.params
    invoice = find_invoice(call, params.whole("invoiceid"))
    client = call.client(invoice["client_id"])
    balance = totals(call, invoice).balance
    wanted = balance if params.text("amount") in ("", "full") else parse_money(params.text("amount"))
    if invoice["status"] != "Unpaid":
        raise ApiError("Invoice Not in Unpaid Status")
    if wanted > client["credit"]:
        raise ApiError("Amount exceeds customer credit balance")
    if wanted > balance:
        raise ApiError("Amount Exceeds Invoice Balance")
    change_credit(call, client["id"], -wanted, f"Credit Applied to Invoice #{invoice['id']}", related=invoice["id"])
    call.update("whmcs_invoice", invoice["id"], credit=invoice["credit"] + wanted)
    paid = settle_if_paid(call, invoice, mail=not params.flag("noemail"))
    return {"invoiceid": str(invoice["id"]), "amount": money(wanted), "invoicepaid": "true" if paid else "false"}


def get_credits(call: Call) -> Answer:
    """GetCredits of one client."""
    client = call.client(call.params.whole("clientid"))
    rows = call.all("SELECT * FROM whmcs_credit WHERE client_id = ? ORDER BY id", client["id"])
    credits_found = [
        {
            "id": str(row["id"]),
            "date": row["date"],
            "description": Text(row["description"]),
            "amount": money(row["amount"]),
            "relid": str(row["relid"]),
        }
        for row in rows
    ]
    return {"totalresults": len(rows), "clientid": client["id"], "credits": Listing("credit", credits_found)}


def change_credit(call: Call, client_id: int, amount: int, description: str, *, day: str = "", related: int = 0) -> int:
    """Adds to (or takes from) a client's credit; the new balance in hundredths."""
    client = call.client(client_id)
    call.insert(
        "whmcs_credit",
        client_id=client_id,
        date=day or call.whmcs.today().isoformat(),
        description=description,
        amount=amount,
        relid=related,
    )
    balance = int(client["credit"]) + amount
    call.update("whmcs_client", client_id, credit=balance)
    call.record("credit.changed", client_key(call, client_id), amount=money(amount), description=description)
    return balance
