"""Bus in: answers come from the shelf, hints wake the refresh."""

from portal_catalog.clear_catalog import ClearEverything
from portal_catalog.ports import Standings
from portal_catalog.read_personal_catalog import ReadPersonalCatalog
from portal_catalog.refresh_process import KEY, KIND
from portal_catalog.shelf import Shelf
from portal_chassis.bus import Bus, Call, Delivery, Encoded
from portal_chassis.process import ProcessEngine
from portal_contracts import catalog
from portal_contracts.catalog_personal import ListPersonalCatalog
from portal_contracts.catalog_upkeep import ClearCatalog
from portal_contracts.changefeed import AccountChanged, EventsMissed, PriceChanged, ProductChanged
from portal_contracts.customer_news import EligibilityChanged
from portal_contracts.operators import OperatorOutcome
from portal_contracts.orders import OrderPlaced


def register(bus: Bus, shelf: Shelf, processes: ProcessEngine, standings: Standings, clear: ClearEverything) -> None:
    """Answer and take everything the topology lists for catalog."""
    _register_answers(bus, shelf)
    _register_hints(bus, shelf, processes)
    _register_customers(bus, ReadPersonalCatalog(shelf, standings), standings)

    @bus.answers(ClearCatalog)
    async def clear_catalog(command: ClearCatalog, call: Call) -> OperatorOutcome:
        return await clear(command, call)


def _register_customers(bus: Bus, read: ReadPersonalCatalog, standings: Standings) -> None:
    @bus.answers(ListPersonalCatalog)
    async def list_personal(_: ListPersonalCatalog, call: Call) -> Encoded[catalog.Catalog]:
        caller = call.customer()
        return Encoded(await read(caller.account_id, caller.whmcs_client_id))

    @bus.watches(AccountChanged)
    async def on_account_changed(event: AccountChanged) -> None:  # R239
        await standings.forget(event.record_id)

    @bus.watches(EligibilityChanged)
    async def on_eligibility_changed(event: EligibilityChanged) -> None:
        await standings.forget(event.account_id)

    @bus.watches(OrderPlaced)
    async def on_order_placed(event: OrderPlaced) -> None:
        await standings.forget(event.account_id)


def _register_answers(bus: Bus, shelf: Shelf) -> None:

    @bus.answers(catalog.ListCatalog)
    async def list_catalog(_: catalog.ListCatalog, __: Call) -> Encoded[catalog.Catalog]:
        return Encoded(shelf.current.catalog)

    @bus.answers(catalog.ReadProduct)
    async def read_product(query: catalog.ReadProduct, _: Call) -> Encoded[catalog.Product]:
        return Encoded(shelf.page(query.sku))

    @bus.answers(catalog.FindProducts)
    async def find_products(query: catalog.FindProducts, _: Call) -> catalog.SoldProducts:
        return catalog.SoldProducts(products=shelf.current.find(query.skus, query.product_ids))


def _register_hints(bus: Bus, shelf: Shelf, processes: ProcessEngine) -> None:
    async def wake(delivery: Delivery) -> None:
        await processes.wake(delivery.transaction, KIND, KEY)

    @bus.consumes(ProductChanged)
    async def on_product_changed(_: ProductChanged, delivery: Delivery) -> None:
        await wake(delivery)

    @bus.consumes(PriceChanged)
    async def on_price_changed(_: PriceChanged, delivery: Delivery) -> None:
        await wake(delivery)

    @bus.consumes(EventsMissed)
    async def on_events_missed(_: EventsMissed, delivery: Delivery) -> None:
        await wake(delivery)

    @bus.watches(catalog.CatalogChanged)
    async def on_catalog_changed(event: catalog.CatalogChanged) -> None:
        await shelf.reload(event.version)

    bus.on_reconnect(shelf.reload)
