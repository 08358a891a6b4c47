import asyncio
from dataclasses import dataclass
from typing import Final

from portal_billing.ports import Copies, CustomerReads, SignOn, SignOnLog
from portal_chassis.actor import Actor
from portal_chassis.cache import Patience
from portal_chassis.logs import get_logger
from portal_contracts.billing import MintSsoLink, SsoLink
from portal_contracts.problems import FieldError, Refused, TryLater

_INVOICE: Final = "invoice"
_SERVICE: Final = "service"

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MintLink:
    """Mints a single-use link into WHMCS on the customer's click (D03). Never stored, not even for a repeat."""

    reads: CustomerReads
    sign_on: SignOn
    log: SignOnLog
    copies: Copies
    patience: Patience

    async def __call__(self, caller: Actor, command: MintSsoLink) -> SsoLink:
        """An invoice or service must be the customer's own: NOT_FOUND otherwise. TryLater RATE_LIMITED.

        TryLater, too, when WHMCS takes longer than a customer waits: a token nobody received dies by itself.
        """
        client_id = caller.whmcs_client_id
        try:
            async with asyncio.timeout(self.patience.seconds):
                related = await self._related(client_id, command)
                await self.log.admit(client_id, caller.user_id, command.destination, related)
                url = await self.sign_on.mint(client_id, command.destination, related)
        except TimeoutError:
            raise TryLater(self.patience.code) from None
        await self.copies.clear(client_id)  # the customer is about to change something there
        _log.info("a sign-on link was minted", client=client_id, destination=command.destination, related=related)
        return SsoLink(url=url)

    async def _related(self, client_id: int, command: MintSsoLink) -> int | None:
        """Copies do for this: an invoice or service never becomes another client's."""
        if command.destination == _INVOICE:
            invoice_id = _given(command.invoice_id, "invoiceId")
            await self.reads.invoice(client_id, invoice_id)
            return invoice_id
        if command.destination == _SERVICE:
            service_id = _given(command.service_id, "serviceId")
            await self.reads.subscription(client_id, service_id)
            return service_id
        return None


def _given(value: int | None, name: str) -> int:
    if value is None:
        raise Refused("BAD_REQUEST", fields=[FieldError(field=name, code="FIELD_MISSING")])
    return value
