"""Stored cards and bank accounts; only the last four digits of a card exist."""

import re
import secrets

from portal_sandbox.whmcs.calls import GATEWAYS, Answer, ApiError, Call, Row, Text
from portal_sandbox.whmcs.custom_fields import client_key

DECLINING_LAST_FOUR = "0002"
"""The well-known test card 4000 0000 0000 0002: it can be stored, every payment with it fails."""

_CARD_TYPES = ("CreditCard", "RemoteCreditCard")
_ACCOUNT_TYPES = ("BankAccount", "RemoteBankAccount")


class CardRefusedError(Exception):
    """The card form's own message for a person."""


def get_pay_methods(call: Call) -> Answer:
    """GetPayMethods of one client: a flat list, without order and without a default mark."""
    params = call.params
    if not params.text("clientid"):
        raise ApiError("Client ID Is Required")
    client = call.client(params.whole("clientid"), "Client Not Found")
    wanted = params.text("type")
    if wanted not in ("", "BankAccount", "CreditCard"):
        raise ApiError("Invalid Pay Method Type. Should be 'BankAccount' or 'CreditCard'")
    rows = call.all("SELECT * FROM whmcs_pay_method WHERE client_id = ? ORDER BY id", client["id"])
    if params.whole("paymethodid"):
        rows = [row for row in rows if row["id"] == params.whole("paymethodid")]
    if wanted:
        kinds = _CARD_TYPES if wanted == "CreditCard" else _ACCOUNT_TYPES
        rows = [row for row in rows if row["type"] in kinds]
    return {"clientid": str(client["id"]), "paymethods": [_described(row) for row in rows]}


def get_payment_methods(call: Call) -> Answer:
    """GetPaymentMethods: the installation's gateways."""
    off = {part.strip() for part in str(call.whmcs.switch("gatewaysOff")).split(",")}
    rows = [{"module": module, "displayname": name} for module, name in GATEWAYS.items() if module not in off]
    return {"totalresults": len(rows), "paymentmethods": {"paymentmethod": rows}}


def store_card(call: Call, client_id: int, *, number: str, expiry: str, security_code: str, description: str) -> int:
    """Keeps a card typed into the client area; its id. CardRefusedError with a text for the person."""
    digits = re.sub(r"[ -]", "", number)
    if not re.fullmatch(r"\d{13,19}", digits) or not _luhn(digits):
        raise CardRefusedError("The card number is not valid. カード番号が正しくありません。")
    if not re.fullmatch(r"\d{3,4}", security_code):
        raise CardRefusedError("Enter the security code. セキュリティコードを入力してください。")
    found = re.fullmatch(r"(0[1-9]|1[0-2])\s*/\s*(\d{2})", expiry.strip())
    if not found:
        raise CardRefusedError("Enter the expiry date as MM/YY. 有効期限を月/年で入力してください。")
    month, year = found.groups()
    if (int(year), int(month)) < (call.whmcs.today().year % 100, call.whmcs.today().month):
        raise CardRefusedError("The card has expired. カードの有効期限が切れています。")
    method = add_card(
        call, client_id, digits[-4:], brand=_brand(digits), expiry=f"{month}/{year}", description=description
    )
    call.record("pay_method.added", client_key(call, client_id), client_id=client_id, pay_method_id=method)
    call.hook("CCUpdate", client_id)
    return method


def add_card(call: Call, client_id: int, last_four: str, *, brand: str, expiry: str, description: str = "") -> int:
    """The row of a stored card."""
    return call.insert(
        "whmcs_pay_method",
        client_id=client_id,
        type="RemoteCreditCard",
        description=description or "Default Card",
        gateway="stripe",
        last_four=last_four,
        card_type=brand,
        expiry=expiry,
        token=f'{{"customer":"cus_{secrets.token_hex(7)}","method":"pm_{secrets.token_hex(8)}"}}',
        updated=call.whmcs.now().strftime("%d/%m/%Y %H:%M"),
    )


def remove_card(call: Call, client_id: int, method_id: int) -> None:
    """Forgets a stored card of this client."""
    done = call.db.execute("DELETE FROM whmcs_pay_method WHERE id = ? AND client_id = ?", (method_id, client_id))
    if done.rowcount:
        call.record("pay_method.removed", client_key(call, client_id), client_id=client_id, pay_method_id=method_id)


def usable_card(call: Call, client_id: int) -> Row | None:
    """The card a capture uses: the newest that has not expired."""
    for row in call.all("SELECT * FROM whmcs_pay_method WHERE client_id = ? ORDER BY id DESC", client_id):
        if not has_expired(call, row):
            return row
    return None


def has_expired(call: Call, method: Row) -> bool:
    """Whether a card's last month is over; what has no expiry date never expires."""
    today = call.whmcs.today()
    month, _, year = method["expiry"].partition("/")
    return bool(year) and (int(year), int(month)) < (today.year % 100, today.month)


def _described(row: Row) -> Answer:
    common: Answer = {
        "id": row["id"],
        "type": row["type"],
        "description": Text(row["description"]),
        "gateway_name": row["gateway"],
        "contact_type": "Client",
        "contact_id": row["client_id"],
    }
    if row["type"] in _ACCOUNT_TYPES:
        own: Answer = {"bank_name": Text(row["bank_name"])}
    else:
        own = {
            "card_last_four": row["last_four"],
            "expiry_date": row["expiry"],
            "start_date": "",
            "issue_number": "",
            "card_type": row["card_type"],
        }
    return {**common, **own, "remote_token": row["token"], "last_updated": row["updated"]}


def _luhn(digits: str) -> bool:
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004 - the digit sum of a two-digit number
    return total % 10 == 0


def _brand(digits: str) -> str:
    brands = (("4", "Visa"), ("5", "MasterCard"), ("2", "MasterCard"), ("34", "American Express"), ("35", "JCB"))
    found = [brand for prefix, brand in brands if digits.startswith(prefix)]
    return found[-1] if found else "American Express" if digits.startswith("37") else "Other"
