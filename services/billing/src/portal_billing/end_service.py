from dataclasses import dataclass
from typing import Final

from portal_billing.ports import Copies, Unclear
from portal_billing.service_ports import RunningServices
from portal_contracts.billing import SubscriptionState
from portal_contracts.billing_services import EndService, PlanQuote, QuotePlanChange, ServiceEnding
from portal_contracts.problems import TryLater

ENDED: Final[frozenset[SubscriptionState]] = frozenset({"terminated", "cancelled", "fraud"})


@dataclass(frozen=True, slots=True)
class EndRunningService:
    """Ends a service in WHMCS (C22). Every write is harmless to repeat, and WHMCS is looked at before and after."""

    services: RunningServices
    copies: Copies

    async def __call__(self, command: EndService) -> ServiceEnding:
        """Give how the service stands then. Refused NOT_FOUND; TryLater when nobody knows: ask again."""
        client, service = command.whmcs_client_id, command.service_id
        state = await self.services.state(client, service)
        if state in ENDED:
            return ServiceEnding(state=state, ended=True)
        try:
            await self.services.ask_to_cancel(service, f"Portal cancellation {command.cancellation_id}")
            await self.services.terminate(service)
        except Unclear as unclear:
            raise TryLater("WHMCS_UNAVAILABLE") from unclear
        finally:
            await self.copies.clear(client)
        state = await self.services.state(client, service)
        return ServiceEnding(state=state, ended=state in ENDED)


@dataclass(frozen=True, slots=True)
class QuoteAnotherPlan:
    """Prices another product for a running service; orders nothing (§5 item 3)."""

    services: RunningServices

    async def __call__(self, query: QuotePlanChange) -> PlanQuote:
        """Refused NOT_FOUND or PLAN_CHANGE_NOT_OFFERED."""
        quote = await self.services.quote(
            query.whmcs_client_id, query.service_id, query.whmcs_product_id, query.billing_cycle
        )
        return PlanQuote(price_now=quote.price, days_left=quote.days_left, next_due_on=quote.next_due_on)
