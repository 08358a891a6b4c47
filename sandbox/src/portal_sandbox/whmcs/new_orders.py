"""AddOrder: a Pending order, Pending services and an Unpaid invoice in one transaction."""

import secrets
from dataclasses import dataclass
from datetime import date, timedelta

from portal_sandbox.whmcs.billing_cycles import DISPLAY, add_months, months_of, request_form
from portal_sandbox.whmcs.calls import Answer, ApiError, Call, Row, money, parse_money
from portal_sandbox.whmcs.config_options import save_options, sent_options
from portal_sandbox.whmcs.custom_fields import client_key, order_marker, require_fields, save_fields, sent_fields
from portal_sandbox.whmcs.invoices import Line, add_invoice
from portal_sandbox.whmcs.products import offered_cycles

_ARRAYS = ("pid", "billingcycle", "domain", "customfields", "configoptions", "priceoverride", "qty", "addons")


@dataclass(frozen=True, slots=True)
class _Item:
    """One product in the cart; amounts in hundredths."""

    product: Row
    cycle: str
    first: int
    recurring: int
    domain: str
    fields: dict[int, str]
    options: dict[int, int]


def add_order(call: Call) -> Answer:
    """AddOrder: no idempotency key, so every call that gets here makes another order."""
    params = call.params
    client = call.client(params.whole("clientid"), "Client ID Not Found")
    if client["status"] == "Closed":
        raise ApiError("Unable to add order when client status is Closed")
    gateway = call.checked_gateway(params.text("paymentmethod"))
    _refuse_unsupported(call)
    items = _cart(call)
    if not items:
        raise ApiError("No items added to cart so order cannot proceed")
    order_id = call.insert(
        "whmcs_order",
        ordernum=str(secrets.randbelow(9_000_000_000) + 1_000_000_000),
        client_id=client["id"],
        date=call.whmcs.stamp(),
        amount=sum(item.first for item in items),
        paymentmethod=gateway,
        invoice_id=0,
        status="Pending",
        ip=params.text("clientip") or call.ip,
        notes=params.text("notes") if call.whmcs.switch("keepNotes") else "",
        promocode="",
    )
    services = [_add_service(call, client["id"], order_id, gateway, item) for item in items]
    invoice_id = _invoice(call, client["id"], gateway, list(zip(services, items, strict=True)))
    call.update("whmcs_order", order_id, invoice_id=invoice_id)
    call.record(
        "order.created",
        order_marker(call, order_id),
        order_id=order_id,
        client=client_key(call, client["id"]),
        client_id=client["id"],
        pids=[item.product["pid"] for item in items],
        total=money(sum(item.first for item in items)),
        invoice_id=invoice_id,
    )
    if not params.flag("noemail"):
        call.mail(client["id"], "Order Confirmation", order_id)
    name = "productids" if call.whmcs.switch("serviceIdsName") == "productids" else "serviceids"
    listed = ",".join(str(service) for service in services)
    return {
        "orderid": str(order_id),
        name: listed,
        "addonids": "",
        "domainids": "",
        "invoiceid": str(invoice_id) if invoice_id else "0",
    }


def line_description(name: str, start: date, cycle: str) -> str:
    """An invoice line's text: recurring products name the period they pay for."""
    months = months_of(cycle)
    if not months:
        return name
    end = add_months(start, months) - timedelta(days=1)
    return f"{name} ({start:%Y/%m/%d} - {end:%Y/%m/%d})"


def _refuse_unsupported(call: Call) -> None:
    for name in _ARRAYS:
        if call.params.is_scalar(name):
            raise ApiError(f"Expecting parameter '{name}' to be an array")
    if call.params.has("addonid") or call.params.array("addonids"):
        raise ApiError("Addon ID invalid")
    for service in call.params.array("servicerenewals"):
        raise ApiError(f"Service ID {service} can not be renewed at this time.")


def _cart(call: Call) -> list[_Item]:
    """The sent products that exist and are sold; the others are left out without a word."""
    items: list[_Item] = []
    for index, pid in sorted(call.params.array("pid").items(), key=lambda pair: str(pair[0]).zfill(9)):
        product = call.one("SELECT * FROM whmcs_product WHERE pid = ? AND retired = 0", str(pid))
        if product is None:
            continue

        def sent(name: str, at: int | str = index) -> str:
            return str(call.params.array(name).get(at, ""))

        cycle = request_form(sent("billingcycle"))
        if cycle not in offered_cycles(product):
            cycle = offered_cycles(product)[0]
        override = sent("priceoverride")
        price = parse_money(override) if override else product["price"]
        recurring = price if months_of(DISPLAY[cycle]) else 0
        if override and call.whmcs.switch("priceOverride") == "first" and recurring:
            recurring = product["price"]
        fields = sent_fields(call, sent("customfields"), "product", product["pid"])
        require_fields(call, fields, "product", product["pid"])
        options = sent_options(call, sent("configoptions"), product["pid"])
        items.append(_Item(product, cycle, price, recurring, sent("domain"), fields, options))
    return items


def _add_service(call: Call, client_id: int, order_id: int, gateway: str, item: _Item) -> int:
    today = call.whmcs.today().isoformat()
    recurs = months_of(DISPLAY[item.cycle]) > 0
    service_id = call.insert(
        "whmcs_service",
        order_id=order_id,
        client_id=client_id,
        pid=item.product["pid"],
        regdate=today,
        domain=item.domain,
        firstpayment=item.first,
        recurring=item.recurring,
        paymentmethod=gateway,
        billingcycle=DISPLAY[item.cycle],
        nextduedate=today if recurs else "",
        nextinvoicedate=_next_invoice(call.whmcs.today(), item.cycle),
        status="Pending",
    )
    save_fields(call, item.fields, service_id)
    save_options(call, item.options, service_id)
    return service_id


def _next_invoice(today: date, cycle: str) -> str:
    months = months_of(DISPLAY[cycle])
    return add_months(today, months).isoformat() if months else ""


def _invoice(call: Call, client_id: int, gateway: str, bought: list[tuple[int, _Item]]) -> int:
    """The order's first invoice; 0 when nothing is due or none is wanted."""
    if call.params.flag("noinvoice") or not any(item.first for _, item in bought):
        return 0
    today = call.whmcs.today()
    lines = [
        Line(line_description(item.product["name"], today, DISPLAY[item.cycle]), item.first, "Hosting", service_id)
        for service_id, item in bought
    ]
    invoice_id = add_invoice(call, client_id, lines, gateway)
    if not call.params.flag("noinvoiceemail"):
        call.mail(client_id, "Invoice Created", invoice_id)
    return invoice_id
