"""A client's services: GetClientsProducts (reference/whmcs.md 6.1). The service password is dropped here."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from portal_billing.order import FoundService, cycle_of, read_marker
from portal_billing.whmcs_api import WhmcsApi
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_parse import custom_values, cycle, day, optional_whole, rows, text, whole, yen
from portal_contracts.billing import Subscription, SubscriptionState

_STATES: Final[Mapping[str, SubscriptionState]] = {
    "pending": "pending",
    "active": "active",
    "suspended": "suspended",
    "terminated": "terminated",
    "cancelled": "cancelled",
    "completed": "completed",
    "fraud": "fraud",
}


async def service_rows(api: WhmcsApi, client_id: int) -> Sequence[Mapping[str, Any]]:
    """Read all of a client's services; rows of another client, if WHMCS ever sent one, are dropped.

    Raises WhmcsRefusal and TryLater.
    """
    found = await api.pages("GetClientsProducts", {"clientid": client_id}, "products", "product")
    return [row for row in found if optional_whole(row.get("clientid")) in (None, client_id)]


async def service_row(api: WhmcsApi, service_id: int) -> Mapping[str, Any] | None:
    """Read one service, whoever's it is; None when there is none. Raises WhmcsRefusal, TryLater and BadAnswer."""
    body = await api.read("GetClientsProducts", {"serviceid": service_id, "limitnum": 1})
    return next((row for row in rows(body, "products", "product") if whole(row, "id") == service_id), None)


async def own_service_row(api: WhmcsApi, client_id: int, service_id: int) -> Mapping[str, Any] | None:
    """Read one service of a client; None when there is none or it is another's. Raises as `service_row`."""
    body = await api.read("GetClientsProducts", {"clientid": client_id, "serviceid": service_id, "limitnum": 1})
    found = rows(body, "products", "product")
    return next((row for row in found if whole(row, "id") == service_id and whole(row, "clientid") == client_id), None)


def found_service(row: Mapping[str, Any], fields: WhmcsFields) -> FoundService:
    """Read a service as the order protocol sees it. Raises BadAnswer."""
    product_id = whole(row, "pid")
    mapped, values = fields.product(product_id), custom_values(row)
    read = read_marker(_value(values, mapped.marker))
    return FoundService(
        id=whole(row, "id"),
        product_id=product_id,
        state=_state(row),
        cycle=cycle_of(cycle(row.get("billingcycle"))),
        first_payment=yen(row, "firstpaymentamount", default=0),
        recurring=yen(row, "recurringamount", default=0),
        order_id=read[0] if read else None,
        ordinal=read[1] if read else None,
        phone_number=_value(values, mapped.phone),
        iccid=_value(values, mapped.iccid),
    )


def subscription(row: Mapping[str, Any], fields: WhmcsFields) -> Subscription:
    """Read a service as its customer sees it. Raises BadAnswer."""
    service = found_service(row, fields)
    return Subscription(
        service_id=service.id,
        name=text(row, "translated_name", "name"),
        group=text(row, "translated_groupname", "groupname"),
        whmcs_product_id=service.product_id,
        state=service.state,
        billing_cycle=service.cycle or cycle(row.get("billingcycle")),
        amount=service.amount(),
        started_on=day(row.get("regdate")),
        next_due_on=day(row.get("nextduedate")),
        order_id=service.order_id,
    )


def whmcs_order_of(row: Mapping[str, Any]) -> int | None:
    """Give the WHMCS order a service belongs to; None for services made by hand."""
    found = optional_whole(row.get("orderid"))
    return found or None


def _state(row: Mapping[str, Any]) -> SubscriptionState:
    return _STATES.get(text(row, "status").casefold(), "unknown")


def _value(values: Mapping[int, str], field: int | None) -> str:
    return "" if field is None else values.get(field, "")
