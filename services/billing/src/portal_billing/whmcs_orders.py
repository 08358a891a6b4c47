"""WHMCS orders: AddOrder, AcceptOrder, CancelOrder and how they are found again (reference/whmcs.md 6.1–6.6)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from portal_billing.order import (
    DraftOrder,
    FoundOrder,
    FoundService,
    OrderState,
    OrderUnit,
    ServiceNotes,
    marker,
)
from portal_billing.ports import Unclear
from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi, refused_with
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_parse import BadAnswer, optional_whole, rows, text, whole, yen
from portal_billing.whmcs_services import found_service, service_rows, whmcs_order_of
from portal_billing.whmcs_wire import Value, custom_fields
from portal_chassis.logs import get_logger
from portal_contracts.catalog import BillingCycle
from portal_contracts.problems import Misconfigured, Refused, TryLater

_CYCLES: Final[Mapping[BillingCycle, str]] = {"monthly": "monthly", "annually": "annually", "one_time": "onetime"}
_STATES: Final[Mapping[str, OrderState]] = {
    "pending": "pending",
    "active": "active",
    "cancelled": "cancelled",
    "fraud": "fraud",
}
_NOT_PENDING: Final = "status not pending"
# AddOrder answers these before it makes anything (6.3); what any other text means is unclear.
_REFUSALS: Final = (
    "client id not found",
    "client status is closed",
    "addon id invalid",
    "service id not owned",
    "no items added to cart",
    "expecting parameter",
)
_SET_UP_REFUSALS: Final = ("invalid payment method", "custom field value")

_log = get_logger(__name__)


class WhmcsOrders:
    """The Orders port on WHMCS."""

    def __init__(self, api: WhmcsApi, fields: WhmcsFields, settings: WhmcsSettings) -> None:
        self._api = api
        self._fields = fields
        self._settings = settings

    async def search(self, client_id: int, order_id: str) -> Sequence[FoundOrder]:
        """Read all services by marker and all orders by note; join them by WHMCS order id."""
        try:
            services = await self._services(client_id)
            orders = await self._api.pages("GetOrders", {"userid": client_id}, "orders", "order")
            marked = {number for number, found in services.items() if any(one.order_id == order_id for one in found)}
            listed = {whole(row, "id") for row in orders}
            _check_listed([one for number in marked - listed for one in services[number]])
            return [
                self._order(row, services)
                for row in sorted(orders, key=lambda row: whole(row, "id"))
                if whole(row, "id") in marked or order_id in text(row, "notes")
            ]
        except (WhmcsRefusal, BadAnswer) as error:
            raise self._unreadable("search", error) from error

    async def read(self, client_id: int, whmcs_order_id: int) -> FoundOrder | None:
        """GetOrders by id, with the services GetClientsProducts lists for it."""
        try:
            body = await self._api.read("GetOrders", {"id": whmcs_order_id, "userid": client_id, "limitnum": 1})
            whole(body, "totalresults")  # an answer without it says nothing
            found = [row for row in rows(body, "orders", "order") if whole(row, "id") == whmcs_order_id]
            if not found or optional_whole(found[0].get("userid")) != client_id:
                return None
            return self._order(found[0], await self._services(client_id))
        except (WhmcsRefusal, BadAnswer) as error:
            raise self._unreadable("read", error) from error

    async def _services(self, client_id: int) -> dict[int, list[FoundService]]:
        found: dict[int, list[FoundService]] = {}
        for row in await service_rows(self._api, client_id):
            number = whmcs_order_of(row)
            if number is not None:
                found.setdefault(number, []).append(found_service(row, self._fields))
        return found

    def _order(self, row: Mapping[str, Any], services: Mapping[int, Sequence[FoundService]]) -> FoundOrder:
        number = whole(row, "id")
        return FoundOrder(
            id=number,
            state=_STATES.get(text(row, "status").casefold(), "unknown"),
            amount=yen(row, "amount", default=0),
            invoice_id=optional_whole(row.get("invoiceid")) or None,
            services=tuple(sorted(services.get(number, ()), key=lambda service: service.id)),
        )

    def _unreadable(self, what: str, error: Exception) -> TryLater:
        _log.error("WHMCS's orders cannot be read", what=what, seen=str(error))
        return TryLater(UNAVAILABLE)

    async def add(self, draft: DraftOrder, *, send_by: float) -> int:
        """AddOrder with the marker in each product's field (C07); `notes` is sent too, but nothing depends on it."""
        units = draft.units
        parameters: dict[str, Value] = {
            "clientid": draft.client_id,
            "paymentmethod": self._settings.payment_method,
            "pid": [unit.line.whmcs_product_id for unit in units],
            "billingcycle": [_CYCLES[unit.line.billing_cycle] for unit in units],
            "customfields": [custom_fields(self._unit_fields(draft, unit)) for unit in units],
            "notes": f"Salesforce order {draft.order_id}",
            "noemail": True,
            "noinvoiceemail": True,
        }
        try:
            body = await self._api.write("AddOrder", parameters, seconds=self._settings.order_seconds, send_by=send_by)
        except WhmcsRefusal as refusal:
            raise _meaning(refusal) from refusal
        number = optional_whole(body.get("orderid"))
        if not number:
            raise Unclear("AddOrder", "success without an order id")
        return number

    def _unit_fields(self, draft: DraftOrder, unit: OrderUnit) -> dict[int, str]:
        mapped = self._fields.product(unit.line.whmcs_product_id)
        if mapped.marker is None:
            raise Refused("MARKER_UNMAPPED", facts={"pid": unit.line.whmcs_product_id})
        values = {mapped.marker: marker(draft.order_id, unit.ordinal)}
        if draft.eid is not None and unit.line.service and mapped.eid is not None:
            values[mapped.eid] = draft.eid
        return values

    async def accept(self, whmcs_order_id: int, *, send_by: float) -> bool:
        """AcceptOrder with the products' modules and without mail."""
        return await self._move("AcceptOrder", {"orderid": whmcs_order_id, "autosetup": True}, send_by)

    async def cancel(self, whmcs_order_id: int, *, send_by: float) -> bool:
        """CancelOrder without mail; WHMCS cancels the unpaid invoice with it."""
        return await self._move("CancelOrder", {"orderid": whmcs_order_id, "noemail": True}, send_by)

    async def _move(self, action: str, parameters: dict[str, Value], send_by: float) -> bool:
        try:
            await self._api.write(action, parameters, seconds=self._settings.order_seconds, send_by=send_by)
        except WhmcsRefusal as refusal:
            if refused_with(refusal, _NOT_PENDING):
                return False
            raise Refused("WHMCS_ORDER_REFUSED", facts={"message": refusal.message}) from refusal
        return True

    async def failed_set_ups(self, service_id: int) -> Sequence[str]:
        """GetModuleQueue; many API roles lack it, and then only the service's state can be looked at."""
        try:
            body = await self._api.read("GetModuleQueue", {"serviceId": service_id})
            waiting = [row for row in rows(body, "queue") if optional_whole(row.get("serviceId")) in (None, service_id)]
        except Misconfigured as problem:
            _log.warning("the module queue may not be read: only service states are checked", problem=str(problem))
            return ()
        except (WhmcsRefusal, BadAnswer) as error:
            raise self._unreadable("module queue", error) from error
        return [f"{text(row, 'moduleName')} {text(row, 'moduleAction')}".strip() for row in waiting]

    async def invoiced(self, invoice_id: int, service_ids: Sequence[int]) -> int:
        """GetInvoice: the sum of the lines whose relid is one of the services."""
        try:
            body = await self._api.read("GetInvoice", {"invoiceid": invoice_id})
            lines = rows(body, "items", "item")
            return sum(yen(line, "amount") for line in lines if optional_whole(line.get("relid")) in service_ids)
        except (WhmcsRefusal, BadAnswer) as error:
            raise self._unreadable("invoice", error) from error

    async def annotate(self, notes: ServiceNotes) -> None:
        """UpdateClientProduct: the note for people, and the line's numbers in their fields (R160)."""
        mapped = self._fields.product(notes.product_id)
        wanted = {mapped.phone: notes.phone_number, mapped.iccid: notes.iccid}
        values = {field: value for field, value in wanted.items() if field is not None and value is not None}
        parameters: dict[str, Value] = {
            "serviceid": notes.service_id,
            "notes": notes.text,
            "customfields": custom_fields(values),
        }
        try:
            await self._api.write("UpdateClientProduct", parameters, seconds=self._settings.write_seconds)
        except (Unclear, WhmcsRefusal) as error:  # writing the same again is harmless
            raise self._unreadable("notes", error) from error


def _meaning(refusal: WhmcsRefusal) -> Exception:
    """Say what a refused AddOrder means: nothing was made, our set-up is wrong, or nobody knows."""
    if refused_with(refusal, *_SET_UP_REFUSALS):
        return Misconfigured("WHMCS_MISCONFIGURED", facts={"message": f"AddOrder: {refusal.message}"})
    if refused_with(refusal, *_REFUSALS):
        return Refused("WHMCS_ORDER_REFUSED", facts={"message": refusal.message})
    return Unclear("AddOrder", refusal.message)


def _check_listed(services: Sequence[FoundService]) -> None:
    """Refuse to conclude anything from two lists that do not agree: the services' orders are not listed."""
    if any(service.state in ("pending", "active") for service in services):
        raise BadAnswer("a living service whose order is not listed")
