"""Which fees and add-ons a plan may be ordered with (R088, R104, R106). No I/O."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from portal_catalog.product import JudgedProduct
from portal_contracts.catalog import Category, ItemClass, Product, SoldProduct

NEEDS_A_FEE: Final[frozenset[Category]] = frozenset({"sim", "vpn"})


def with_related(products: Sequence[JudgedProduct]) -> list[Product]:
    """Give what is on show, each plan with the SKUs of the fees and add-ons that fit it and can be ordered."""
    on_offer: dict[tuple[Category, ItemClass], list[SoldProduct]] = defaultdict(list)
    for one in sorted(products, key=lambda product: (product.sold.price or 0, product.sold.sku)):
        if one.shown is not None and one.sold.orderable:
            on_offer[one.sold.category, one.sold.item_class].append(one.sold)

    def fitting(plan: Product, item_class: ItemClass) -> tuple[str, ...]:
        candidates = on_offer[plan.category, item_class]
        return tuple(one.sku for one in candidates if not one.plans or plan.sku in one.plans)

    return [
        shown.model_copy(
            update={
                "fees": fitting(shown, "activation"),
                "fee_required": shown.category in NEEDS_A_FEE,
                "add_ons": fitting(shown, "add_on"),
            }
        )
        if shown.item_class == "service"
        else shown
        for shown in (one.shown for one in products)
        if shown is not None
    ]
