import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from portal_contracts.internet_standing import FindInternetStanding, InternetStanding
from portal_orders.eligibility import KeptEligibility
from portal_orders.internet_line import line_in_use
from portal_orders.order import OPEN_STATES
from portal_orders.ports import Billing, OrderBook


@dataclass(frozen=True, slots=True)
class ReadInternetStanding:
    """What stands in the way of an Internet line, by the rules the checkout holds (R080, R082, C14).

    `internet_groups` are comparable names of WHMCS groups with Internet services.
    """

    eligibility: Callable[[str], Awaitable[KeptEligibility]]
    billing: Billing
    book: OrderBook
    internet_groups: frozenset[str]

    async def __call__(self, query: FindInternetStanding) -> InternetStanding:
        """Raises TryLater while WHMCS, or Salesforce for an account never read, is away."""
        known, services, orders = await asyncio.gather(
            self.eligibility(query.account_id),
            self.billing.services(query.whmcs_client_id),
            self.book.of_account(query.account_id),
        )
        line = line_in_use(services, query.internet_products, self.internet_groups)
        ordered = (one for one in orders if one.category == "internet" and one.state in OPEN_STATES)
        order = next(ordered, None)
        return InternetStanding(
            eligibility=known.state,
            types=known.types,
            service_id=line.service_id if line is not None else None,
            order_id=order.order_id if order is not None else None,
        )
