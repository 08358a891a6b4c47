"""Bus in for deletions: what stands in the way of one, and forgetting its customer (D17)."""

from portal_chassis.bus import Bus, Call
from portal_chassis.forgetting import serve
from portal_chassis.service import Service
from portal_contracts.forgetting import FindOpenBusiness, OpenBusiness, OrdersForgotten
from portal_orders.own_orders import FetchOlderOrders
from portal_orders.store_forgetting import PostgresMemory


def register(service: Service, fetch_older: FetchOlderOrders) -> None:
    """Answer identity, and take the announcement that a customer was deleted."""
    memory = PostgresMemory(service.database)
    answer(service.bus, memory, fetch_older)
    serve(service.bus, service.processes, service.clock, memory, OrdersForgotten)


def answer(bus: Bus, memory: PostgresMemory, fetch_older: FetchOlderOrders) -> None:
    """Tell what is under way, orders from before the portal included."""

    @bus.answers(FindOpenBusiness)
    async def find_open_business(query: FindOpenBusiness, _: Call) -> OpenBusiness:
        await fetch_older(query.account_id)
        return await memory.open_business(query.account_id)
