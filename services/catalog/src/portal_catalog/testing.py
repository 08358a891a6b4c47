"""Fakes of catalog's ports."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from portal_catalog.ports import ListedProduct
from portal_catalog.snapshot import SavedSnapshot, Snapshot
from portal_chassis.postgres import Transaction
from portal_contracts.billing import BillingProduct
from portal_contracts.internet_standing import InternetStanding
from portal_contracts.problems import TryLater

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
        self.asked: list[Sequence[int]] = []
        self._left: int | None = None

    def away_after(self, questions: int) -> None:
        """Answer so many questions more and then none."""
        self._left = questions

    async def products(self, whmcs_product_ids: Sequence[int]) -> Sequence[BillingProduct]:
        """Give what is known; an unknown id does not exist."""
        self.asked.append(whmcs_product_ids)
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise TryLater("WHMCS_UNAVAILABLE")
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


class FixedStandings:
    """How customers stand; `fails_with` is raised instead. `forgotten` are the accounts that were."""

    def __init__(self, standing: InternetStanding) -> None:
        self.standing = standing
        self.fails_with: Exception | None = None
        self.forgotten: list[str] = []

    async def read(self, account_id: str, whmcs_client_id: int, plans: Sequence[int]) -> InternetStanding:
        """Give the one standing."""
        if self.fails_with is not None:
            raise self.fails_with
        return self.standing

    async def forget(self, account_id: str) -> None:
        """Write it down."""
        self.forgotten.append(account_id)
