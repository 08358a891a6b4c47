"""Billing clients: AddClient, GetClientsDetails, UpdateClient."""

import json
import re
import uuid

from portal_sandbox.whmcs.calls import Answer, ApiError, Call, Listing, Row, Text, money
from portal_sandbox.whmcs.custom_fields import client_fields, client_key, require_fields, save_fields, sent_fields
from portal_sandbox.whmcs.users import create_user

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE = re.compile(r"[0-9 ().+\-]+")
_REQUIRED = (
    ("firstname", "You did not enter your first name"),
    ("lastname", "You did not enter your last name"),
    ("email", "You did not enter your email address"),
    ("address1", "You did not enter your  address line 1"),
    ("city", "You did not enter your city"),
    ("state", "You did not enter your state"),
    ("postcode", "You did not enter your postcode"),
)
_PLAIN = (
    "firstname",
    "lastname",
    "companyname",
    "email",
    "address1",
    "address2",
    "city",
    "state",
    "postcode",
    "country",
    "phonenumber",
    "tax_id",
    "notes",
    "language",
)
_PREFERENCES = ("general", "invoice", "support", "product", "domain", "affiliate")
_STATUSES = ("Active", "Inactive", "Closed")
_COUNTRIES = {"JP": ("Japan", "81"), "US": ("United States", "1"), "GB": ("United Kingdom", "44")}


def add_client(call: Call) -> Answer:
    """AddClient: client and, without `owner_user_id`, its user. Not idempotent: a repeat meets its own e-mail."""
    params = call.params
    _check_new(call)
    owner = params.whole("owner_user_id")
    if owner and call.one("SELECT 1 FROM whmcs_user WHERE id = ?", owner) is None:
        raise ApiError("Invalid Owner User ID")
    fields = sent_fields(call, params.text("customfields"), "client", 0)
    if not params.flag("skipvalidation"):
        require_fields(call, fields, "client", 0)
    if not owner:
        owner = create_user(
            call, params.text("firstname"), params.text("lastname"), params.text("email"), params.text("password2")
        )
    client_id = call.insert(
        "whmcs_client",
        uuid=str(uuid.uuid4()),
        owner_user_id=owner,
        created=call.whmcs.stamp(),
        currency=params.whole("currency") or 1,
        groupid=params.whole("groupid"),
        marketing=int(params.flag("marketingoptin")),
        **{name: params.text(name) for name in _PLAIN if name != "country"},
        country=params.text("country", "JP").upper(),
    )
    call.insert("whmcs_user_client", user_id=owner, client_id=client_id, is_owner=1)
    save_fields(call, fields, client_id)
    call.record("client.created", client_key(call, client_id), client_id=client_id, user_id=owner)
    if not params.flag("noemail"):
        call.mail(client_id, "Client Signup Email", client_id)
    return {"clientid": client_id, "owner_id": owner}


def get_clients_details(call: Call) -> Answer:
    """GetClientsDetails by client id or e-mail; fields are repeated at the top level as WHMCS does."""
    client_id, email = call.params.whole("clientid"), call.params.text("email")
    if not client_id and not email:
        raise ApiError("Either clientid Or email Is Required")
    row = call.one("SELECT * FROM whmcs_client WHERE id = ? OR (? = 0 AND email = ?)", client_id, client_id, email)
    if row is None:
        raise ApiError("Client Not Found")
    client = _details(call, row)
    answer: Answer = {**client, "client": client}
    if call.params.flag("stats"):
        answer["stats"] = _statistics(call, row)
    return answer


def update_client(call: Call) -> Answer:
    """UpdateClient: only what was sent changes; the user's login e-mail stays."""
    params = call.params
    row = call.one(
        "SELECT * FROM whmcs_client WHERE id = ? OR (? <> '' AND email = ?)",
        params.whole("clientid"),
        params.text("clientemail"),
        params.text("clientemail"),
    )
    if row is None:
        raise ApiError("Client ID Not Found")
    changes: dict[str, object] = {name: params.text(name) for name in _PLAIN if params.has(name)}
    if "email" in changes:
        _check_changed_email(call, row["id"], str(changes["email"]))
    if params.text("status") in _STATUSES:
        changes["status"] = params.text("status")
    if params.has("paymentmethod"):
        changes["defaultgateway"] = params.text("paymentmethod")
    for name in ("taxexempt", "separateinvoices", "disableautocc"):
        if params.has(name):
            changes[name] = int(params.flag(name))
    if params.has("marketingoptin"):
        changes["marketing"] = int(params.flag("marketingoptin"))
    if preferences := params.array("email_preferences"):
        kept = json.loads(row["email_preferences"])
        kept.update({str(name): "1" if value not in ("", "0") else "0" for name, value in preferences.items()})
        changes["email_preferences"] = json.dumps(kept)
    call.update("whmcs_client", row["id"], **changes)
    save_fields(call, sent_fields(call, params.text("customfields"), "client", 0), row["id"])
    if params.flag("clearcreditcard"):
        call.db.execute("DELETE FROM whmcs_pay_method WHERE client_id = ?", (row["id"],))
    call.record("client.updated", client_key(call, row["id"]), client_id=row["id"], fields=sorted(changes))
    call.hook("ClientEdit", row["id"])
    return {"clientid": str(row["id"])}


def _check_new(call: Call) -> None:
    params = call.params
    strict = not params.flag("skipvalidation")
    for name, message in _REQUIRED:
        if (strict or name == "email") and not params.text(name):
            raise ApiError(message)
    if not _EMAIL.fullmatch(params.text("email")):
        raise ApiError("The email address you entered was not valid")
    if strict:
        if not re.fullmatch(r"[A-Za-z]{2}", params.text("country")):
            raise ApiError("Valid country required")
        if not params.text("phonenumber"):
            raise ApiError("You did not enter your phone number")
        if not _PHONE.fullmatch(params.text("phonenumber")):
            raise ApiError("Invalid telephone phone number")
    if not params.whole("owner_user_id") and not params.text("password2"):
        raise ApiError("You did not enter a password")
    if call.one("SELECT 1 FROM whmcs_client WHERE email = ?", params.text("email")) is not None:
        raise ApiError("The email address entered is not available for use.")


def _check_changed_email(call: Call, client_id: int, email: str) -> None:
    if not _EMAIL.fullmatch(email):
        raise ApiError("The email address entered is not valid")
    if call.one("SELECT 1 FROM whmcs_client WHERE email = ? AND id <> ?", email, client_id) is not None:
        raise ApiError("Duplicate Email Address")


def _details(call: Call, row: Row) -> Answer:
    fields = client_fields(call, row["id"])
    country, dialling_code = _COUNTRIES.get(row["country"], (row["country"], ""))
    digits = re.sub(r"\D", "", row["phonenumber"]).lstrip("0")
    formatted = f"+{dialling_code}.{digits}" if dialling_code and digits else row["phonenumber"]
    preferences = {**dict.fromkeys(_PREFERENCES, "1"), **json.loads(row["email_preferences"])}
    details: Answer = {
        "client_id": row["id"],
        "owner_user_id": row["owner_user_id"],
        "userid": row["id"],
        "id": row["id"],
        "uuid": row["uuid"],
        "fullname": Text(f"{row['firstname']} {row['lastname']}"),
        **{name: Text(row[name]) for name in _PLAIN if name != "email"},
        "email": row["email"],
        "fullstate": Text(row["state"]),
        "statecode": Text(row["state"]),
        "countrycode": row["country"],
        "countryname": country,
        "phonecc": dialling_code,
        "phonenumberformatted": formatted,
        "telephoneNumber": formatted,
        "billingcid": 0,
        "currency": row["currency"],
        "currency_code": "JPY",
        "defaultgateway": row["defaultgateway"],
        "groupid": row["groupid"],
        "status": row["status"],
        "credit": money(row["credit"]),
        "email_preferences": preferences,
        "taxexempt": bool(row["taxexempt"]),
        "latefeeoveride": False,
        "overideduenotices": False,
        "separateinvoices": bool(row["separateinvoices"]),
        "disableautocc": bool(row["disableautocc"]),
        "emailoptout": False,
        "marketing_emails_opt_in": bool(row["marketing"]),
        "overrideautoclose": False,
        "allowSingleSignOn": row["allow_sso"],
        "email_verified": True,
        "isOptedInToMarketingEmails": bool(row["marketing"]),
        "lastlogin": f"Date: {row['lastlogin']}<br>IP Address:<br>Host:" if row["lastlogin"] else "No Login Logged",
        "customfields": fields,
        **{f"customfields{position}": field["value"] for position, field in enumerate(fields, start=1)},
        "users": Listing("user", _users(call, row["id"])),
    }
    return details


def _users(call: Call, client_id: int) -> list[Answer]:
    rows = call.all(
        "SELECT u.*, l.is_owner FROM whmcs_user_client l JOIN whmcs_user u ON u.id = l.user_id WHERE l.client_id = ?"
        " ORDER BY u.id",
        client_id,
    )
    return [
        {
            "id": row["id"],
            "name": Text(f"{row['firstname']} {row['lastname']}"),
            "email": row["email"],
            "is_owner": bool(row["is_owner"]),
        }
        for row in rows
    ]


def _statistics(call: Call, row: Row) -> Answer:
    unpaid = call.all(
        "SELECT i.duedate, (SELECT coalesce(sum(amount), 0) FROM whmcs_invoice_item WHERE invoice_id = i.id) - i.credit"
        " AS total FROM whmcs_invoice i WHERE i.client_id = ? AND i.status = 'Unpaid'",
        row["id"],
    )
    services = call.all("SELECT status FROM whmcs_service WHERE client_id = ?", row["id"])
    today = call.whmcs.today().isoformat()
    return {
        "numunpaidinvoices": len(unpaid),
        "unpaidinvoicesamount": f"¥{money(sum(invoice['total'] for invoice in unpaid))} JPY",
        "numoverdueinvoices": sum(1 for invoice in unpaid if invoice["duedate"] < today),
        "productsnumactive": sum(1 for service in services if service["status"] == "Active"),
        "productsnumtotal": len(services),
        "creditbalance": f"¥{money(row['credit'])} JPY",
        "incredit": row["credit"] > 0,
    }
