"""Moving orders: accept, cancel, back to pending, fraud, delete."""

from portal_sandbox.whmcs.billing_cycles import months_of
from portal_sandbox.whmcs.calls import Answer, ApiError, Call, Row
from portal_sandbox.whmcs.custom_fields import order_marker
from portal_sandbox.whmcs.modules import run_module

_NOT_PENDING = "Order ID not found or Status not Pending"


def accept_order(call: Call) -> Answer:
    """AcceptOrder: only from Pending; services become Active."""
    order = _pending(call)
    services = call.all("SELECT * FROM whmcs_service WHERE order_id = ? AND status = 'Pending'", order["id"])
    call.hook("AcceptOrder", order["client_id"], order_id=order["id"])
    failed = _set_up(call, services) if call.params.flag("autosetup") else set()
    one_time = str(call.whmcs.switch("oneTimeStatus"))
    for service in services:
        recurs = months_of(service["billingcycle"]) > 0
        due = service["nextduedate"] or (call.whmcs.today().isoformat() if recurs else "")
        status = "Active" if recurs else one_time
        if service["id"] in failed or not call.whmcs.switch("acceptActivates"):
            status = "Pending"
        call.update("whmcs_service", service["id"], status=status, nextduedate=due)
        if call.params.flag("sendemail"):
            call.mail(order["client_id"], "New Product Information", service["id"])
    _move(call, order, "Active", "order.accepted")
    return {}


def cancel_order(call: Call) -> Answer:
    """CancelOrder: only from Pending; its unpaid invoice is cancelled with it."""
    order = _pending(call)
    call.hook("CancelOrder", order["client_id"], order_id=order["id"])
    _end_services(call, order, "Cancelled")
    _cancel_unpaid_invoice(call, order)
    _move(call, order, "Cancelled", "order.cancelled")
    if not call.params.flag("noemail"):
        call.mail(order["client_id"], "Order Cancelled", order["id"])
    return {}


def fraud_order(call: Call) -> Answer:
    """FraudOrder: like a cancellation, with another status."""
    order = _pending(call)
    _end_services(call, order, "Fraud")
    _cancel_unpaid_invoice(call, order)
    _move(call, order, "Fraud", "order.fraud")
    return {}


def pending_order(call: Call) -> Answer:
    """PendingOrder: the order and its services are Pending again."""
    order = _found(call, "Order ID Not Found")
    call.db.execute("UPDATE whmcs_service SET status = 'Pending' WHERE order_id = ?", (order["id"],))
    _move(call, order, "Pending", "order.pending")
    return {}


def delete_order(call: Call) -> Answer:
    """DeleteOrder: only what is Cancelled or Fraud; cannot be undone."""
    order = _found(call, "Order ID not found")
    if order["status"] not in ("Cancelled", "Fraud"):
        raise ApiError("The order status must be in Cancelled or Fraud to be deleted")
    call.record("order.deleted", order_marker(call, order["id"]), order_id=order["id"])
    call.db.execute("DELETE FROM whmcs_service WHERE order_id = ?", (order["id"],))
    call.db.execute("DELETE FROM whmcs_order WHERE id = ?", (order["id"],))
    return {}


def _set_up(call: Call, services: list[Row]) -> set[int]:
    """Runs the modules; ids of services whose module failed and only entered the queue."""
    failed: set[int] = set()
    for service in services:
        try:
            run_module(call, service["id"], "Create", only_if_assigned=True)
        except ApiError:
            if call.whmcs.switch("onModuleError") == "refuse":
                raise
            failed.add(service["id"])
    return failed


def _found(call: Call, message: str) -> Row:
    row = call.one("SELECT * FROM whmcs_order WHERE id = ?", call.params.whole("orderid"))
    if row is None:
        raise ApiError(message)
    return row


def _pending(call: Call) -> Row:
    order = _found(call, _NOT_PENDING)
    if order["status"] != "Pending":
        call.record("order.refused", order_marker(call, order["id"]), order_id=order["id"], status=order["status"])
        raise ApiError(_NOT_PENDING)
    return order


def _end_services(call: Call, order: Row, status: str) -> None:
    call.db.execute(
        "UPDATE whmcs_service SET status = ?, terminationdate = ? WHERE order_id = ? AND status = 'Pending'",
        (status, call.whmcs.today().isoformat(), order["id"]),
    )


def _cancel_unpaid_invoice(call: Call, order: Row) -> None:
    done = call.db.execute(
        "UPDATE whmcs_invoice SET status = 'Cancelled', cancelled = ?, updated = ? WHERE id = ? AND status = 'Unpaid'",
        (call.whmcs.stamp(), call.whmcs.stamp(), order["invoice_id"]),
    )
    if done.rowcount:
        call.record("invoice.cancelled", order["invoice_id"], order_id=order["id"])


def _move(call: Call, order: Row, status: str, kind: str) -> None:
    call.update("whmcs_order", order["id"], status=status)
    call.record(kind, order_marker(call, order["id"]), order_id=order["id"], client_id=order["client_id"])
