"""How WHMCS's orders are found again: GetOrders and GetClientsProducts, each checked against the other (6.1, 6.6)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from portal_billing.order import FoundOrder, FoundService, OrderInvoice, OrderState
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import WhmcsApi, refused_with
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_invoices import INVOICE_STATES
from portal_billing.whmcs_parse import BadAnswer, optional_whole, rows, text, whole, yen
from portal_billing.whmcs_services import found_service, service_row, service_rows, whmcs_order_of

_STATES: Final[Mapping[str, OrderState]] = {
    "pending": "pending",
    "active": "active",
    "cancelled": "cancelled",
    "fraud": "fraud",
}
_ALIVE: Final = frozenset({"pending", "active"})
_PRODUCT: Final = "product"

Services = dict[int, list[FoundService]]
"""A client's services by WHMCS order."""


class OrderReads:
    """Reads that the Orders port is made of. All raise WhmcsRefusal, BadAnswer and TryLater."""

    def __init__(self, api: WhmcsApi, fields: WhmcsFields) -> None:
        self._api = api
        self._fields = fields

    async def search(self, client_id: int, order_id: str) -> Sequence[FoundOrder]:
        """Read all services by marker and all orders by note; join them by WHMCS order id."""
        services = await self._services(client_id)
        listed = await self._api.pages("GetOrders", {"userid": client_id}, "orders", "order")
        await self._complete(client_id, services, listed)
        marked = {number for number, found in services.items() if any(one.order_id == order_id for one in found)}
        missing = marked - {whole(row, "id") for row in listed}
        _check_listed([one for number in missing for one in services[number]])
        return [
            _order(row, services)
            for row in sorted(listed, key=lambda row: whole(row, "id"))
            if whole(row, "id") in marked or order_id in text(row, "notes")
        ]

    async def read(self, client_id: int, whmcs_order_id: int) -> FoundOrder | None:
        """GetOrders by id, with the services GetClientsProducts lists for it."""
        body = await self._api.read("GetOrders", {"id": whmcs_order_id, "userid": client_id, "limitnum": 1})
        whole(body, "totalresults")  # an answer without it says nothing
        found = [row for row in rows(body, "orders", "order") if whole(row, "id") == whmcs_order_id]
        if not found or optional_whole(found[0].get("userid")) != client_id:
            return None
        services = await self._services(client_id)
        await self._complete(client_id, services, found)
        return _order(found[0], services)

    async def invoice(self, client_id: int, invoice_id: int) -> OrderInvoice | None:
        """GetInvoice, which checks no owner: its lines by service, and the sum with tax."""
        try:
            body = await self._api.read("GetInvoice", {"invoiceid": invoice_id})
        except WhmcsRefusal as refusal:
            if refused_with(refusal, "invoice id not found"):
                return None
            raise
        if whole(body, "invoiceid", "id") != invoice_id:
            raise BadAnswer("another invoice than asked for")
        if whole(body, "userid") != client_id:
            return None
        charged: dict[int, int] = {}
        for line in rows(body, "items", "item"):
            service_id = optional_whole(line.get("relid")) or 0
            charged[service_id] = charged.get(service_id, 0) + yen(line, "amount")
        gross = sum(yen(body, name, default=0) for name in ("subtotal", "tax", "tax2"))
        state = INVOICE_STATES.get(text(body, "status").casefold(), "unknown")
        return OrderInvoice(invoice_id, state, charged, gross)

    async def _services(self, client_id: int) -> Services:
        found: Services = {}
        for row in await service_rows(self._api, client_id):
            self._add(found, row)
        return found

    def _add(self, found: Services, row: Mapping[str, Any]) -> None:
        number = whmcs_order_of(row)
        if number is not None:
            found.setdefault(number, []).append(found_service(row, self._fields))

    async def _complete(self, client_id: int, services: Services, listed: Sequence[Mapping[str, Any]]) -> None:
        """Look for services that orders name and the client's list lacks: it may be older than the orders.

        A service that another client has by now is no difference. Raises BadAnswer for one that cannot be seen at all.
        """
        known = {service.id for found in services.values() for service in found}
        for row in listed:
            if text(row, "status").casefold() not in _ALIVE:
                continue
            for service_id in _products_of(row) - known:
                service = await service_row(self._api, service_id)
                if service is None:
                    raise BadAnswer(f"order {whole(row, 'id')} names a service that is not listed")
                if optional_whole(service.get("clientid")) in (None, client_id):
                    self._add(services, service)


def _products_of(row: Mapping[str, Any]) -> set[int]:
    """Give the services an order names in its lines."""
    lines = [line for line in rows(row, "lineitems", "lineitem") if text(line, "type").casefold() == _PRODUCT]
    return {number for line in lines if (number := optional_whole(line.get("relid")))}


def _order(row: Mapping[str, Any], services: Services) -> FoundOrder:
    number = whole(row, "id")
    return FoundOrder(
        id=number,
        state=_STATES.get(text(row, "status").casefold(), "unknown"),
        amount=yen(row, "amount", default=0),
        invoice_id=optional_whole(row.get("invoiceid")) or None,
        services=tuple(sorted(services.get(number, ()), key=lambda service: service.id)),
    )


def _check_listed(services: Sequence[FoundService]) -> None:
    """Refuse to conclude anything from two lists that do not agree: the services' orders are not listed."""
    if any(service.state in _ALIVE for service in services):
        raise BadAnswer("a living service whose order is not listed")
