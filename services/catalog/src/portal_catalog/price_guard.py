"""How long what WHMCS said of a product may be sold by, and when it is asked again (R092). No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import BaseModel

from portal_catalog.ports import ListedProduct
from portal_catalog.product import MENDABLE, Defect, JudgedProduct, judge, shared_skus, whmcs_id_of
from portal_contracts.billing import BillingProduct


class Verdicts(BaseModel):
    """What WHMCS said of each product, and when. Kept with the process, so that it outlives restarts."""

    verdicts: list[BillingProduct] | None = None
    """None while billing has never answered."""
    verified_at: dict[int, datetime] = {}
    """By WHMCS product id."""

    def learn(self, answered: Iterable[BillingProduct], wanted: Iterable[int], now: datetime) -> None:
        """Take what billing says now, and forget products that are not wanted any more."""
        fresh = {one.whmcs_product_id: one for one in answered}
        known = {one.whmcs_product_id: one for one in self.verdicts or ()} | fresh
        # A verdict of a version that kept no times begins its time now.
        times = {id_: now if id_ in fresh else self.verified_at.get(id_, now) for id_ in known}
        kept = frozenset(wanted) & known.keys()
        self.verdicts = [known[id_] for id_ in sorted(kept)]
        self.verified_at = {id_: times[id_] for id_ in sorted(kept)}


@dataclass(frozen=True, slots=True)
class PriceGuard:
    """WHMCS is asked about every product once in `check`, and at once about those whose price is in doubt.

    So an edit in Salesforce costs calls to WHMCS for no more products than it concerns. While WHMCS is away its last
    word holds for `hold`; after that nobody vouches for the price, and the product is not sold.
    """

    check: timedelta
    hold: timedelta

    def judge(self, listed: Sequence[ListedProduct], state: Verdicts, now: datetime) -> list[JudgedProduct | Defect]:
        """Apply the rules to every product."""
        known = {one.whmcs_product_id: one for one in state.verdicts or ()}
        shared = shared_skus(listed)

        def judged(product: ListedProduct) -> JudgedProduct | Defect:
            id_ = whmcs_id(product)
            at = state.verified_at.get(id_)
            holds = at is not None and now - at <= self.hold
            return judge(product, known.get(id_), verified=holds, shared=product.sku in shared)

        return [judged(product) for product in listed]

    def to_ask(self, listed: Sequence[ListedProduct], state: Verdicts, now: datetime) -> list[int]:
        """Give the WHMCS ids to ask about now: never asked, asked too long ago, or in doubt."""
        every = {id_ for product in listed if (id_ := whmcs_id(product))}
        due = {id_ for id_ in every if self._is_due(state.verified_at.get(id_), now)}
        for one in self.judge(listed, state, now):
            if isinstance(one, JudgedProduct) and one.sold.problem in MENDABLE and one.sold.whmcs_product_id:
                due.add(one.sold.whmcs_product_id)
        return sorted(due)

    def _is_due(self, verified_at: datetime | None, now: datetime) -> bool:
        return verified_at is None or now - verified_at >= self.check


def whmcs_id(product: ListedProduct) -> int:
    """Give the product's WHMCS id; 0 for none that could be asked about."""
    return whmcs_id_of(product.whmcs_product_ids)[0] or 0
