"""A client's services: reading, changing the record, asking to cancel."""

from portal_sandbox.whmcs.billing_cycles import DISPLAY, request_form
from portal_sandbox.whmcs.calls import (
    GATEWAYS,
    Answer,
    ApiError,
    Call,
    Listing,
    Row,
    Text,
    money,
    parse_money,
)
from portal_sandbox.whmcs.config_options import service_options
from portal_sandbox.whmcs.custom_fields import save_fields, sent_fields, service_fields

STATUSES = ("Pending", "Active", "Completed", "Suspended", "Terminated", "Cancelled", "Fraud")
_PLAIN = {
    "regdate": "regdate",
    "nextduedate": "nextduedate",
    "terminationdate": "terminationdate",
    "domain": "domain",
    "subscriptionid": "subscriptionid",
    "notes": "notes",
    "serviceusername": "username",
    "servicepassword": "password",
    "overideautosuspend": "overideautosuspend",
    "overidesuspenduntil": "overidesuspenduntil",
    "suspendreason": "suspendreason",
}
_CLEARABLE = {
    "domain": "domain",
    "serviceusername": "username",
    "servicepassword": "password",
    "subscriptionid": "subscriptionid",
    "notes": "notes",
    "suspendreason": "suspendreason",
}
_CANCELLATION_TYPES = ("Immediate", "End of Billing Period")


def get_clients_products(call: Call) -> Answer:
    """GetClientsProducts: no owner check when asked by service id alone."""
    params = call.params
    rows = call.all(
        "SELECT s.*, p.name, p.groupname, o.ordernum FROM whmcs_service s JOIN whmcs_product p ON p.pid = s.pid"
        " LEFT JOIN whmcs_order o ON o.id = s.order_id WHERE (?1 = 0 OR s.client_id = ?1) AND (?2 = 0 OR s.id = ?2)"
        " AND (?3 = 0 OR s.pid = ?3) AND (?4 = '' OR s.domain = ?4) AND (?5 = '' OR s.username = ?5) ORDER BY s.id",
        params.whole("clientid"),
        params.whole("serviceid"),
        params.whole("pid"),
        params.text("domain"),
        params.text("username2"),
    )
    part, counters = call.page(rows)
    return {
        **{name: params.text(name) or None for name in ("clientid", "serviceid", "pid", "domain")},
        **counters,
        "totalresults": str(counters["totalresults"]),
        "products": Listing("product", [_described(call, row) for row in part]),
    }


def update_client_product(call: Call) -> Answer:
    """UpdateClientProduct: changes the record only, runs no module."""
    params = call.params
    row = find_service(call, params.whole("serviceid"))
    status = params.text("status")
    if status and status not in STATUSES:
        raise ApiError("Invalid Status")
    changes: dict[str, object] = {column: params.text(name) for name, column in _PLAIN.items() if params.has(name)}
    if status:
        changes["status"] = status
    if params.whole("pid"):
        changes["pid"] = params.whole("pid")
    if params.text("billingcycle"):
        cycle = request_form(params.text("billingcycle"))
        changes["billingcycle"] = DISPLAY.get(cycle, row["billingcycle"])
    for name, column in (("firstpaymentamount", "firstpayment"), ("recurringamount", "recurring")):
        if params.has(name):
            changes[column] = parse_money(params.text(name))
    if params.has("paymentmethod"):
        changes["paymentmethod"] = call.checked_gateway(params.text("paymentmethod"))
    for cleared in params.array("unset").values():
        if isinstance(cleared, str) and cleared in _CLEARABLE:
            changes[_CLEARABLE[cleared]] = ""
    call.update("whmcs_service", row["id"], **changes)
    save_fields(call, sent_fields(call, params.text("customfields"), "product", row["pid"]), row["id"])
    call.record("service.updated", row["id"], client_id=row["client_id"], fields=sorted(changes), status=status)
    call.hook("ServiceEdit", row["client_id"], service_id=row["id"])
    return {"serviceid": str(row["id"])}


def add_cancel_request(call: Call) -> Answer:
    """AddCancelRequest: once per service."""
    params = call.params
    row = find_service(call, params.whole("serviceid"))
    if call.one("SELECT 1 FROM whmcs_cancel_request WHERE service_id = ?", row["id"]) is not None:
        raise ApiError("Existing Cancellation Request Exists")
    kind = params.text("type")
    kind = kind if kind in _CANCELLATION_TYPES else "End of Billing Period"
    call.insert(
        "whmcs_cancel_request",
        date=call.whmcs.stamp(),
        service_id=row["id"],
        reason=params.text("reason"),
        type=kind,
    )
    call.record("service.cancel_requested", row["id"], client_id=row["client_id"], type=kind)
    call.hook("CancellationRequest", row["client_id"], service_id=row["id"])
    return {"serviceid": str(row["id"]), "userid": str(row["client_id"])}


def get_cancelled_packages(call: Call) -> Answer:
    """GetCancelledPackages: all cancellation requests."""
    rows = call.all("SELECT * FROM whmcs_cancel_request ORDER BY id")
    part, counters = call.page(rows)
    requests = [
        {
            "id": str(row["id"]),
            "date": row["date"],
            "relid": str(row["service_id"]),
            "reason": Text(row["reason"]),
            "type": row["type"],
        }
        for row in part
    ]
    return {**counters, "packages": Listing("package", requests)}


def find_service(call: Call, service_id: int, message: str = "Service ID Not Found") -> Row:
    """The service's row with its product's name and module. ApiError when there is none."""
    row = call.one(
        "SELECT s.*, p.name, p.module FROM whmcs_service s JOIN whmcs_product p ON p.pid = s.pid WHERE s.id = ?",
        service_id,
    )
    if row is None:
        raise ApiError(message)
    return row


def _described(call: Call, row: Row) -> Answer:
    return {
        "id": str(row["id"]),
        "qty": "1",
        "clientid": str(row["client_id"]),
        "orderid": str(row["order_id"]),
        **({"ordernumber": row["ordernum"]} if row["ordernum"] else {}),
        "pid": str(row["pid"]),
        "regdate": row["regdate"],
        "name": Text(row["name"]),
        "translated_name": Text(row["name"]),
        "groupname": Text(row["groupname"]),
        "translated_groupname": Text(row["groupname"]),
        "domain": Text(row["domain"]),
        "dedicatedip": "",
        "serverid": "0",
        "servername": "",
        "serverip": "",
        "serverhostname": "",
        "suspensionreason": Text(row["suspendreason"]),
        "firstpaymentamount": money(row["firstpayment"]),
        "recurringamount": money(row["recurring"]),
        "paymentmethod": row["paymentmethod"],
        "paymentmethodname": GATEWAYS.get(row["paymentmethod"], ""),
        "billingcycle": row["billingcycle"],
        "nextduedate": call.day(row["nextduedate"]),
        "status": row["status"],
        "username": row["username"],
        "password": row["password"],
        "subscriptionid": row["subscriptionid"],
        "promoid": str(row["promoid"]),
        "overideautosuspend": row["overideautosuspend"],
        "overidesuspenduntil": call.day(row["overidesuspenduntil"]),
        "ns1": "",
        "ns2": "",
        "assignedips": "",
        "notes": Text(row["notes"]),
        "diskusage": "0",
        "disklimit": "0",
        "bwusage": "0",
        "bwlimit": "0",
        "lastupdate": call.moment(""),
        "customfields": service_fields(call, row["id"], row["pid"]),
        "configoptions": service_options(call, row["id"]),
    }
