"""Bus in: answers come from the shelf, hints wake the refresh."""

from portal_catalog.refresh_process import KEY, KIND
from portal_catalog.shelf import Shelf
from portal_chassis.bus import Bus, Call, Delivery, Encoded
from portal_chassis.process import ProcessEngine
from portal_contracts import catalog
from portal_contracts.changefeed import EventsMissed, PriceChanged, ProductChanged


def register(bus: Bus, shelf: Shelf, processes: ProcessEngine) -> None:
    """Answer and take everything the topology lists for catalog."""

    @bus.answers(catalog.ListCatalog)
    async def list_catalog(_: catalog.ListCatalog, __: Call) -> Encoded[catalog.Catalog]:
        return Encoded(shelf.current.catalog)

    @bus.answers(catalog.ReadProduct)
    async def read_product(query: catalog.ReadProduct, _: Call) -> Encoded[catalog.Product]:
        return Encoded(shelf.page(query.sku))

    @bus.answers(catalog.FindProducts)
    async def find_products(query: catalog.FindProducts, _: Call) -> catalog.SoldProducts:
        return catalog.SoldProducts(products=shelf.current.find(query.skus, query.product_ids))

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
