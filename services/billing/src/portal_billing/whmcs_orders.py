"""WHMCS orders: AddOrder, AcceptOrder, CancelOrder and what belongs to them (reference/whmcs.md 6.1–6.6)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from portal_billing.order import DraftOrder, FoundOrder, OrderInvoice, OrderUnit, ServiceNotes, marker
from portal_billing.ports import Unclear
from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi, refused_with
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_order_reads import OrderReads
from portal_billing.whmcs_parse import BadAnswer, optional_whole, rows, text
from portal_billing.whmcs_wire import Value, values_by_id
from portal_chassis.logs import get_logger
from portal_contracts.catalog import BillingCycle
from portal_contracts.problems import Misconfigured, Refused, TryLater

_CYCLES: Final[Mapping[BillingCycle, str]] = {"monthly": "monthly", "annually": "annually", "one_time": "onetime"}
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
        self._reads = OrderReads(api, fields)
        self._fields = fields
        self._settings = settings

    async def search(self, client_id: int, order_id: str) -> Sequence[FoundOrder]:
        """Read all services and all orders, each checked against the other."""
        with _readable("search"):
            return await self._reads.search(client_id, order_id)

    async def read(self, client_id: int, whmcs_order_id: int) -> FoundOrder | None:
        """GetOrders by id, with the order's services."""
        with _readable("read"):
            return await self._reads.read(client_id, whmcs_order_id)

    async def invoice(self, client_id: int, invoice_id: int) -> OrderInvoice | None:
        """GetInvoice, if it is the client's."""
        with _readable("invoice"):
            return await self._reads.invoice(client_id, invoice_id)

    async def add(self, draft: DraftOrder, *, send_by: float) -> int:
        """AddOrder with the marker in each product's field (C07); `notes` is sent too, but nothing depends on it."""
        units = draft.units
        parameters: dict[str, Value] = {
            "clientid": draft.client_id,
            "paymentmethod": self._settings.payment_method,
            "pid": [unit.line.whmcs_product_id for unit in units],
            "billingcycle": [_CYCLES[unit.line.billing_cycle] for unit in units],
            "customfields": [values_by_id(self._unit_fields(draft, unit)) for unit in units],
            "configoptions": [_options(unit) for unit in units],
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
            with _readable("module queue"):
                body = await self._api.read("GetModuleQueue", {"serviceId": service_id})
                found = rows(body, "queue")
                waiting = [row for row in found if optional_whole(row.get("serviceId")) in (None, service_id)]
        except Misconfigured as problem:
            _log.warning("the module queue may not be read: only service states are checked", problem=str(problem))
            return ()
        return [f"{text(row, 'moduleName')} {text(row, 'moduleAction')}".strip() for row in waiting]

    async def cancel_invoice(self, invoice_id: int, *, send_by: float) -> None:
        """UpdateInvoice with the status alone: a published invoice's lines may be immutable, its status is not."""
        await self._update("UpdateInvoice", {"invoiceid": invoice_id, "status": "Cancelled"}, send_by=send_by)

    async def annotate(self, notes: ServiceNotes) -> None:
        """UpdateClientProduct: the note for people, and the line's numbers in their fields (R160)."""
        mapped = self._fields.product(notes.product_id)
        wanted = {mapped.phone: notes.phone_number, mapped.iccid: notes.iccid}
        values = {field: value for field, value in wanted.items() if field is not None and value is not None}
        parameters: dict[str, Value] = {
            "serviceid": notes.service_id,
            "notes": notes.text,
            "customfields": values_by_id(values),
        }
        await self._update("UpdateClientProduct", parameters)

    async def mark(self, service_id: int, product_id: int, text: str) -> None:
        """UpdateClientProduct with the marker's field alone."""
        field = self._fields.product(product_id).marker
        if field is None:
            raise Refused("MARKER_UNMAPPED", facts={"pid": product_id})
        parameters: dict[str, Value] = {"serviceid": service_id, "customfields": values_by_id({field: text})}
        await self._update("UpdateClientProduct", parameters)

    async def _update(self, action: str, parameters: dict[str, Value], *, send_by: float | None = None) -> None:
        try:
            await self._api.write(action, parameters, seconds=self._settings.write_seconds, send_by=send_by)
        except WhmcsRefusal as refusal:
            raise Refused("WHMCS_ORDER_REFUSED", facts={"message": refusal.message}) from refusal


def _options(unit: OrderUnit) -> str | None:
    """Give the configurable options of one product: the id of the value by that of the option (R087)."""
    return values_by_id({option: str(value) for option, value in unit.line.config_options.items()})


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """Turn an answer nothing can be concluded from into TryLater: it is never an empty one."""
    try:
        yield
    except (WhmcsRefusal, BadAnswer) as error:
        _log.error("WHMCS's orders cannot be read", what=what, seen=str(error))
        raise TryLater(UNAVAILABLE) from error


def _meaning(refusal: WhmcsRefusal) -> Exception:
    """Say what a refused AddOrder means: nothing was made, our set-up is wrong, or nobody knows."""
    if refused_with(refusal, *_SET_UP_REFUSALS):
        return Misconfigured("WHMCS_MISCONFIGURED", facts={"message": f"AddOrder: {refusal.message}"})
    if refused_with(refusal, *_REFUSALS):
        return Refused("WHMCS_ORDER_REFUSED", facts={"message": refusal.message})
    return Unclear("AddOrder", refusal.message)
