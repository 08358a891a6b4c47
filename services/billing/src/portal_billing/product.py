"""A product as WHMCS sells it, and whether an order line fits it. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal_contracts.billing import BillingProduct, OrderLine
from portal_contracts.catalog import BillingCycle
from portal_contracts.problems import Refused


@dataclass(frozen=True, slots=True)
class SoldProduct:
    """A product of WHMCS's catalogue. Amounts in yen; only cycles on offer are listed."""

    id: int
    has_marker: bool
    prices: Mapping[BillingCycle, int]
    set_up_fees: Mapping[BillingCycle, int]
    options: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """Configurable options with the values of each, by their ids (R087)."""

    def first_payment(self, cycle: BillingCycle) -> int | None:
        """Give what WHMCS charges at first, or None when the cycle is not on offer."""
        price = self.prices.get(cycle)
        return None if price is None else price + self.set_up_fees.get(cycle, 0)

    def later_payment(self, cycle: BillingCycle) -> int | None:
        """Give what one cycle, or the one payment, costs; None when the cycle is not on offer."""
        return self.first_payment(cycle) if cycle == "one_time" else self.prices.get(cycle)


def described(product_id: int, product: SoldProduct | None) -> BillingProduct:
    """Tell another service about a product; an unknown one does not exist.

    A price is one that WHMCS charges at first and ever after: a recurring cycle with a set-up fee has two, so that no
    order could agree with both (I8), and is left out.
    """
    if product is None:
        return BillingProduct(whmcs_product_id=product_id, exists=False, marker_mapped=False, prices={})
    prices = {
        cycle: first
        for cycle in product.prices
        if (first := product.first_payment(cycle)) is not None and first == product.later_payment(cycle)
    }
    return BillingProduct(whmcs_product_id=product_id, exists=True, marker_mapped=product.has_marker, prices=prices)


def check_line(line: OrderLine, product: SoldProduct | None) -> None:
    """Refuse a line WHMCS would not bill or make as the order says, before anything is made (rule 8, I8, R087).

    Refused PRODUCT_UNMAPPED, MARKER_UNMAPPED or PRICE_MISMATCH.
    """
    if product is None:
        raise Refused("PRODUCT_UNMAPPED", facts={"sku": line.sku})
    if not product.has_marker:
        raise Refused("MARKER_UNMAPPED", facts={"pid": line.whmcs_product_id})
    payments = (product.first_payment(line.billing_cycle), product.later_payment(line.billing_cycle))
    for billed in payments:
        if billed is None:
            raise Refused("PRODUCT_UNMAPPED", facts={"sku": line.sku})
        if billed != line.unit_price:
            raise Refused("PRICE_MISMATCH", facts={"sku": line.sku, "ordered": line.unit_price, "billed": billed})
    unknown = [one for one, value in line.config_options.items() if value not in product.options.get(one, ())]
    if unknown:  # WHMCS would leave it out without a word
        raise Refused("PRODUCT_UNMAPPED", facts={"sku": f"{line.sku}, configurable option {unknown[0]},"})
