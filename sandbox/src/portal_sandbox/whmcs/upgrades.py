"""UpgradeProduct: another product for a running service, with its own order and invoice."""

import secrets
from datetime import date

from portal_sandbox.whmcs.billing_cycles import DISPLAY, add_months, months_of
from portal_sandbox.whmcs.calls import Answer, ApiError, Call, Row, money, parse_day
from portal_sandbox.whmcs.invoices import Line, add_invoice
from portal_sandbox.whmcs.services import find_service


def upgrade_product(call: Call) -> Answer:
    """UpgradeProduct: the price is the difference for the days left; `calconly` only tells it."""
    params = call.params
    service = find_service(call, params.whole("serviceid"))
    if params.text("type") not in ("product", "configoptions"):
        raise ApiError("Invalid Upgrade Type")
    product = call.one("SELECT * FROM whmcs_product WHERE pid = ? AND retired = 0", params.whole("newproductid"))
    if product is None:
        raise ApiError("Invalid New Product ID")
    left, days = _days(call.whmcs.today(), service)
    price = max((product["price"] - service["recurring"]) * left // days // 100 * 100, 0)
    answer: Answer = {
        "oldproductid": service["pid"],
        "oldproductname": service["name"],
        "newproductid": product["pid"],
        "newproductname": product["name"],
        "daysuntilrenewal": left,
        "totaldays": days,
        "newproductbillingcycle": product["cycle"],
        "price": f"¥{money(price)} JPY",
    }
    if params.flag("calconly"):
        return answer
    return answer | _order(call, service, product, price)


def _order(call: Call, service: Row, product: Row, price: int) -> Answer:
    gateway = call.checked_gateway(call.params.text("paymentmethod"))
    open_invoice = call.one(
        "SELECT 1 FROM whmcs_upgrade u JOIN whmcs_invoice i ON i.id = u.invoice_id"
        " WHERE u.service_id = ? AND i.status = 'Unpaid'",
        service["id"],
    )
    if open_invoice is not None:
        raise ApiError("Unable to accept upgrade order. Previous upgrade invoice for service is still unpaid.")
    number = str(secrets.randbelow(9_000_000_000) + 1_000_000_000)
    order_id = call.insert(
        "whmcs_order",
        ordernum=number,
        client_id=service["client_id"],
        date=call.whmcs.stamp(),
        amount=price,
        paymentmethod=gateway,
        invoice_id=0,
        status="Pending",
        ip=call.ip,
        notes="",
    )
    invoice_id = 0
    if price:
        line = Line(f"Upgrade/Downgrade: {service['name']} => {product['name']}", price, "Upgrade", service["id"])
        invoice_id = add_invoice(call, service["client_id"], [line], gateway)
    upgrade_id = call.insert(
        "whmcs_upgrade",
        service_id=service["id"],
        order_id=order_id,
        invoice_id=invoice_id,
        new_pid=product["pid"],
        new_cycle=DISPLAY[product["cycle"]],
        status="Pending",
    )
    call.update("whmcs_order", order_id, invoice_id=invoice_id)
    if not price:
        complete_upgrade(call, upgrade_id)
    call.record("upgrade.ordered", service["id"], order_id=order_id, new_pid=product["pid"], price=money(price))
    return {"orderid": order_id, "order_number": number, "invoiceid": invoice_id}


def complete_upgrade(call: Call, upgrade_id: int) -> None:
    """The service becomes the new product; happens when the upgrade's invoice is paid, or at once when it is free."""
    row = call.one(
        "SELECT u.*, p.price FROM whmcs_upgrade u JOIN whmcs_product p ON p.pid = u.new_pid WHERE u.id = ?", upgrade_id
    )
    if row is None or row["status"] == "Completed":
        return
    call.update(
        "whmcs_service", row["service_id"], pid=row["new_pid"], billingcycle=row["new_cycle"], recurring=row["price"]
    )
    call.update("whmcs_upgrade", upgrade_id, status="Completed")
    call.update("whmcs_order", row["order_id"], status="Active")
    call.record("upgrade.completed", row["service_id"], new_pid=row["new_pid"])


def _days(today: date, service: Row) -> tuple[int, int]:
    months = months_of(service["billingcycle"]) or 1
    due = parse_day(service["nextduedate"]) or today
    days = (due - add_months(due, -months)).days
    return min(max((due - today).days, 0), days), days
