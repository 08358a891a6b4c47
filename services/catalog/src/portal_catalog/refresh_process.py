"""Keeps the catalog fresh: one durable process, woken by change events and by a clock (R237, C24).

It runs in one instance at a time, hints that come while it runs wake it once more, and a lost hint costs at most one
interval: `check` is the version check that keeps a lost event from freezing the catalog.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from pydantic import BaseModel

from portal_catalog.ports import BillingVerdicts, ListedProduct, ProductSource, SnapshotStore
from portal_catalog.product import Defect, JudgedProduct, judge
from portal_catalog.shelf import Shelf
from portal_catalog.snapshot import Snapshot
from portal_chassis.logs import get_logger
from portal_chassis.metrics import counter, gauge
from portal_chassis.postgres import Transaction
from portal_chassis.process import Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.billing import BillingProduct
from portal_contracts.catalog import CatalogChanged
from portal_contracts.problems import TryLater

KIND: Final = "catalog_refresh"
KEY: Final = "all"
SOON: Final = timedelta(seconds=2)
"""When Salesforce or billing was away, look again so soon: a reader has nothing better than the last snapshot."""

log = get_logger(__name__)
DEFECTS = gauge("portal_catalog_defects", "Products that somebody has to mend before they can be sold")
REFRESHES = counter("portal_catalog_refreshes", "Times the catalog was read", "outcome")


class RefreshState(BaseModel):
    """What outlives an instance: `reported` defects are logged once, `verdicts` hold while billing is away."""

    reported: list[str] = []
    verdicts: list[BillingProduct] | None = None
    """Billing's last answer; None while it was never asked successfully."""


class CatalogRefresh:
    """Reads products and verdicts, and replaces the snapshot when its version moved."""

    def __init__(
        self, source: ProductSource, billing: BillingVerdicts, store: SnapshotStore, shelf: Shelf, check: timedelta
    ) -> None:
        self._source = source
        self._billing = billing
        self._store = store
        self._shelf = shelf
        self._check = check

    def definition(self) -> ProcessDefinition[RefreshState]:
        """Give the process: one step, over and over."""
        return ProcessDefinition(KIND, RefreshState, (Step("refresh", self.refresh),))

    async def refresh(self, run: Run[RefreshState]) -> Outcome:
        """Read, judge, compare; the old snapshot stays while somebody is away."""
        try:
            listed = await self._source.products()
        except TryLater as away:
            REFRESHES.labels("source_away").inc()
            return Wait(after=SOON, because=away.code)
        complete = await self._ask_billing(run.state, listed)
        if run.state.verdicts is None:
            # A first catalog in which nothing can be ordered would refuse carts for good that are only early.
            REFRESHES.labels("billing_away").inc()
            return Wait(after=SOON, because="WHMCS_UNAVAILABLE")
        verdicts = {verdict.whmcs_product_id: verdict for verdict in run.state.verdicts}
        judged = [judge(product, _verdict(product, verdicts), verified=True) for product in listed]
        self._report(run, judged)
        snapshot = Snapshot.of([one for one in judged if isinstance(one, JudgedProduct)], run.clock.now())
        REFRESHES.labels("read" if complete else "billing_away").inc()
        again = self._check if complete else SOON
        if snapshot.version == self._shelf.version:
            return Wait(after=again)

        async def replace(transaction: Transaction) -> None:
            await self._store.save(transaction, snapshot)
            await transaction.record(CatalogChanged(version=snapshot.version))
            transaction.after_commit(lambda: self._shelf.put(snapshot))

        return Wait(after=again, effects=(replace,))

    async def _ask_billing(self, state: RefreshState, listed: Sequence[ListedProduct]) -> bool:
        """Get billing's verdicts; while it is away the last ones hold. Says whether they are fresh."""
        ids = {id_ for product in listed for id_ in _whmcs_ids(product)}
        try:
            state.verdicts = list(await self._billing.products(sorted(ids)))
        except TryLater:
            return False
        return True

    def _report(self, run: Run[RefreshState], judged: Sequence[JudgedProduct | Defect]) -> None:
        found: dict[str, tuple[str, ...]] = {}
        for one in judged:
            if isinstance(one, Defect):
                found[one.sku or one.product_id] = one.reasons
            elif one.defects:
                found[one.sold.sku] = one.defects
        DEFECTS.set(len(found))
        lines = [f"{name}: {', '.join(reasons)}" for name, reasons in sorted(found.items())]
        for line in lines:
            if line not in run.state.reported:
                log.error("a product cannot be sold until it is mended", product=line)
        run.state.reported = lines


def _whmcs_ids(product: ListedProduct) -> list[int]:
    return [int(value) for value in product.whmcs_product_ids if value.isdecimal() and int(value)]


def _verdict(product: ListedProduct, verdicts: Mapping[int, BillingProduct]) -> BillingProduct | None:
    return next((verdicts[id_] for id_ in _whmcs_ids(product) if id_ in verdicts), None)
