import json
from datetime import timedelta
from decimal import Decimal

import pytest

from portal_catalog.clear_catalog import ClearEverything
from portal_catalog.consumers import register
from portal_catalog.price_guard import PriceGuard
from portal_catalog.refresh_process import ASKED_AT_ONCE, KEY, KIND, CatalogRefresh, RefreshState
from portal_catalog.shelf import Shelf
from portal_catalog.testing import (
    VPN,
    VPN_AT_BILLING,
    FixedBilling,
    FixedSource,
    FixedStandings,
    InMemorySnapshots,
    vpn,
)
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import InMemoryDatabase, InMemoryOperatorDesk, ManualClock, engine, operator_actor
from portal_chassis.testing.fake_bus import FakeBus
from portal_contracts.catalog import CatalogChanged, FindProducts, ListCatalog, ReadProduct
from portal_contracts.catalog_upkeep import ClearCatalog
from portal_contracts.changefeed import EventsMissed, PriceChanged
from portal_contracts.internet_standing import InternetStanding
from portal_contracts.problems import Refused, TryLater

CHECK, HOLD = timedelta(minutes=5), timedelta(hours=24)


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
        guard = PriceGuard(check=CHECK, hold=HOLD)
        refresh = CatalogRefresh(self.source, self.billing, self.store, self.shelf, guard)
        self.engine = engine(refresh.definition(), clock=self.clock, store=self.processes)
        self.bus = FakeBus()
        self.standings = FixedStandings(InternetStanding(eligibility="not_requested"))
        self.desk = InMemoryOperatorDesk(self.database)
        clear = ClearEverything(self.desk, self.shelf, self.engine)
        register(self.bus, self.shelf, self.engine, self.standings, clear)

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

    async def product(self, sku: str = "VPN-US"):
        return await self.bus.call(ReadProduct(sku=sku))

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
    await world.pass_time(timedelta(seconds=6))
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
    await world.pass_time(timedelta(seconds=6))
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


async def test_an_edit_in_salesforce_asks_whmcs_only_about_what_it_concerns() -> None:
    world = World()
    world.source.listed = [VPN, vpn(sku="VPN-UK", product_id="01t000000000002AAA", whmcs_product_ids=("302",))]
    world.billing.known[302] = VPN_AT_BILLING.model_copy(update={"whmcs_product_id": 302})
    await world.begin()
    assert world.billing.asked == [[301, 302]]
    world.source.listed = [vpn(description="Another text."), world.source.listed[1]]
    await world.hint(PRICE_HINT)
    assert world.billing.asked == [[301, 302]]
    world.source.listed = [vpn(price=Decimal(2600)), world.source.listed[1]]
    await world.hint(PRICE_HINT)
    assert world.billing.asked == [[301, 302], [301]]
    assert (await world.product()).problem == "PRICE_MISMATCH"


async def test_every_price_is_asked_again_once_in_a_while() -> None:  # R092
    world = World()
    await world.begin()
    world.billing.known = {301: VPN_AT_BILLING.model_copy(update={"prices": {"monthly": 2600}})}
    await world.pass_time(CHECK)
    assert (await world.product()).problem == "PRICE_MISMATCH"


async def test_a_price_that_differs_is_asked_again_at_every_look_and_sold_once_both_agree() -> None:
    world = World()
    world.billing.known = {301: VPN_AT_BILLING.model_copy(update={"prices": {"monthly": 2600}})}
    await world.begin()
    assert not (await world.product()).orderable
    world.billing.known = {301: VPN_AT_BILLING}
    await world.hint(PRICE_HINT)
    assert (await world.product()).orderable


async def test_while_whmcs_is_away_a_verified_price_holds_for_its_time_and_no_longer() -> None:  # R092
    world = World()
    await world.begin()
    world.billing.fails_with = TryLater("WHMCS_UNAVAILABLE")
    await world.pass_time(HOLD)
    assert (await world.product()).orderable
    await world.pass_time(2 * CHECK)
    shown = await world.product()
    assert (shown.orderable, shown.problem, shown.price) == (False, "PRICE_NOT_VERIFIED", 2500)
    world.billing.fails_with = None
    await world.pass_time(CHECK)
    assert (await world.product()).orderable


async def test_a_product_that_whmcs_was_never_asked_about_is_not_sold_while_it_is_away() -> None:
    world = World()
    await world.begin()
    world.billing.fails_with = TryLater("WHMCS_UNAVAILABLE")
    new = vpn(sku="VPN-DE", product_id="01t000000000002AAA", whmcs_product_ids=("303",))
    world.source.listed = [VPN, new]
    await world.hint(PRICE_HINT)
    assert (await world.product()).orderable
    assert (await world.product("VPN-DE")).problem == "PRICE_NOT_VERIFIED"


async def test_who_is_away_is_asked_ever_more_seldom() -> None:  # no quota is spent on it
    world = World()
    await world.begin()
    before = world.source.reads
    world.source.fails_with = TryLater("SALESFORCE_UNAVAILABLE", retry_after=1)
    await world.hint(PRICE_HINT)
    for _ in range(120):
        await world.pass_time(timedelta(seconds=10))
    assert world.source.reads - before < 15


async def test_a_used_up_quota_is_left_alone_for_as_long_as_salesforce_says() -> None:
    world = World()
    await world.begin()
    world.source.fails_with = TryLater("SALESFORCE_UNAVAILABLE", retry_after=900)
    await world.hint(PRICE_HINT)
    before = world.source.reads
    await world.pass_time(timedelta(seconds=890))
    assert world.source.reads == before
    assert await world.price() == 2500


async def test_two_thousand_products_are_asked_about_a_page_at_a_time_and_answered_without_anybody() -> None:
    world = World()
    many = range(1, 2001)
    world.source.listed = [
        vpn(sku=f"VPN-{number}", product_id=f"01t{number:012d}AAA", whmcs_product_ids=(str(number),)) for number in many
    ]
    world.billing.known = {number: VPN_AT_BILLING.model_copy(update={"whmcs_product_id": number}) for number in many}
    await world.begin()
    assert {len(asked) for asked in world.billing.asked} == {ASKED_AT_ONCE}
    asked, reads = len(world.billing.asked), world.source.reads
    found = await world.bus.call(ListCatalog())
    assert sum(len(group.products) for group in found.groups) == 2000
    assert (len(world.billing.asked), world.source.reads) == (asked, reads)


async def test_what_billing_told_before_it_went_away_is_kept() -> None:
    world = World()
    await world.begin()
    many = range(1000, 1000 + 2 * ASKED_AT_ONCE)
    world.source.listed = [
        vpn(sku=f"VPN-{number}", product_id=f"01t{number:012d}AAA", whmcs_product_ids=(str(number),)) for number in many
    ]
    world.billing.known = {number: VPN_AT_BILLING.model_copy(update={"whmcs_product_id": number}) for number in many}
    world.billing.away_after(1)
    await world.hint(PRICE_HINT)
    assert (await world.product("VPN-1000")).orderable
    assert (await world.product(f"VPN-{many[-1]}")).problem == "PRICE_NOT_VERIFIED"


@pytest.mark.parametrize("dry_run", [True, False])
async def test_an_operator_has_everything_read_anew(dry_run) -> None:  # R092
    world = World()
    await world.begin()
    world.billing.known = {301: VPN_AT_BILLING.model_copy(update={"prices": {"monthly": 2600}})}
    command = ClearCatalog(request_id="clear-1-example", dry_run=dry_run, reason="prices were changed in WHMCS")
    outcome = await world.bus.call(command, actor=operator_actor("operator_devops"))
    assert (outcome.carried_out, len(outcome.changes)) == (not dry_run, 2)
    await world.engine.run_until_idle()
    assert (await world.product()).orderable is dry_run
    told = [event for event in world.database.events if isinstance(event, CatalogChanged)]
    assert len(told) == (0 if dry_run else 1)


async def test_what_is_not_meant_for_the_portal_is_nobodys_defect() -> None:
    world = World()
    strange = vpn(sku=None, product_id="01t000000000004AAA", category=None, visible=False)
    world.source.listed = [VPN, strange]
    await world.begin()
    assert await world.price() == 2500
    view = await world.engine.read(KIND, KEY)
    assert view is not None
    assert view.state["reported"] == []
