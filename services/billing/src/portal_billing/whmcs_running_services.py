"""Extra invoices, ends and prices of running services in WHMCS (reference/whmcs.md 5.3, 5.5, 6.8)."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from portal_billing.ports import Unclear
from portal_billing.service_ports import Extra, Quote
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi, refused_with
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_parse import BadAnswer, day, optional_whole, text, whole
from portal_billing.whmcs_services import own_service_row, subscription
from portal_billing.whmcs_wire import Value
from portal_chassis.logs import get_logger
from portal_contracts.billing import SubscriptionState
from portal_contracts.catalog import BillingCycle
from portal_contracts.problems import Refused, TryLater

_STANDS: Final = "existing cancellation request exists"
_WITHOUT_MODULE: Final = ("not assigned to a module", "module not found")
_NO_CLIENT: Final = "client id not found"
_PRICE: Final = re.compile(r"[0-9][0-9,]*(?:\.[0-9]{1,2})?")
_CYCLES: Final = {"monthly": "monthly", "annually": "annually", "one_time": "onetime"}

_log = get_logger(__name__)


class WhmcsExtras:
    """The `Extras` port on WHMCS. The key stands in the invoice's notes, which GetInvoices gives back."""

    def __init__(self, api: WhmcsApi, today: Callable[[], date], *, write_seconds: float) -> None:
        self._api = api
        self._today = today
        self._seconds = write_seconds

    async def find(self, client_id: int, key: str) -> int | None:
        """GetInvoices of the client, all pages; one that was cancelled counts, because somebody decided so."""
        try:
            found = await self._api.pages("GetInvoices", {"userid": client_id}, "invoices", "invoice")
            ours = [row for row in found if whole(row, "userid") == client_id and _marker(key) in text(row, "notes")]
            return min((whole(row, "id") for row in ours), default=None)
        except (WhmcsRefusal, BadAnswer) as error:
            _log.error("WHMCS's invoices cannot be read", seen=str(error))
            raise TryLater(UNAVAILABLE) from error

    async def create(self, extra: Extra, *, send_by: float) -> int:
        """CreateInvoice with one line; not taxed by WHMCS, because the price holds the tax."""
        today = self._today().isoformat()
        parameters: dict[str, Value] = {
            "userid": extra.client_id,
            "sendinvoice": True,
            "date": today,
            "duedate": today,
            "autoapplycredit": True,
            "notes": f"{_marker(extra.key)} service {extra.service_id}",
            "itemdescription1": extra.description,
            "itemamount1": extra.amount,
            "itemtaxed1": False,
        }
        try:
            body = await self._api.write("CreateInvoice", parameters, seconds=self._seconds, send_by=send_by)
            return whole(body, "invoiceid")
        except WhmcsRefusal as refusal:
            if refused_with(refusal, _NO_CLIENT):
                raise Refused("NOT_FOUND") from refusal
            raise Unclear("CreateInvoice", refusal.message) from refusal
        except BadAnswer as error:
            raise Unclear("CreateInvoice", str(error)) from error


class WhmcsRunningServices:
    """The `RunningServices` port on WHMCS."""

    def __init__(self, api: WhmcsApi, fields: WhmcsFields, *, write_seconds: float) -> None:
        self._api = api
        self._fields = fields
        self._seconds = write_seconds

    async def state(self, client_id: int, service_id: int) -> SubscriptionState:
        """GetClientsProducts for one service."""
        return subscription(await self._own(client_id, service_id), self._fields).state

    async def ask_to_cancel(self, service_id: int, reason: str) -> None:
        """AddCancelRequest."""
        parameters: dict[str, Value] = {"serviceid": service_id, "type": "Immediate", "reason": reason}
        try:
            await self._api.write("AddCancelRequest", parameters, seconds=self._seconds)
        except WhmcsRefusal as refusal:
            if not refused_with(refusal, _STANDS):
                raise _away(refusal) from refusal

    async def terminate(self, service_id: int) -> None:
        """ModuleTerminate; without a module, the record's status alone says it."""
        try:
            await self._api.write("ModuleTerminate", {"serviceid": service_id}, seconds=self._seconds)
        except WhmcsRefusal as refusal:
            if not refused_with(refusal, *_WITHOUT_MODULE):
                raise _away(refusal) from refusal
            await self._mark_terminated(service_id)

    async def _mark_terminated(self, service_id: int) -> None:
        try:
            await self._api.write(
                "UpdateClientProduct", {"serviceid": service_id, "status": "Terminated"}, seconds=self._seconds
            )
        except WhmcsRefusal as refusal:
            raise _away(refusal) from refusal

    async def quote(self, client_id: int, service_id: int, product_id: int, cycle: BillingCycle) -> Quote:
        """UpgradeProduct with `calconly`; the price is a display string such as `¥880.00 JPY`."""
        row = await self._own(client_id, service_id)
        parameters: dict[str, Value] = {
            "serviceid": service_id,
            "type": "product",
            "newproductid": product_id,
            "newproductbillingcycle": _CYCLES[cycle],
            "paymentmethod": text(row, "paymentmethod"),
            "calconly": True,
        }
        try:
            body = await self._api.read("UpgradeProduct", parameters)
        except WhmcsRefusal as refusal:
            _log.info("WHMCS prices no such change", seen=refusal.message, product=product_id)
            raise Refused("PLAN_CHANGE_NOT_OFFERED", facts={"sku": product_id}) from refusal
        return Quote(price_of(text(body, "price")), optional_whole(body.get("daysuntilrenewal")), _due(row))

    async def _own(self, client_id: int, service_id: int) -> Any:
        try:
            row = await own_service_row(self._api, client_id, service_id)
        except (WhmcsRefusal, BadAnswer) as error:
            _log.error("WHMCS's service cannot be read", seen=str(error))
            raise TryLater(UNAVAILABLE) from error
        if row is None:
            raise Refused("NOT_FOUND")
        return row


def price_of(shown: str) -> int | None:
    """Read whole yen out of a price made for people; None when it holds no one amount."""
    found = _PRICE.findall(shown)
    return round(float(found[0].replace(",", ""))) if len(found) == 1 else None


def _marker(key: str) -> str:
    return f"portal:{key};"


def _due(row: Any) -> date | None:
    return day(row.get("nextduedate"))


def _away(refusal: WhmcsRefusal) -> TryLater:
    """What a module or a record refuses may be mended any time: it is asked again, and in the end a person looks."""
    _log.warning("WHMCS did not end a service", seen=refusal.message)
    return TryLater(UNAVAILABLE, retry_after=60)
