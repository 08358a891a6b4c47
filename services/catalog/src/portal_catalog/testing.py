"""Fakes of catalog's ports."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from portal_catalog.ports import ListedProduct
from portal_catalog.snapshot import SavedSnapshot, Snapshot
from portal_chassis.postgres import Transaction
from portal_contracts.billing import BillingProduct

VPN = ListedProduct(
    product_id="01t000000000001AAA",
    sku="VPN-US",
    name="VPN USA",
    name_ja="VPN アメリカ",
    description="An address in the USA.",
    description_ja=None,
    active=True,
    visible=True,
    category="VPN",
    item_class="Service",
    billing_cycle="Monthly",
    whmcs_product_ids=("301",),
    options_json=None,
    eligibility=None,
    entry_id="01u000000000001AAA",
    price=Decimal(2500),
)
VPN_AT_BILLING = BillingProduct(whmcs_product_id=301, exists=True, marker_mapped=True, prices={"monthly": 2500})


def vpn(**changes: Any) -> ListedProduct:
    """Give the example product with changes."""
    return replace(VPN, **changes)


class FixedSource:
    """Gives what the test put in; `fails_with` is raised instead, until it is cleared."""

    def __init__(self, *products: ListedProduct) -> None:
        self.listed = list(products)
        self.fails_with: Exception | None = None
        self.reads = 0

    async def products(self) -> Sequence[ListedProduct]:
        """Give the products."""
        self.reads += 1
        if self.fails_with is not None:
            raise self.fails_with
        return list(self.listed)


class FixedBilling:
    """Knows the products the test put in; `fails_with` is raised instead, until it is cleared."""

    def __init__(self, *products: BillingProduct) -> None:
        self.known = {product.whmcs_product_id: product for product in products}
        self.fails_with: Exception | None = None

    async def products(self, whmcs_product_ids: Sequence[int]) -> Sequence[BillingProduct]:
        """Give what is known; an unknown id does not exist."""
        if self.fails_with is not None:
            raise self.fails_with
        return [
            self.known.get(id_, BillingProduct(whmcs_product_id=id_, exists=False, marker_mapped=False, prices={}))
            for id_ in whmcs_product_ids
        ]


class InMemorySnapshots:
    """The stored snapshot in a variable, in its stored form."""

    def __init__(self) -> None:
        self.body: str | None = None

    async def load(self) -> Snapshot | None:
        """Read it back as after a restart."""
        return Snapshot.restored(SavedSnapshot.model_validate_json(self.body)) if self.body else None

    async def save(self, transaction: Transaction, snapshot: Snapshot) -> None:
        """Keep it."""
        self.body = snapshot.saved().model_dump_json()
