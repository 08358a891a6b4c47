from collections.abc import Sequence

from portal_chassis.bus import Bus
from portal_contracts.billing import BillingProduct, ListBillingProducts


class BusBilling:
    """The `BillingVerdicts` port: billing, asked over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def products(self, whmcs_product_ids: Sequence[int]) -> Sequence[BillingProduct]:
        """Ask billing about all products at once."""
        if not whmcs_product_ids:
            return []
        reply = await self._bus.ask(ListBillingProducts(whmcs_product_ids=whmcs_product_ids))
        return reply.products
