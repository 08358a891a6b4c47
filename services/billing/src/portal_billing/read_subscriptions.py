from collections.abc import Sequence
from dataclasses import dataclass

from portal_billing.ports import BillingReads, CustomerReads
from portal_contracts.billing import ListSubscriptions, ReadSubscription, Subscription, SubscriptionList


@dataclass(frozen=True, slots=True)
class ReadSubscriptions:
    """A client's services (R205, R206)."""

    reads: CustomerReads
    live: BillingReads

    async def list(self, client_id: int, query: ListSubscriptions) -> SubscriptionList:
        """Give all of them, the newest first."""
        found = await self.reads.subscriptions(client_id, fresh=query.fresh)
        return SubscriptionList(subscriptions=_newest_first(found.value), as_of=found.as_of)

    async def list_live(self, client_id: int) -> SubscriptionList:
        """Give all of them as WHMCS has them now, for decisions (C14)."""
        return SubscriptionList(subscriptions=_newest_first(await self.live.subscriptions(client_id)))

    async def read(self, client_id: int, query: ReadSubscription) -> Subscription:
        """Give one; NOT_FOUND for a foreign one."""
        found = await self.reads.subscription(client_id, query.service_id, fresh=query.fresh)
        return found.value.model_copy(update={"as_of": found.as_of})


def _newest_first(found: Sequence[Subscription]) -> Sequence[Subscription]:
    return sorted(found, key=lambda subscription: subscription.service_id, reverse=True)
