"""The life of a service, joined: beside `main`, because it stands on ports of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from portal_chassis.clocks import BusinessClock
from portal_chassis.process import ProcessEngine
from portal_chassis.service import Service
from portal_contracts.catalog import Category
from portal_orders.cancel_service import CancelService, FindService
from portal_orders.cancellation_bus import BusRequestCases, BusServiceBilling, BusServiceLines
from portal_orders.cancellation_consumers import ServiceUse, register
from portal_orders.cancellation_ports import Cancellations, Contracts, RequestCases, ServiceBilling, ServiceLines
from portal_orders.cancellation_process import CancellationProcess
from portal_orders.cancellation_salesforce import SalesforceContracts
from portal_orders.cancellation_settings import CancellationSettings
from portal_orders.cancellation_store import PostgresCancellations
from portal_orders.eligibility_ports import AccountEligibility
from portal_orders.plan_change import PlanChange
from portal_orders.ports import CommandLog, OrderBook, Products, Transactions
from portal_orders.store import PostgresCommandLog
from portal_orders.take_reading import TakeReading
from portal_salesforce import Salesforce


@dataclass(frozen=True, slots=True)
class ServiceSide:
    """What stands behind the ports; tests put fakes here."""

    contracts: Contracts
    cancellations: Cancellations
    billing: ServiceBilling
    lines: ServiceLines
    cases: RequestCases
    transactions: Transactions
    book: OrderBook
    products: Products
    accounts: AccountEligibility
    commands: CommandLog
    groups: Mapping[str, Category]


def wire_services(  # noqa: PLR0917 - what `main` has built already
    service: Service,
    salesforce: Salesforce,
    take_reading: TakeReading,
    book: OrderBook,
    products: Products,
    accounts: AccountEligibility,
    groups: Mapping[str, Category],
) -> None:
    """Join it for one process."""
    database = service.database
    side = ServiceSide(
        contracts=SalesforceContracts(salesforce),
        cancellations=PostgresCancellations(database),
        billing=BusServiceBilling(service.bus),
        lines=BusServiceLines(service.bus),
        cases=BusRequestCases(service.bus),
        transactions=database.transaction,
        book=book,
        products=products,
        accounts=accounts,
        commands=PostgresCommandLog(),
        groups=groups,
    )
    register(service.bus, join_services(side, service.processes, take_reading, service.clock, CancellationSettings()))


def join_services(
    side: ServiceSide,
    processes: ProcessEngine,
    take_reading: TakeReading,
    clock: BusinessClock,
    settings: CancellationSettings,
) -> ServiceUse:
    """Register the process and build the use cases."""
    process = CancellationProcess(
        side.contracts, side.cancellations, side.billing, side.lines, side.cases, take_reading, processes, settings
    )
    processes.register(process.definition())
    find = FindService(side.billing, side.contracts, side.book, side.groups)
    cancel = CancelService(
        side.transactions,
        find,
        side.cancellations,
        processes,
        take_reading,
        clock,
        settings,
        new_id=lambda: uuid4().hex,
    )
    wishes = (side.cases, side.commands, side.transactions)
    return ServiceUse(cancel, PlanChange(find, side.products, side.accounts, side.lines, *wishes), take_reading)
