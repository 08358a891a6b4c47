"""WHMCS's rows from the shared dataset."""

import json
import uuid
from datetime import timedelta

from portal_sandbox.core.dataset import Account, Dataset, Product, WhmcsClient
from portal_sandbox.whmcs.billing_cycles import DISPLAY, add_months, months_of
from portal_sandbox.whmcs.calls import Call, Whmcs, parse_day
from portal_sandbox.whmcs.custom_fields import CUSTOMER_NUMBER_FIELD, MARKER_FIELD, save_fields
from portal_sandbox.whmcs.new_orders import line_description
from portal_sandbox.whmcs.pay_methods import add_card
from portal_sandbox.whmcs.php_forms import Params
from portal_sandbox.whmcs.users import hash_password

CUSTOMER_NUMBER_FIELD_ID = 198
MARKER_FIELD_BASE = 1000
SIM_FIELD_BASES = {"EID": 2000, "Phone Number": 3000, "ICCID": 4000}
USER_ID_OFFSET = 3000
"""A seeded login's id is its client's id plus this: never the same number."""

# Each kind of id starts in a range of its own, so that a mixed-up id is never found by chance.
_FIRST_IDS = {
    "whmcs_client": 6000,
    "whmcs_user": 9000,
    "whmcs_pay_method": 600,
    "whmcs_order": 70000,
    "whmcs_service": 30000,
    "whmcs_invoice": 90000,
    "whmcs_invoice_item": 200000,
    "whmcs_transaction": 40000,
}
_GROUPS = {"Internet": 1, "SIM": 2, "VPN": 3}
_CYCLES = {"Monthly": "monthly", "Annually": "annually", "One-time": "onetime"}
_SEEDED_AT = "2024-01-10 09:00:00"


def seed(whmcs: Whmcs) -> None:
    """Fills the empty tables; writes nothing to the ledger, because nothing happened yet."""
    with whmcs.core.store.transaction() as db:
        call = Call(whmcs, db, Params({}), "seed", "")
        for table, first in _FIRST_IDS.items():
            db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, first))
        _field(call, CUSTOMER_NUMBER_FIELD_ID, "client", 0, CUSTOMER_NUMBER_FIELD)
        for product in whmcs.core.dataset.products:
            _product(call, product)
        for account in whmcs.core.dataset.accounts:
            if account.whmcs is not None:
                _client(call, whmcs.core.dataset, account, account.whmcs)
        call.insert("whmcs_cron", only=1, last_day=whmcs.today().isoformat())


def _field(call: Call, field_id: int, kind: str, owner: int, name: str) -> None:
    call.insert("whmcs_custom_field", id=field_id, type=kind, relid=owner, name=name, admin_only=1)


def _product(call: Call, product: Product) -> None:
    cycle = _CYCLES[product.billing_cycle]
    options = json.loads(product.config_options or "{}")
    call.insert(
        "whmcs_product",
        pid=product.pid,
        gid=_GROUPS[product.category],
        groupname=product.category,
        name=product.name,
        description=product.description,
        paytype="onetime" if cycle == "onetime" else "recurring",
        cycle=cycle,
        price=product.price * 100,
        module="autorelease" if product.sku in ("VPN-US", "VPN-UK") else "",
        recurring_limit=int(options.get("installments", 0)),
    )
    if product.marker_field:
        _field(call, MARKER_FIELD_BASE + product.pid, "product", product.pid, MARKER_FIELD)
    if product.category == "SIM":
        for name, base in SIM_FIELD_BASES.items():
            _field(call, base + product.pid, "product", product.pid, name)


def _client(call: Call, dataset: Dataset, account: Account, known: WhmcsClient) -> None:
    user_id = known.id + USER_ID_OFFSET
    call.insert(
        "whmcs_user",
        id=user_id,
        firstname=account.first_name,
        lastname=account.last_name,
        email=known.email,
        password_hash=hash_password(known.password),
        two_factor=int(known.two_factor),
        created=_SEEDED_AT,
    )
    call.insert(
        "whmcs_client",
        id=known.id,
        uuid=str(uuid.uuid5(uuid.NAMESPACE_URL, account.number)),
        owner_user_id=user_id,
        firstname=account.first_name,
        lastname=account.last_name,
        companyname=account.company,
        email=known.email,
        address1=account.address.address1,
        address2=account.address.address2,
        city=account.address.city,
        state=account.address.state,
        postcode=account.address.postcode,
        country=account.address.country,
        phonenumber=account.phone,
        status=known.status,
        credit=known.credit * 100,
        language="japanese" if account.language == "ja" else "english",
        allow_sso=int(known.single_sign_on),
        created=_SEEDED_AT,
    )
    call.insert("whmcs_user_client", user_id=user_id, client_id=known.id, is_owner=1)
    if known.customer_number_known:
        save_fields(call, {CUSTOMER_NUMBER_FIELD_ID: account.number}, known.id)
    for card in known.cards:
        add_card(call, known.id, card.last_four, brand=card.type, expiry=card.expiry)
    services = _services(call, dataset, known)
    _invoices(call, dataset, known, services)


def _services(call: Call, dataset: Dataset, known: WhmcsClient) -> dict[str, int]:
    """Every seeded service in an order of its own; service ids by SKU."""
    found: dict[str, int] = {}
    today = call.whmcs.today()
    for service in known.services:
        product = dataset.product(service.sku)
        cycle = DISPLAY[_CYCLES[product.billing_cycle]]
        registered = parse_day(service.registered) or today
        months = months_of(cycle)
        due = registered
        while months and due <= today:
            due = add_months(due, months)
        pending = service.status == "Pending"
        order_id = call.insert(
            "whmcs_order",
            ordernum=str(1_000_000_000 + known.id * 100 + len(found)),
            client_id=known.id,
            date=f"{service.registered} 10:00:00",
            amount=product.price * 100,
            paymentmethod="stripe",
            invoice_id=0,
            status="Pending" if pending else "Active",
            ip="203.0.113.10",
            notes="",
        )
        found[service.sku] = call.insert(
            "whmcs_service",
            order_id=order_id,
            client_id=known.id,
            pid=product.pid,
            regdate=service.registered,
            domain=service.label,
            firstpayment=product.price * 100,
            recurring=product.price * 100 if months else 0,
            paymentmethod="stripe",
            billingcycle=cycle,
            nextduedate=due.isoformat() if months else "",
            nextinvoicedate=add_months(due, months).isoformat() if months else "",
            status=service.status,
            suspendreason="Overdue on Payment" if service.status == "Suspended" else "",
        )
        if service.label and product.category == "SIM":
            save_fields(call, {SIM_FIELD_BASES["Phone Number"] + product.pid: service.label}, found[service.sku])
        if service.marker:
            save_fields(call, {MARKER_FIELD_BASE + product.pid: service.marker}, found[service.sku])
    return found


def _invoices(call: Call, dataset: Dataset, known: WhmcsClient, services: dict[str, int]) -> None:
    for invoice in known.invoices:
        due = call.whmcs.today() + timedelta(days=invoice.due_in_days)
        dated = due - timedelta(days=14)
        paid = invoice.status == "Paid"
        invoice_id = call.insert(
            "whmcs_invoice",
            client_id=known.id,
            date=dated.isoformat(),
            duedate=due.isoformat(),
            datepaid=f"{due.isoformat()} 04:10:00" if paid else "",
            status=invoice.status,
            paymentmethod="stripe",
            created=f"{dated.isoformat()} 04:00:00",
            updated=f"{dated.isoformat()} 04:00:00",
        )
        total = 0
        for sku in invoice.skus:
            product = dataset.product(sku)
            total += product.price * 100
            call.insert(
                "whmcs_invoice_item",
                invoice_id=invoice_id,
                type="Hosting",
                relid=services.get(sku, 0),
                description=line_description(product.name, due, DISPLAY[_CYCLES[product.billing_cycle]]),
                amount=product.price * 100,
            )
        if paid:
            call.insert(
                "whmcs_transaction",
                client_id=known.id,
                gateway="stripe",
                date=f"{due.isoformat()} 04:10:00",
                description="Invoice Payment",
                amountin=total,
                transid=f"ch_seed_{invoice_id}",
                invoice_id=invoice_id,
                refundid=0,
            )
