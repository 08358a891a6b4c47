"""Actions about the installation and its mail: WhmcsDetails, GetCurrencies, SendEmail, AddBillableItem."""

from portal_sandbox.whmcs.calls import Answer, ApiError, Call, money, parse_day, parse_money
from portal_sandbox.whmcs.custom_fields import client_key

_MAIL_TYPES = ("general", "product", "domain", "invoice", "support", "affiliate")
_INVOICE_ACTIONS = ("noinvoice", "nextcron", "nextinvoice", "duedate", "recur")


def whmcs_details(call: Call) -> Answer:
    """WhmcsDetails: the cheapest proof that credentials and address are right."""
    version = str(call.whmcs.switch("version"))
    return {"whmcs": {"version": version, "canonicalversion": f"{version}-release.1"}}


def get_currencies(call: Call) -> Answer:
    """GetCurrencies: one, yen unless the installation was set up wrongly (switch currency)."""
    code = str(call.whmcs.switch("currency"))
    only = {"id": "1", "code": code, "prefix": "¥", "suffix": f" {code}", "format": "4", "rate": "1.00000"}
    return {"totalresults": 1, "currencies": {"currency": [only]}}


def send_email(call: Call) -> Answer:
    """SendEmail: a template or a custom message to the client behind the related id."""
    params = call.params
    template, custom = params.text("messagename"), params.text("customtype")
    if not template and not (custom in _MAIL_TYPES and params.text("customsubject") and params.text("custommessage")):
        raise ApiError("Sending Failed. Please see documentation.")
    client_id = _client_behind(call, custom or "general", params.whole("id"))
    call.mail(
        client_id,
        template or f"custom:{custom}",
        params.whole("id"),
        params.text("customsubject"),
        params.text("custommessage"),
    )
    return {}


def add_billable_item(call: Call) -> Answer:
    """AddBillableItem: something for a later invoice."""
    params = call.params
    client = call.client(params.whole("clientid"), "Client ID not Found")
    action = params.text("invoiceaction", "noinvoice").lower()
    _check_billable(call, action)
    billable_id = call.insert(
        "whmcs_billable_item",
        client_id=client["id"],
        description=params.text("description"),
        amount=parse_money(params.text("amount")),
        quantity=params.text("quantity") or params.text("hours") or "0",
        unit=params.text("unit", "hours"),
        invoiceaction=action,
        duedate=params.text("duedate"),
    )
    call.record(
        "billable_item.added",
        client_key(call, client["id"]),
        client_id=client["id"],
        amount=money(parse_money(params.text("amount"))),
        description=params.text("description"),
    )
    return {"billableid": billable_id}


def _check_billable(call: Call, action: str) -> None:
    params = call.params
    if not params.text("description"):
        raise ApiError("You must provide a description")
    if action not in _INVOICE_ACTIONS:
        raise ApiError("Invalid Invoice Action")
    if action == "recur" and not (params.whole("recur") and params.text("recurcycle") and params.text("recurfor")):
        raise ApiError("Recurring must have a unit, cycle and limit")
    if action == "duedate" and not params.text("duedate"):
        raise ApiError("Due date is required")
    if params.text("unit", "hours") not in ("hours", "quantity"):
        raise ApiError("Invalid Unit, please specify either 'hours' or 'quantity'")
    if params.text("duedate") and parse_day(params.text("duedate")) is None:
        raise ApiError("Invalid Date Format - Expected: 'YYYY-mm-dd'")


def _client_behind(call: Call, kind: str, related: int) -> int:
    tables = {
        "invoice": "SELECT client_id FROM whmcs_invoice WHERE id = ?",
        "product": "SELECT client_id FROM whmcs_service WHERE id = ?",
    }
    row = call.one(tables.get(kind, "SELECT id AS client_id FROM whmcs_client WHERE id = ?"), related)
    if row is None:
        raise ApiError("Sending Failed. Please see documentation.")
    return int(row["client_id"])
