"""What must be right before anything is reserved, asked for at the time itself and by the preflight of a schedule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from portal_contracts.billing import BillingProduct, OrderLine
from portal_contracts.orders import ProvisioningOrder
from portal_contracts.problems import Refused
from portal_fulfillment.porting_rules import PortingRules
from portal_fulfillment.ports import Billing
from portal_fulfillment.provisioning_state import needs_line
from portal_fulfillment.sim_plans import SimPlans


@dataclass(frozen=True, slots=True)
class OrderChecks:
    """Each check is Refused with the code of what is missing."""

    billing: Billing
    plans: SimPlans
    porting: PortingRules

    async def can_pay(self, order: ProvisioningOrder) -> None:
        """Look live whether the customer can pay (R064, R159). Refused PAYMENT_METHOD_MISSING."""
        if not await self.billing.can_pay(order.whmcs_client_id):
            raise Refused("PAYMENT_METHOD_MISSING")

    async def products(self, order: ProvisioningOrder) -> None:
        """Compare every line with WHMCS. Refused PRODUCT_UNMAPPED, MARKER_UNMAPPED or PRICE_MISMATCH."""
        products = await self.billing.products(sorted({line.whmcs_product_id for line in order.lines}))
        for line in order.lines:
            check_line(line, products)

    def line(self, order: ProvisioningOrder, on: date) -> None:
        """Check that the operator can be asked for the line on a Japanese day; nothing for an order without one.

        Refused EID_MISSING, SIM_CARD_NUMBER_MISSING, SIM_CARD_UNKNOWN, PRODUCT_UNMAPPED or a porting code.
        """
        if not needs_line(order):
            return
        self.plans.activation_of(order)
        if order.voice:
            self.plans.options_of(order)
        self.porting.check(order, on)


def check_line(line: OrderLine, products: Mapping[int, BillingProduct]) -> None:
    """Check a line against WHMCS. Refused PRODUCT_UNMAPPED, MARKER_UNMAPPED or PRICE_MISMATCH."""
    product = products.get(line.whmcs_product_id)
    if product is None or not product.exists or line.billing_cycle not in product.prices:
        raise Refused("PRODUCT_UNMAPPED", facts={"sku": line.sku})
    if not product.marker_mapped:
        raise Refused("MARKER_UNMAPPED", facts={"pid": line.whmcs_product_id})
    billed = product.prices[line.billing_cycle]
    if billed != line.unit_price:
        raise Refused("PRICE_MISMATCH", facts={"sku": line.sku, "ordered": line.unit_price, "billed": billed})
