from dataclasses import dataclass
from typing import Final

from portal_billing.ports import BillingReads, SignOn
from portal_chassis.logs import get_logger
from portal_contracts.billing import MintSsoLink, SsoLink
from portal_contracts.problems import FieldError, Refused

_INVOICE: Final = "invoice"
_SERVICE: Final = "service"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MintLink:
    """Mints a single-use link into WHMCS on the customer's click (D03). Never stored, not even for a repeat."""

    reads: BillingReads
    sign_on: SignOn

    async def __call__(self, client_id: int, command: MintSsoLink) -> SsoLink:
        """An invoice or service must be the customer's own: NOT_FOUND otherwise."""
        related = await self._related(client_id, command)
        url = await self.sign_on.mint(client_id, command.destination, related)
        _log.info("a sign-on link was minted", client=client_id, destination=command.destination, related=related)
        return SsoLink(url=url)

    async def _related(self, client_id: int, command: MintSsoLink) -> int | None:
        if command.destination == _INVOICE:
            invoice_id = _given(command.invoice_id, "invoiceId")
            if not (await self.reads.invoice(invoice_id)).visible_to(client_id):
                raise Refused("NOT_FOUND")
            return invoice_id
        if command.destination == _SERVICE:
            service_id = _given(command.service_id, "serviceId")
            if all(service.service_id != service_id for service in await self.reads.subscriptions(client_id)):
                raise Refused("NOT_FOUND")
            return service_id
        return None


def _given(value: int | None, name: str) -> int:
    if value is None:
        raise Refused("BAD_REQUEST", fields=[FieldError(field=name, code="FIELD_MISSING")])
    return value
