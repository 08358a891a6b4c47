import json
from datetime import timedelta
from decimal import Decimal

import pytest

from portal_catalog.consumers import register
from portal_catalog.refresh_process import KEY, KIND, CatalogRefresh, RefreshState
from portal_catalog.shelf import Shelf
from portal_catalog.testing import VPN, VPN_AT_BILLING, FixedBilling, FixedSource, InMemorySnapshots, vpn
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import InMemoryDatabase, ManualClock, engine
from portal_chassis.testing.fake_bus import FakeBus
from portal_contracts.catalog import CatalogChanged, FindProducts, ListCatalog, ReadProduct
from portal_contracts.changefeed import EventsMissed, PriceChanged
from portal_contracts.problems import Refused, TryLater


class World:
    """Catalog on fakes and virtual time."""

    def __init__(self, store: InMemorySnapshots | None = None, processes: InMemoryProcessStore | None = None) -> None:
        self.source = FixedSource(VPN)
        self.billing = FixedBilling(VPN_AT_BILLING)
        self.store = store or InMemorySnapshots()
        self.shelf = Shelf(self.store)
        self.clock = ManualClock()
        self.processes = processes or InMemoryProcessStore(self.clock)
        self.database = InMemoryDatabase()
        refresh = CatalogRefresh(self.source, self.billing, self.store, self.shelf, timedelta(minutes=5))
        self.engine = engine(refresh.definition(), clock=self.clock, store=self.processes)
        self.bus = FakeBus()
        register(self.bus, self.shelf, self.engine)

    async def begin(self) -> None:
        async with self.database.transaction() as transaction:
            if not await self.engine.start(transaction, KIND, KEY, RefreshState()):
                await self.engine.wake(transaction, KIND, KEY)
        await self.engine.run_until_idle()

    async def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        await self.engine.run_until_idle()

    async def hint(self, event) -> None:
        async with self.database.transaction() as transaction:
            await self.bus.deliver(event, transaction)
        await self.engine.run_until_idle()

    async def price(self) -> int:
        catalog = await self.bus.call(ListCatalog())
        return next(group for group in catalog.groups if group.category == "vpn").products[0].price


PRICE_HINT = PriceChanged(
    record_id="01u000000000001AAA", change="updated", by_us=False, committed_at="2026-11-20T01:00:00Z"
)


async def test_the_catalog_is_read_once_and_answered_as_finished_bytes() -> None:
    world = World()
    await world.begin()
    assert await world.price() == 2500
    assert await world.price() == 2500
    assert world.source.reads == 1


async def test_before_the_first_read_there_is_a_clear_later() -> None:
    with pytest.raises(TryLater, match="SALESFORCE_UNAVAILABLE"):
        await World().bus.call(ListCatalog())


async def test_a_price_change_shows_as_soon_as_its_event_arrives() -> None:  # R237
    world = World()
    await world.begin()
    world.source.listed = [vpn(price=Decimal(2600))]
    world.billing.known = {301: VPN_AT_BILLING.model_copy(update={"prices": {"monthly": 2600}})}
    await world.hint(PRICE_HINT)
    assert await world.price() == 2600


async def test_a_lost_event_cannot_freeze_the_catalog() -> None:  # C24
    world = World()
    await world.begin()
    world.source.listed = [vpn(price=Decimal(2600))]
    await world.pass_time(timedelta(minutes=5))
    assert await world.price() == 2600


async def test_missed_events_cause_a_read() -> None:  # C29
    world = World()
    await world.begin()
    await world.hint(EventsMissed(topic="x", reason="gap_event", detected_at="2026-11-20T01:00:00Z"))
    assert world.source.reads == 2


async def test_while_salesforce_is_away_the_last_catalog_is_served() -> None:
    world = World()
    await world.begin()
    world.source.fails_with = TryLater("SALESFORCE_UNAVAILABLE")
    await world.hint(PRICE_HINT)
    assert await world.price() == 2500
    world.source.fails_with = None
    world.source.listed = [vpn(price=Decimal(2700))]
    await world.pass_time(timedelta(seconds=3))
    assert await world.price() == 2700


async def test_a_restart_while_salesforce_is_away_serves_what_was_stored() -> None:
    store = InMemorySnapshots()
    await World(store).begin()
    world = World(store)
    world.source.fails_with = TryLater("SALESFORCE_UNAVAILABLE")
    await world.shelf.reload()
    await world.begin()
    assert await world.price() == 2500


async def test_while_billing_is_away_its_last_verdicts_hold() -> None:
    world = World()
    await world.begin()
    world.billing.fails_with = TryLater("WHMCS_UNAVAILABLE")
    await world.hint(PRICE_HINT)
    product = await world.bus.call(ReadProduct(sku="VPN-US"))
    assert product.orderable


async def test_a_restart_while_billing_is_away_keeps_its_last_verdicts() -> None:
    first = World()
    await first.begin()
    second = World(first.store, first.processes)
    second.billing.fails_with = TryLater("WHMCS_UNAVAILABLE")
    second.source.listed = [vpn(description="Another text.")]
    await second.begin()
    product = await second.bus.call(ReadProduct(sku="VPN-US"))
    assert (product.orderable, product.description.en) == (True, "Another text.")


async def test_there_is_no_catalog_before_billing_has_answered_once() -> None:
    world = World()
    world.billing.fails_with = TryLater("WHMCS_UNAVAILABLE")
    await world.begin()
    with pytest.raises(TryLater):
        await world.bus.call(ReadProduct(sku="VPN-US"))
    world.billing.fails_with = None
    await world.pass_time(timedelta(seconds=3))
    assert (await world.bus.call(ReadProduct(sku="VPN-US"))).orderable


async def test_orders_find_hidden_products_too_and_customers_do_not() -> None:
    world = World()
    world.source.listed = [VPN, vpn(sku="VPN-OLD", product_id="01t000000000002AAA", visible=False)]
    await world.begin()
    found = await world.bus.call(FindProducts(skus=["VPN-OLD"], product_ids=[VPN.product_id]))
    assert {product.sku for product in found.products} == {"VPN-OLD", "VPN-US"}
    with pytest.raises(Refused, match="NOT_FOUND"):
        await world.bus.call(ReadProduct(sku="VPN-OLD"))


async def test_a_defect_hides_one_product_and_leaves_the_others_on_sale() -> None:
    world = World()
    world.source.listed = [VPN, vpn(sku="VPN-BAD", product_id="01t000000000003AAA", item_class="Gadget")]
    await world.begin()
    assert await world.price() == 2500


async def test_another_instances_newer_catalog_is_taken_over() -> None:
    store = InMemorySnapshots()
    first, second = World(store), World(store)
    await first.begin()
    await second.bus.hint(CatalogChanged(version=first.shelf.version))
    assert await second.price() == 2500
    assert json.loads(second.shelf.current.catalog)["version"] == first.shelf.version
