"""Salesforce's Order, OrderItem and Opportunity in our words, and back (reference salesforce.md 3.2). No I/O."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, cast

from pydantic import ValidationError

from portal_contracts.catalog import Category
from portal_contracts.orders import OrderState
from portal_contracts.values import Address, as_one_line
from portal_orders.order import ReadActivation, SalesItem, SalesOrder
from portal_orders.ports import NewItem, NewOrder
from portal_orders.salesforce_porting import FIELDS as PORTING_FIELDS
from portal_orders.salesforce_porting import porting_fields, porting_on_file
from portal_salesforce import Dialect, Fields, Record, Reference, soql
from portal_salesforce.field_values import foreign_id, moment, whole_number

ORDER: Final = "Order"
ITEM: Final = "OrderItem"
OPPORTUNITY: Final = "Opportunity"
ITEMS: Final = "OrderItems"
ITEM_KEY: Final = "orderItem.key"
OPTIONS: Final = "orderItem.configOptions"
SOURCE: Final = "Portal - Order Placement"
ADDRESS_MARK: Final = "Address changed at checkout."
REJECTION_MARK: Final = "Rejected:"
INSTRUCTIONS_MARK: Final = "The customer's instructions:"
NORMAL_PRIORITIES: Final = frozenset({"", "normal", "low"})
CYCLES: Final[Mapping[str, str]] = {"monthly": "Monthly", "annually": "Annually", "one_time": "One-time"}
LONGEST_NAME: Final = 120
MOST_PROSPECTS: Final = 20
LONGEST_STREET: Final = 255
_ADDRESS: Final = ("BillingPostalCode", "BillingState", "BillingCity", "BillingStreet", "BillingCountry")
_ORDER_FIELDS: Final = (
    "Id",
    "AccountId",
    "OrderNumber",
    "OpportunityId",
    "Status",
    "Description",
    "CreatedDate",
    "SystemModstamp",
    *_ADDRESS,
)
_CUSTOM: Final = (
    "order.key",
    "order.activationStatus",
    "order.activationError",
    "order.activationErrorAt",
    "order.errorCode",
    "order.whmcsOrderId",
    "order.activationType",
    "order.scheduledAt",
    "order.eid",
    "order.simCardNumber",
    "order.priority",
    "order.rejectionReason",
    *PORTING_FIELDS,
)
SCHEDULE: Final = ("order.activationType", "order.scheduledAt")
_CODE: Final = re.compile(r"([A-Z][A-Z0-9_]{2,60}):")


def order_query(dialect: Dialect) -> soql.Select:
    """Select orders with their items and their opportunity's service id."""
    fields = [*_ORDER_FIELDS, *(dialect.field(name) for name in _CUSTOM if dialect.has(name))]
    if dialect.has("opportunity.serviceId"):
        fields.append(f"{OPPORTUNITY}.{dialect.field('opportunity.serviceId')}")
    own = [dialect.field(name) for name in (ITEM_KEY, OPTIONS) if dialect.has(name)]
    items = soql.select(ITEMS, "Id", "Product2Id", "Quantity", "UnitPrice", *own).order_by("Id")
    return soql.select(ORDER, *fields).with_children(ITEMS, items)


def sales_order(record: Record, dialect: Dialect) -> SalesOrder:
    """Read a record of `order_query`."""

    def custom(name: str) -> Any:
        return record.get(dialect.field(name)) if dialect.has(name) else None

    opportunity = record.get(OPPORTUNITY) or {}
    has_service = dialect.has("opportunity.serviceId")
    service_id = opportunity.get(dialect.field("opportunity.serviceId")) if has_service else None
    changed_at, created_at = moment(record["SystemModstamp"]), moment(record["CreatedDate"])
    if changed_at is None or created_at is None:
        raise ValueError("an order without its times")
    scheduled_type = custom("order.activationType")
    return SalesOrder(
        order_id=record["Id"],
        account_id=record["AccountId"],
        order_number=str(record["OrderNumber"]),
        key=custom("order.key"),
        opportunity_id=record.get("OpportunityId"),
        state=cast("OrderState", dialect.read("order.status", record["Status"])),
        activation=cast("ReadActivation", dialect.read("order.activation", custom("order.activationStatus"))),
        changed_at=changed_at,
        created_at=created_at,
        items=tuple(_item(item, dialect) for item in record.get(ITEMS) or ()),
        error_code=_error_code(custom("order.errorCode"), custom("order.activationError")),
        error_text=custom("order.activationError") or None,
        error_at=moment(custom("order.activationErrorAt")),
        whmcs_order_id=whole_id(custom("order.whmcsOrderId")),
        whmcs_service_id=whole_id(service_id),
        keeps_schedule=has_schedule(dialect),
        scheduled=str(scheduled_type or "").strip().casefold() == "scheduled",
        scheduled_at=moment(custom("order.scheduledAt")),
        eid=custom("order.eid") or None,
        sim_card_number=str(custom("order.simCardNumber") or "").strip() or None,
        porting=porting_on_file(record, dialect),
        address=_address(record),
        rejection_reason=_rejection_reason(custom("order.rejectionReason"), record.get("Description")),
        description=str(record.get("Description") or ""),
        priority=str(custom("order.priority") or "").strip().casefold() not in NORMAL_PRIORITIES,
    )


def has_schedule(dialect: Dialect) -> bool:
    """Say whether the org can keep a schedule (C17)."""
    return all(dialect.has(name) for name in SCHEDULE)


def _item(record: Record, dialect: Dialect) -> SalesItem:
    return SalesItem(
        product_id=record["Product2Id"],
        quantity=max(1, int(Decimal(str(record["Quantity"] or 1)))),
        unit_price=Decimal(str(record["UnitPrice"] or 0)),
        options=_options(record.get(dialect.field(OPTIONS)) if dialect.has(OPTIONS) else None),
        key=record.get(dialect.field(ITEM_KEY)) or None,
    )


def _options(text: Any) -> dict[str, str]:
    """Read what was chosen; what somebody typed there in another form says nothing."""
    try:
        found = json.loads(str(text or "{}"))
    except (ValueError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def whole_id(value: Any) -> int | None:
    """Read an id of WHMCS kept as number or text (C06); what is no whole number counts as none."""
    try:
        text = foreign_id(value)
        return None if not text else whole_number(text)
    except ValueError:
        return None


def _error_code(field: Any, error: Any) -> str | None:
    """Take the code from its own field or from the front of `CODE: message` (C37)."""
    if field:
        return str(field)
    found = _CODE.match(str(error or ""))
    return found[1] if found else None


def harmless(text: str) -> str:
    """Give a customer's words without what would be read as staff's mark of a rejection (C36)."""
    return text.replace(REJECTION_MARK, REJECTION_MARK.rstrip(":"))


def _rejection_reason(own: Any, description: Any) -> str:
    """Give what staff wrote in the field for it, else behind the last rejection mark of the description (C36)."""
    written = str(own or "").strip().removeprefix(REJECTION_MARK).strip()
    if written:
        return written
    _, mark, reason = str(description or "").rpartition(REJECTION_MARK)
    return reason.strip() if mark else ""


def address_fields(address: Address | None) -> dict[str, str]:
    """Write the Bill-To snapshot (R054): the building is a further line of the street."""
    if address is None:
        return {}
    street = "\n".join(part for part in (address.street, address.building) if part)
    values = (address.postcode, address.prefecture, address.city, street[:LONGEST_STREET], address.country)
    return dict(zip(_ADDRESS, values, strict=True))


def _address(record: Record) -> Address | None:
    postcode, prefecture, city, street, country = (str(record.get(name) or "") for name in _ADDRESS)
    first, _, rest = street.replace("\r\n", "\n").partition("\n")
    try:
        return Address(
            postcode=postcode,
            prefecture=prefecture,
            city=city,
            street=first,
            building=as_one_line(rest),
            country=country or "JP",
        )
    except ValidationError:  # typed by hand in another form: nothing the portal could show in parts
        return None


def order_fields(order: NewOrder, dialect: Dialect, opportunity: str | Reference, pricebook_id: str) -> Fields:
    """Give a new order's fields; it starts as Draft (3.3 rule 1)."""
    fields: dict[str, Any] = {
        "AccountId": order.account_id,
        "OpportunityId": opportunity,
        "Pricebook2Id": pricebook_id,
        "EffectiveDate": order.effective_on,
        "Status": dialect.write("order.status", "draft"),
        dialect.field("order.key"): order.key,
        dialect.field("order.activationStatus"): dialect.write("order.activation", "not_started"),
        **address_fields(order.address),
    }
    optional: dict[str, Any] = {"order.traceId": order.trace_id, "order.eid": order.eid}
    if order.esim is not None:
        optional["order.simType"] = "eSIM" if order.esim else "Physical SIM"
    notes = [f"{INSTRUCTIONS_MARK} {harmless(order.instructions)}"] if order.instructions else []
    if order.address_changed:
        if dialect.has("order.addressChanged"):
            optional["order.addressChanged"] = True
        else:
            notes.append(ADDRESS_MARK)
    if notes:
        fields["Description"] = "\n".join(notes)
    if order.activate_at is not None and has_schedule(dialect):
        optional |= {"order.activationType": "Scheduled", "order.scheduledAt": order.activate_at}
    if order.porting is not None:
        fields |= porting_fields(order.porting, dialect)
    fields.update(
        {dialect.field(name): value for name, value in optional.items() if value is not None and dialect.has(name)}
    )
    return fields


def item_fields(item: NewItem, dialect: Dialect, order: Reference) -> Fields:
    """Give a new item's fields; the snapshot goes where the org has fields for it (C30)."""
    fields: dict[str, Any] = {
        "OrderId": order,
        "PricebookEntryId": item.entry_id,
        "Quantity": item.quantity,
        "UnitPrice": item.unit_price,
        dialect.field(ITEM_KEY): item.key,
    }
    if dialect.has("orderItem.billingCycle"):
        fields[dialect.field("orderItem.billingCycle")] = CYCLES[item.billing_cycle]
    if item.options and dialect.has(OPTIONS):
        fields[dialect.field(OPTIONS)] = json.dumps(dict(item.options), ensure_ascii=False)
    return fields


def opportunity_fields(order: NewOrder, dialect: Dialect, commodity: str) -> Fields:
    """Give a new opportunity's fields (R109, R231-R235)."""
    fields: dict[str, Any] = {
        "Name": order.service_name[:LONGEST_NAME],
        "AccountId": order.account_id,
        "StageName": dialect.write("opportunity.stage", "post_processing"),
        "CloseDate": order.effective_on,
        dialect.field("opportunity.key"): order.key,
    }
    optional = {"opportunity.commodityType": commodity, "opportunity.portalSource": SOURCE}
    fields.update({dialect.field(name): value for name, value in optional.items() if dialect.has(name)})
    return fields


def commodities(category: Category, internet: str) -> tuple[str, ...]:
    """Give the commodity to write first, then what else is the same commodity to a customer (R231)."""
    if category != "internet":
        return (category.upper(),)
    both = ("Personal SonixNet Home Internet", "Corporate SonixNet Home Internet")
    return (internet, *(name for name in both if name != internet))


def open_opportunities(
    dialect: Dialect, account_id: str, kinds: Sequence[str], stages: Sequence[str] = ("introduction", "ready")
) -> soql.Select:
    """Select an account's opportunities of a commodity that may have no order yet, the newest first (C13)."""
    return (
        soql.select(OPPORTUNITY, "Id", "Description")
        .with_children("Orders", soql.select("Orders", "Id").limit(1))
        .where(
            soql.equals("AccountId", account_id),
            soql.one_of("StageName", dialect.picklist("opportunity.stage").texts(*stages)),
            soql.one_of(dialect.field("opportunity.commodityType"), kinds),
        )
        .order_by("CreatedDate", descending=True)
        .limit(MOST_PROSPECTS)
    )


def failure_fields(dialect: Dialect, code: str, message: str, at: Any) -> Fields:
    """Give the fields of a failed or blocked activation (C04, C37)."""
    fields: dict[str, Any] = {
        dialect.field("order.activationStatus"): dialect.write("order.activation", "failed"),
        dialect.field("order.activationError"): message,
        dialect.field("order.activationErrorAt"): at,
    }
    if dialect.has("order.errorCode"):
        fields[dialect.field("order.errorCode")] = code
    return fields


def without_error(dialect: Dialect, activation: str) -> dict[str, Any]:
    """Give the fields of an activation in a state without an error."""
    fields: dict[str, Any] = {
        dialect.field("order.activationStatus"): dialect.write("order.activation", activation),
        dialect.field("order.activationError"): None,
        dialect.field("order.activationErrorAt"): None,
    }
    if dialect.has("order.errorCode"):
        fields[dialect.field("order.errorCode")] = None
    return fields


def reason_appended(description: Any, reason: str, on: date) -> str:
    """Give a description with one more line: why the opportunity was voided (C40)."""
    line = f"Void {on.isoformat()}: {reason}"
    return "\n".join(part for part in (str(description or "").strip(), line) if part)
