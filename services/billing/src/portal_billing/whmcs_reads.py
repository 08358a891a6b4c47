"""What customers look at, read live from WHMCS (reference/whmcs.md 4.2, 5.1–5.4)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NoReturn

from pydantic import ValidationError

from portal_billing.invoice import ListedInvoice, OwnedInvoice
from portal_billing.payment_method import usable
from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi, refused_with
from portal_billing.whmcs_clients import client_row
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_invoices import invoice_of, is_draft, owned_invoice
from portal_billing.whmcs_parse import BadAnswer, check_client, line, plain_text, rows, text, whole, yen
from portal_billing.whmcs_services import own_service_row, service_rows, subscription
from portal_chassis.logs import get_logger
from portal_contracts.billing import ClientProfile, PaymentGateway, PaymentMethod, Subscription
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_contracts.values import Address, PersonName

_KINDS: Final = {
    "creditcard": "card",
    "remotecreditcard": "card",
    "bankaccount": "bank_account",
    "remotebankaccount": "bank_account",
}
_NO_NAME: Final = "-"

_log = get_logger(__name__)


class WhmcsReads:
    """The BillingReads port on WHMCS."""

    def __init__(self, api: WhmcsApi, fields: WhmcsFields, today: Callable[[], date]) -> None:
        """`today` gives the business date in Tokyo."""
        self._api = api
        self._fields = fields
        self._today = today

    async def profile(self, client_id: int) -> ClientProfile:
        """GetClientsDetails without statistics, which are slow."""
        try:
            row = client_row(await self._api.read("GetClientsDetails", {"clientid": client_id}))
            check_client(whole(row, "client_id", "id", "userid"), client_id)
            return ClientProfile(
                name=PersonName(
                    family_name=line(row, "lastname") or _NO_NAME, given_name=line(row, "firstname") or _NO_NAME
                ),
                company=text(row, "companyname"),
                email=text(row, "email"),
                phone=text(row, "phonenumber"),
                address=_address(row),
                credit=yen(row, "credit", default=0),
            )
        except ValidationError as error:
            raise Misconfigured(
                "WHMCS_MISCONFIGURED", facts={"message": f"client {client_id} has unusable details"}
            ) from error
        except (WhmcsRefusal, BadAnswer) as error:
            _unreadable(error, missing="client not found")

    async def payment_methods(self, client_id: int) -> Sequence[PaymentMethod]:
        """GetPayMethods, a flat list. `remote_token` is never read."""
        try:
            body = await self._api.read("GetPayMethods", {"clientid": client_id})
            check_client(body.get("clientid"), client_id, optional=True)
            return [self._method(row) for row in rows(body, "paymethods")]
        except (WhmcsRefusal, BadAnswer) as error:
            _unreadable(error, missing="client not found")

    def _method(self, row: Mapping[str, Any]) -> PaymentMethod:
        kind = _KINDS.get(text(row, "type").casefold(), "unknown")
        expires = text(row, "expiry_date") or None
        return PaymentMethod.model_validate(
            {
                "id": whole(row, "id"),
                "kind": kind,
                "description": plain_text(row, "description") or text(row, "bank_name"),
                "last_four": text(row, "card_last_four")[-4:] or None,
                "brand": text(row, "card_type") or None,
                "expires": expires,
                "usable": usable(kind, expires, self._today()),
            }
        )

    async def gateways(self) -> Sequence[PaymentGateway]:
        """GetPaymentMethods: the active gateways."""
        try:
            body = await self._api.read("GetPaymentMethods", {})
            found = rows(body, "paymentmethods", "paymentmethod")
        except (WhmcsRefusal, BadAnswer) as error:
            _unreadable(error)
        return [PaymentGateway(code=text(row, "module"), name=plain_text(row, "displayname")) for row in found]

    async def invoices(self, client_id: int) -> Sequence[ListedInvoice]:
        """GetInvoices with the client's id, without which WHMCS answers everybody's."""
        try:
            found = await self._api.pages("GetInvoices", {"userid": client_id}, "invoices", "invoice")
            return [
                ListedInvoice(is_draft(row), invoice_of(row, whole(row, "id"), self._today()))
                for row in found
                if whole(row, "userid") == client_id
            ]
        except (WhmcsRefusal, BadAnswer) as error:
            _unreadable(error)

    async def invoice(self, invoice_id: int) -> OwnedInvoice:
        """GetInvoice, which checks no owner."""
        try:
            body = await self._api.read("GetInvoice", {"invoiceid": invoice_id})
            return owned_invoice(body, invoice_id, self._today())
        except (WhmcsRefusal, BadAnswer) as error:
            _unreadable(error, missing="invoice id not found")

    async def subscriptions(self, client_id: int) -> Sequence[Subscription]:
        """GetClientsProducts, all pages."""
        try:
            return [subscription(row, self._fields) for row in await service_rows(self._api, client_id)]
        except (WhmcsRefusal, BadAnswer) as error:
            _unreadable(error, missing="client id not found")

    async def subscription(self, client_id: int, service_id: int) -> Subscription:
        """GetClientsProducts for one service; it checks no owner."""
        try:
            row = await own_service_row(self._api, client_id, service_id)
            if row is None:
                raise Refused("NOT_FOUND")
            return subscription(row, self._fields)
        except (WhmcsRefusal, BadAnswer) as error:
            _unreadable(error, missing="client id not found")


def _address(row: Mapping[str, Any]) -> Address | None:
    """Give a client's address, or None when it does not fit a Japanese one."""
    try:
        return Address(
            postcode=text(row, "postcode"),
            prefecture=line(row, "state", "fullstate"),
            city=line(row, "city"),
            street=line(row, "address1"),
            building=line(row, "address2"),
            country=text(row, "countrycode", "country") or "JP",
        )
    except ValidationError:
        return None


def _unreadable(error: WhmcsRefusal | BadAnswer, *, missing: str | None = None) -> NoReturn:
    """Raise what a read without an answer means."""
    if missing is not None and isinstance(error, WhmcsRefusal) and refused_with(error, missing):
        raise Refused("NOT_FOUND") from error
    _log.error("WHMCS's answer cannot be read", seen=str(error))
    raise TryLater(UNAVAILABLE) from error
