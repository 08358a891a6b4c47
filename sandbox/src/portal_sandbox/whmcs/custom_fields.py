"""Custom fields of clients and products, kept by id; foreign ids are ignored as silently as WHMCS does."""

from portal_sandbox.whmcs.calls import Answer, ApiError, Call, Listing, Text
from portal_sandbox.whmcs.php_serialize import PhpSerialized, decode_field_map

MARKER_FIELD = "SF Order Id"
CUSTOMER_NUMBER_FIELD = "Customer Number"


def sent_fields(call: Call, encoded: str, kind: str, owner: int) -> dict[int, str]:
    """The readable values whose field belongs to this kind of owner (`owner`: product id, 0 for clients)."""
    known = {
        row["id"] for row in call.all("SELECT id FROM whmcs_custom_field WHERE type = ? AND relid = ?", kind, owner)
    }
    decoded = decode_field_map(encoded)
    return {field: _text(value) for field, value in decoded.items() if field in known}


def require_fields(call: Call, values: dict[int, str], kind: str, owner: int) -> None:
    """ApiError naming the first required field that is empty."""
    for row in call.all(
        "SELECT id, name FROM whmcs_custom_field WHERE type = ? AND relid = ? AND required = 1", kind, owner
    ):
        if not values.get(row["id"]):
            raise ApiError(f"You did not provide required custom field value for {row['name']}")


def save_fields(call: Call, values: dict[int, str], relid: int) -> None:
    """Stores values for a client or service id; other fields keep theirs."""
    for field, value in values.items():
        call.db.execute("INSERT OR REPLACE INTO whmcs_custom_value VALUES (?, ?, ?)", (field, relid, value))


def field_value(call: Call, kind: str, owner: int, relid: int, name: str) -> str:
    """One value by the field's name; empty when there is no such field or value."""
    row = call.one(
        "SELECT v.value FROM whmcs_custom_field f JOIN whmcs_custom_value v ON v.field_id = f.id AND v.relid = ?"
        " WHERE f.type = ? AND f.relid = ? AND f.name = ?",
        relid,
        kind,
        owner,
        name,
    )
    return str(row["value"]) if row else ""


def client_fields(call: Call, client_id: int) -> list[Answer]:
    """A client's fields by id, without names."""
    rows = call.all(
        "SELECT f.id, coalesce(v.value, '') AS value FROM whmcs_custom_field f LEFT JOIN whmcs_custom_value v"
        " ON v.field_id = f.id AND v.relid = ? WHERE f.type = 'client' ORDER BY f.id",
        client_id,
    )
    gone = call.listed("missingFields")
    return [{"id": row["id"], "value": Text(row["value"])} for row in rows if row["id"] not in gone]


def service_fields(call: Call, service_id: int, pid: int) -> Listing:
    """A service's fields, admin-only ones included."""
    rows = call.all(
        "SELECT f.id, f.name, coalesce(v.value, '') AS value FROM whmcs_custom_field f LEFT JOIN whmcs_custom_value v"
        " ON v.field_id = f.id AND v.relid = ? WHERE f.type = 'product' AND f.relid = ? ORDER BY f.id",
        service_id,
        pid,
    )
    gone = call.listed("missingFields")
    return Listing(
        "customfield",
        [
            {
                "id": str(row["id"]),
                "name": Text(row["name"]),
                "translated_name": Text(row["name"]),
                "value": Text(row["value"]),
            }
            for row in rows
            if row["id"] not in gone
        ],
    )


def order_marker(call: Call, order_id: int) -> str:
    """The business key of an order: the marker in its services' fields, else its notes, else its own number."""
    for service in call.all("SELECT id, pid FROM whmcs_service WHERE order_id = ? ORDER BY id", order_id):
        marker = field_value(call, "product", service["pid"], service["id"], MARKER_FIELD)
        if marker:
            return marker
    row = call.one("SELECT notes FROM whmcs_order WHERE id = ?", order_id)
    return str(row["notes"]) if row and row["notes"] else f"order:{order_id}"


def client_key(call: Call, client_id: int) -> str:
    """The business key of a client: its customer number, else its e-mail."""
    number = field_value(call, "client", 0, client_id, CUSTOMER_NUMBER_FIELD)
    row = call.one("SELECT email FROM whmcs_client WHERE id = ?", client_id)
    return number or (str(row["email"]) if row else "")


def _text(value: PhpSerialized) -> str:
    if isinstance(value, dict):
        return "Array"
    if isinstance(value, bool):
        return "1" if value else ""
    return "" if value is None else str(value)
