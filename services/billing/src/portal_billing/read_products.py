from dataclasses import dataclass

from portal_billing.ports import Products
from portal_billing.product import described
from portal_contracts.billing import BillingProducts, ListBillingProducts


@dataclass(frozen=True, slots=True)
class ReadProducts:
    """Which products WHMCS can bill, at what price, and whether their orders can be found again (rule 8)."""

    products: Products

    async def __call__(self, query: ListBillingProducts) -> BillingProducts:
        """Give each product asked for, once."""
        wanted = sorted(set(query.whmcs_product_ids))
        found = await self.products.read(wanted)
        return BillingProducts(products=[described(product_id, found.get(product_id)) for product_id in wanted])
