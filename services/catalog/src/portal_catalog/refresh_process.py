"""Keeps the catalog fresh: one durable process, woken by change events and by a clock (R237, C24).

It runs in one instance at a time, hints that come while it runs wake it once more, and a lost hint costs at most one
interval: `check` is the version check that keeps a lost event from freezing the catalog.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from pydantic import Field

from portal_catalog.ports import BillingVerdicts, ListedProduct, ProductSource, SnapshotStore
from portal_catalog.price_guard import PriceGuard, Verdicts, whmcs_id
from portal_catalog.product import MENDABLE, Defect, JudgedProduct
from portal_catalog.shelf import Shelf
from portal_catalog.snapshot import Snapshot
from portal_chassis.logs import get_logger
from portal_chassis.machine_time import epoch
from portal_chassis.metrics import counter, gauge
from portal_chassis.postgres import Transaction
from portal_chassis.process import Next, Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.billing import BillingProduct
from portal_contracts.catalog import CatalogChanged
from portal_contracts.problems import TryLater

KIND: Final = "catalog_refresh"
KEY: Final = "all"
REFRESH: Final = "refresh"
CLEAR: Final = "clear"
SOON: Final = timedelta(seconds=2)
"""When Salesforce or billing was away, look again so soon, or when they said; each time after twice as long, so that
no quota is spent on it."""
ASKED_AT_ONCE: Final = 50
"""Products in one question to billing, which reads so many from WHMCS in one call."""

log = get_logger(__name__)
DEFECTS = gauge("portal_catalog_defects", "Products that somebody has to mend before they can be sold")
UNSELLABLE = gauge("portal_catalog_unsellable", "Products on show that cannot be ordered, by problem", "problem")
READ_AT = gauge("portal_catalog_read_timestamp_seconds", "When Salesforce and WHMCS last both gave the whole catalog")
REFRESHES = counter("portal_catalog_refreshes", "Times the catalog was read", "outcome")


class RefreshState(Verdicts):
    """What outlives an instance: `reported` defects are logged once, `away` counts vain looks since the last good one.

    With `ask_all` WHMCS is asked about every product, whenever it was asked before.
    """

    reported: list[str] = Field(default=[])
    away: int = 0
    ask_all: bool = False


class CatalogRefresh:
    """Reads products and verdicts, and replaces the snapshot when its version moved."""

    def __init__(
        self, source: ProductSource, billing: BillingVerdicts, store: SnapshotStore, shelf: Shelf, guard: PriceGuard
    ) -> None:
        self._source = source
        self._billing = billing
        self._store = store
        self._shelf = shelf
        self._guard = guard

    def definition(self) -> ProcessDefinition[RefreshState]:
        """Give the process: one step, over and over, and one that an operator's command begins with."""
        return ProcessDefinition(KIND, RefreshState, (Step(REFRESH, self.refresh), Step(CLEAR, self.clear)))

    async def clear(self, run: Run[RefreshState]) -> Outcome:
        """Have every price asked again; what WHMCS said before holds until it answers."""
        run.state.ask_all, run.state.reported = True, []
        return Next(REFRESH)

    async def refresh(self, run: Run[RefreshState]) -> Outcome:
        """Read, judge, compare; the old snapshot stays while somebody is away."""
        try:
            listed = await self._source.products()
        except TryLater as away:
            REFRESHES.labels("source_away").inc()
            return self._later(run, away)
        missing = await self._ask_billing(run, listed)
        if run.state.verdicts is None and missing is not None:
            # A first catalog in which nothing can be ordered would refuse carts for good that are only early.
            return self._later(run, missing)
        judged = self._guard.judge(listed, run.state, run.clock.now())
        self._report(run, listed, judged)
        snapshot = Snapshot.of([one for one in judged if isinstance(one, JudgedProduct)], run.clock.now())
        outcome = self._later(run, missing) if missing is not None else self._complete(run)
        return outcome if snapshot.version == self._shelf.version else self._replacing(snapshot, outcome)

    def _later(self, run: Run[RefreshState], away: TryLater) -> Wait:
        pause = min(SOON * 2 ** min(run.state.away, 10), self._guard.check)
        run.state.away += 1
        return Wait(after=max(pause, timedelta(seconds=away.retry_after or 0)), because=away.code)

    def _complete(self, run: Run[RefreshState]) -> Wait:
        REFRESHES.labels("read").inc()
        READ_AT.set(epoch())
        run.state.away, run.state.ask_all = 0, False
        return Wait(after=self._guard.check)

    def _replacing(self, snapshot: Snapshot, outcome: Wait) -> Wait:
        async def replace(transaction: Transaction) -> None:
            await self._store.save(transaction, snapshot)
            await transaction.record(CatalogChanged(version=snapshot.version))
            transaction.after_commit(lambda: self._shelf.put(snapshot))

        return Wait(after=outcome.after, because=outcome.because, effects=(replace,))

    async def _ask_billing(self, run: Run[RefreshState], listed: Sequence[ListedProduct]) -> TryLater | None:
        """Ask for the verdicts that are due; gives what kept billing from telling all. What it told is kept."""
        state, now = run.state, run.clock.now()
        wanted = sorted({id_ for product in listed if (id_ := whmcs_id(product))})
        due = wanted if state.ask_all else self._guard.to_ask(listed, state, now)
        answered: list[BillingProduct] = []
        missing: TryLater | None = None
        try:
            for start in range(0, len(due), ASKED_AT_ONCE):
                answered += await self._billing.products(due[start : start + ASKED_AT_ONCE])
        except TryLater as away:
            REFRESHES.labels("billing_away").inc()
            missing = away
        if missing is None or state.verdicts is not None:
            state.learn(answered, wanted, now)
        return missing

    def _report(
        self, run: Run[RefreshState], listed: Sequence[ListedProduct], judged: Sequence[JudgedProduct | Defect]
    ) -> None:
        """Tell of what is meant to be sold and cannot be; a product that is not the portal's is nobody's fault."""
        found: dict[str, tuple[str, ...]] = {}
        for product, one in zip(listed, judged, strict=True):
            if not (product.active and product.visible):
                continue
            if isinstance(one, Defect):
                found[one.sku or one.product_id] = one.reasons
            elif one.defects:
                found[one.sold.sku] = one.defects
        DEFECTS.set(len(found))
        shown = [one.sold.problem for one in judged if isinstance(one, JudgedProduct) and one.shown is not None]
        for problem in ("PRODUCT_NOT_ORDERABLE", *MENDABLE):
            UNSELLABLE.labels(problem).set(shown.count(problem))
        lines = [f"{name}: {', '.join(reasons)}" for name, reasons in sorted(found.items())]
        before = frozenset(run.state.reported)
        for line in lines:
            if line not in before:
                log.error("a product cannot be sold until it is mended", product=line)
        run.state.reported = lines
