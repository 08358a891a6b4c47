from dataclasses import dataclass

from portal_billing.ports import BillingReads
from portal_contracts.billing import Subscription, SubscriptionList
from portal_contracts.problems import Refused


@dataclass(frozen=True, slots=True)
class ReadSubscriptions:
    """A client's services (R205, R206)."""

    reads: BillingReads

    async def list(self, client_id: int) -> SubscriptionList:
        """Give all of them, the newest first."""
        found = await self.reads.subscriptions(client_id)
        return SubscriptionList(
            subscriptions=sorted(found, key=lambda subscription: subscription.service_id, reverse=True)
        )

    async def read(self, client_id: int, service_id: int) -> Subscription:
        """Give one; NOT_FOUND for a foreign one."""
        for subscription in await self.reads.subscriptions(client_id):
            if subscription.service_id == service_id:
                return subscription
        raise Refused("NOT_FOUND")
