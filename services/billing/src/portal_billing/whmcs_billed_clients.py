"""All clients with what they are billed for (reference/whmcs.md 4.2, 4.5, 6.1)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from portal_billing.whmcs_answer import WhmcsRefusal
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi, refused_with
from portal_billing.whmcs_clients import client_row
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_parse import BadAnswer, check_client, custom_values, rows, text, whole
from portal_billing.whmcs_services import found_service, service_rows, whmcs_order_of
from portal_chassis.clocks import MachineClock
from portal_chassis.logs import get_logger
from portal_contracts.problems import TryLater
from portal_contracts.values import CustomerNumber, SalesforceId, address_fingerprint
from portal_contracts.whmcs_orders import BilledClient, BilledService

_KNOWN_SECONDS: Final = 3600.0
_CUSTOMER_NUMBER: Final[TypeAdapter[str]] = TypeAdapter(CustomerNumber)
_SALESFORCE_ID: Final[TypeAdapter[str]] = TypeAdapter(SalesforceId)

_log = get_logger(__name__)


class WhmcsBilledClients:
    """The BilledClients port on WHMCS: there is no list of clients by id, but each has an owner among the users."""

    def __init__(self, api: WhmcsApi, fields: WhmcsFields, machine: MachineClock) -> None:
        self._api = api
        self._fields = fields
        self._machine = machine
        self._ids: Sequence[int] = ()
        self._read_at: float | None = None

    async def ids(self) -> Sequence[int]:
        """GetUsers, all pages, at most once an hour: a comparison asks for each of its pages."""
        now = self._machine.monotonic()
        if self._read_at is None or now - self._read_at > _KNOWN_SECONDS:
            try:
                users = await self._api.pages("GetUsers", {"sorting": "ASC"}, "users", None)
                found = {whole(client, "id") for user in users for client in rows(user, "clients")}
            except (WhmcsRefusal, BadAnswer) as error:
                raise self._unreadable(error) from error
            self._ids, self._read_at = sorted(found), now
        return self._ids

    async def read(self, client_id: int) -> BilledClient | None:
        """GetClientsDetails and GetClientsProducts. The address leaves this method as a fingerprint only."""
        try:
            row = client_row(await self._api.read("GetClientsDetails", {"clientid": client_id}))
            check_client(whole(row, "client_id", "id", "userid"), client_id)
            services = [self._service(one) for one in await service_rows(self._api, client_id)]
        except WhmcsRefusal as refusal:
            if refused_with(refusal, "client not found"):
                return None
            raise self._unreadable(refusal) from refusal
        except BadAnswer as error:
            raise self._unreadable(error) from error
        return BilledClient(
            whmcs_client_id=client_id,
            customer_number=_valid(_CUSTOMER_NUMBER, custom_values(row).get(self._fields.customer_number)),
            address_fingerprint=address_fingerprint(
                text(row, "postcode"),
                text(row, "state", "fullstate"),
                text(row, "city"),
                text(row, "address1"),
                text(row, "address2"),
            ),
            services=services,
        )

    def _service(self, row: Mapping[str, Any]) -> BilledService:
        service = found_service(row, self._fields)
        return BilledService(
            service_id=service.id,
            whmcs_order_id=whmcs_order_of(row),
            order_id=_valid(_SALESFORCE_ID, service.order_id),
            whmcs_product_id=service.product_id,
            state=service.state,
            billing_cycle=service.cycle,
            amount=max(0, service.amount()),
        )

    @staticmethod
    def _unreadable(error: Exception) -> TryLater:
        _log.error("WHMCS's clients cannot be compared", seen=str(error))
        return TryLater(UNAVAILABLE)


def _valid(kind: TypeAdapter[str], value: str | None) -> str | None:
    """Give a value people may have typed; None for one that cannot be right, so that it shows up as a difference."""
    try:
        return kind.validate_python(value)
    except ValidationError:
        return None
