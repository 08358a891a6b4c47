from datetime import timedelta

from portal_catalog.bus_billing import BusBilling
from portal_catalog.bus_orders import BusStandings
from portal_catalog.check_setup import LaunchChain, catalog_look
from portal_catalog.clear_catalog import ClearEverything
from portal_catalog.consumers import register
from portal_catalog.price_guard import PriceGuard
from portal_catalog.refresh_process import KEY, KIND, CatalogRefresh, RefreshState
from portal_catalog.salesforce import SalesforceProducts
from portal_catalog.settings import CatalogSettings
from portal_catalog.shelf import Shelf
from portal_catalog.store import PostgresSnapshots
from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_salesforce.client import Salesforce
from portal_salesforce.settings import SalesforceSettings


async def wire(service: Service) -> None:
    """Join catalog's parts."""
    settings = CatalogSettings()
    guard = PriceGuard(timedelta(seconds=settings.check_seconds), timedelta(hours=settings.price_hold_hours))
    salesforce = Salesforce(SalesforceSettings())
    service.on_stop(salesforce.close)
    store = PostgresSnapshots(service.database)
    shelf = Shelf(store)
    await shelf.reload()
    service.health.add("catalog", shelf.filled)
    products, billing = SalesforceProducts(salesforce), BusBilling(service.bus)
    refresh = CatalogRefresh(products, billing, store, shelf, guard)
    service.processes.register(refresh.definition())
    standings = BusStandings(service.bus, service.cache)
    clear = ClearEverything(service.operator_desk, shelf, service.processes)
    register(service.bus, shelf, service.processes, standings, clear)
    serve_setup(service, catalog_look(salesforce), product=LaunchChain(products, billing, shelf))
    async with service.database.transaction() as transaction:
        if not await service.processes.start(transaction, KIND, KEY, RefreshState()):
            await service.processes.wake(transaction, KIND, KEY)
