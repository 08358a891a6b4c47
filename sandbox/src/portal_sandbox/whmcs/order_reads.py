"""GetOrders and GetOrderStatuses: filters by id, client and status only; the newest order first."""

from portal_sandbox.whmcs.calls import GATEWAYS, Answer, Call, Listing, Row, Text, money

_COLOURS = {"Pending": "#cc0000", "Active": "#779500", "Cancelled": "#888888", "Fraud": "#000000"}


def get_orders(call: Call) -> Answer:
    """GetOrders: no search by notes or marker exists, so a careful caller reads every page."""
    params = call.params
    rows = call.all(
        "SELECT * FROM whmcs_order WHERE (?1 = 0 OR id = ?1) AND (?2 = 0 OR client_id = ?2)"
        " AND (?3 = '' OR lower(status) = lower(?3)) ORDER BY id DESC",
        params.whole("id"),
        params.whole("userid"),
        params.text("status"),
    )
    part, counters = call.page(rows)
    return {**counters, "orders": Listing("order", [_described(call, row) for row in part])}


def get_order_statuses(call: Call) -> Answer:
    """GetOrderStatuses with the number of orders in each."""
    counted = {
        row["status"]: row["number"]
        for row in call.all("SELECT status, count(*) AS number FROM whmcs_order GROUP BY status")
    }
    rows = [{"title": title, "count": counted.get(title, 0), "color": colour} for title, colour in _COLOURS.items()]
    return {"totalresults": len(rows), "statuses": {"status": rows}}


def _described(call: Call, row: Row) -> Answer:
    client = call.client(row["client_id"])
    invoice = call.one("SELECT status FROM whmcs_invoice WHERE id = ?", row["invoice_id"])
    services = call.all(
        "SELECT s.*, p.name, p.groupname FROM whmcs_service s JOIN whmcs_product p ON p.pid = s.pid"
        " WHERE s.order_id = ? ORDER BY s.id",
        row["id"],
    )
    lines = [
        {
            "type": "product",
            "relid": service["id"],
            "producttype": "Other Product/Service",
            "product": Text(f"{service['groupname']} - {service['name']}"),
            "domain": Text(service["domain"]),
            "billingcycle": service["billingcycle"],
            "amount": f"¥{money(service['firstpayment'])} JPY",
            "status": service["status"],
        }
        for service in services
    ]
    return {
        "id": row["id"],
        "ordernum": int(row["ordernum"]),
        "userid": row["client_id"],
        "contactid": 0,
        "requestor_id": 0,
        "admin_requestor_id": 1,
        "date": row["date"],
        "nameservers": "",
        "transfersecret": "",
        "renewals": "",
        "promocode": row["promocode"],
        "promotype": "",
        "promovalue": "",
        "orderdata": "[]",
        "amount": money(row["amount"]),
        "paymentmethod": row["paymentmethod"],
        "invoiceid": row["invoice_id"],
        "status": row["status"],
        "ipaddress": row["ip"],
        "fraudmodule": "",
        "fraudoutput": "",
        "notes": Text(row["notes"]),
        "paymentmethodname": GATEWAYS.get(row["paymentmethod"], ""),
        "paymentstatus": invoice["status"] if invoice else "",
        "name": Text(f"{client['firstname']} {client['lastname']}"),
        "currencyprefix": "¥",
        "currencysuffix": " JPY",
        "frauddata": "",
        "validationdata": "",
        "lineitems": Listing("lineitem", lines),
    }
