"""Orders' wiring: the only place where its objects are built and joined."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.postgres import Database
from portal_chassis.process import ProcessEngine
from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_orders import comparison_process, consumers, sweep_orders
from portal_orders.aftercare_process import AftercareProcess
from portal_orders.ask_again import CustomersSignal, GiveNewReservation, Recheck
from portal_orders.bus_ports import BusBilledClients, BusBilling, BusCustomers, BusLinks, BusProducts
from portal_orders.check_out import CartTerms, LookAtCheckout, OrderCart
from portal_orders.checkout_process import CheckoutProcess
from portal_orders.comparison_ports import BilledClients, ClientLinks, Differences, SalesRecords
from portal_orders.comparison_process import ComparisonProcess, ComparisonState, LookAtClients
from portal_orders.comparison_store import PostgresDifferences
from portal_orders.follow_orders import FollowOrders
from portal_orders.jobs import Follower
from portal_orders.pass_signals import PassSignals
from portal_orders.ports import (
    Billing,
    Checkouts,
    CommandLog,
    Customers,
    Hints,
    OrderBook,
    Products,
    SalesOrders,
    SignedCalls,
    Transactions,
)
from portal_orders.projection import PostgresOrderBook
from portal_orders.read_for_provisioning import ReadForProvisioning
from portal_orders.read_orders import FetchOlderOrders, ReadOrders
from portal_orders.record_outcome import WriteProgress
from portal_orders.repair_difference import Desk, Drifts, RepairProcess
from portal_orders.salesforce import SalesforceOrders
from portal_orders.salesforce_comparison import SalesforceRecords
from portal_orders.salesforce_setup import NEEDS
from portal_orders.settings import OrdersSettings
from portal_orders.stay_active import StayActive
from portal_orders.store import PostgresCheckouts, PostgresCommandLog, PostgresHints, PostgresSignedCalls
from portal_orders.sweep_orders import SweepOrders, SweepState
from portal_orders.take_reading import SoldProducts, TakeReading
from portal_orders.take_signed_call import TakeSignedCall
from portal_orders.upkeep import Upkeep
from portal_salesforce import Salesforce, SalesforceSettings
from portal_salesforce.setup_checks import org_look


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything beyond the use cases, behind their ports."""

    transactions: Transactions
    book: OrderBook
    checkouts: Checkouts
    hints: Hints
    signed_calls: SignedCalls
    commands: CommandLog
    sales: SalesOrders
    customers: Customers
    products: Products
    billing: Billing
    records: SalesRecords
    clients: BilledClients
    links: ClientLinks
    differences: Differences
    desk: Desk


@dataclass(frozen=True, slots=True)
class Orders:
    """The use cases joined; tests join them on fakes."""

    use: consumers.UseCases
    follow: FollowOrders
    take_reading: TakeReading
    upkeep: Upkeep


async def wire(service: Service) -> None:
    """Join everything for one process."""
    settings = OrdersSettings()
    salesforce = Salesforce(SalesforceSettings())
    service.on_stop(salesforce.close)
    outside = _outside(service, salesforce, settings)
    hinted = asyncio.Event()
    orders = join(outside, service.processes, service.clock, service.machine, settings, hinted=hinted.set)
    follower = Follower(orders.follow, hinted)
    desk = consumers.EventDesk(
        hints=outside.hints,
        book=outside.book,
        sales=outside.sales,
        take_reading=orders.take_reading,
        processes=service.processes,
        clock=service.clock,
        early=settings.early,
        hinted=follower.nudge,
    )
    consumers.register(service.bus, orders.use, desk)
    serve_setup(service, org_look(salesforce, NEEDS))
    await _start_endless(service.database, service.processes)
    service.background("follower of orders", follower.run)
    service.background("upkeep of orders", orders.upkeep.run)


def _outside(service: Service, salesforce: Salesforce, settings: OrdersSettings) -> Outside:
    database, bus = service.database, service.bus
    return Outside(
        transactions=database.transaction,
        book=PostgresOrderBook(database),
        checkouts=PostgresCheckouts(database),
        hints=PostgresHints(database),
        signed_calls=PostgresSignedCalls(),
        commands=PostgresCommandLog(),
        sales=SalesforceOrders(salesforce, internet_commodity=settings.internet_commodity),
        customers=BusCustomers(bus),
        products=BusProducts(bus),
        billing=BusBilling(bus),
        records=SalesforceRecords(salesforce),
        clients=BusBilledClients(bus),
        links=BusLinks(bus),
        differences=PostgresDifferences(database),
        desk=service.operator_desk,
    )


async def _start_endless(database: Database, processes: ProcessEngine) -> None:
    """Start the processes that never end; one that a refusal ended is started again."""
    endless = (
        (sweep_orders.KIND, sweep_orders.KEY, SweepState(), sweep_orders.STEP),
        (comparison_process.KIND, comparison_process.KEY, ComparisonState(), comparison_process.AT_REST),
    )
    for kind, key, state, step in endless:
        async with database.transaction() as transaction:
            if not await processes.start(transaction, kind, key, state):
                await processes.reopen(transaction, kind, key, state, step)


def join(
    outside: Outside,
    processes: ProcessEngine,
    clock: BusinessClock,
    machine: MachineClock,
    settings: OrdersSettings,
    *,
    hinted: Callable[[], None] = lambda: None,
) -> Orders:
    """Register the processes and build the use cases on whatever stands behind the ports.

    `hinted` is called after a hint was committed.
    """
    transactions, book, hints, sales = outside.transactions, outside.book, outside.hints, outside.sales
    take_reading = TakeReading(book, outside.checkouts, processes, clock)
    products = SoldProducts(outside.products)
    fetch_older = FetchOlderOrders(transactions, book, sales, products, take_reading, machine)
    look = LookAtClients(outside.links, outside.records, products, book, clock)
    _register_processes(outside, processes, clock, settings, look=look, take_reading=take_reading, products=products)
    signal = CustomersSignal(hints, clock, hinted)
    terms = CartTerms(settings.checkout_seconds, settings.schedule_days, settings.porting_terms)
    use = consumers.UseCases(
        order_cart=OrderCart(
            transactions,
            outside.checkouts,
            book,
            outside.products,
            outside.billing,
            sales,
            processes,
            clock,
            terms,
            new_id=lambda: uuid4().hex,
        ),
        look_at_checkout=LookAtCheckout(outside.checkouts, processes),
        read_orders=ReadOrders(book, fetch_older, clock, settings.stuck_after),
        read_for_provisioning=ReadForProvisioning(sales, outside.products, outside.customers, book),
        write_progress=WriteProgress(sales, products, take_reading, transactions, clock),
        take_signed_call=TakeSignedCall(
            transactions, outside.signed_calls, hints, book, clock, early=settings.early, hinted=hinted
        ),
        recheck=Recheck(transactions, outside.commands, book, signal),
        give_new_reservation=GiveNewReservation(
            transactions, outside.commands, book, sales, products, take_reading, signal, settings.porting_terms, clock
        ),
        drifts=Drifts(outside.differences, outside.clients, look, hints, processes, outside.desk, clock, hinted),
    )
    pass_signals = PassSignals(hints, book, take_reading, clock)
    follow = FollowOrders(
        transactions,
        hints,
        book,
        outside.checkouts,
        sales,
        outside.customers,
        products,
        take_reading,
        pass_signals,
        StayActive(book, sales, take_reading, clock),
        clock,
    )
    upkeep = Upkeep(transactions, outside.signed_calls, book, outside.differences, processes, clock)
    return Orders(use, follow, take_reading, upkeep)


def _register_processes(
    outside: Outside,
    processes: ProcessEngine,
    clock: BusinessClock,
    settings: OrdersSettings,
    *,
    look: LookAtClients,
    take_reading: TakeReading,
    products: SoldProducts,
) -> None:
    sales, book, differences = outside.sales, outside.book, outside.differences
    groups = settings.internet_group_names
    checkout = CheckoutProcess(outside.billing, sales, book, outside.checkouts, clock, groups)
    sweep = SweepOrders(
        outside.transactions,
        outside.hints,
        book,
        sales,
        clock,
        pause=timedelta(seconds=settings.sweep_seconds),
        again=timedelta(seconds=settings.sweep_again_seconds),
        silent=timedelta(seconds=settings.sweep_silent_seconds),
    )
    compare = ComparisonProcess(
        outside.clients,
        outside.records,
        look,
        differences,
        clock,
        hour=settings.comparison_hour,
        pause=timedelta(seconds=settings.comparison_pause_seconds),
        clients_a_page=settings.comparison_clients,
    )
    processes.register(checkout.definition())
    processes.register(AftercareProcess(sales).definition())
    processes.register(sweep.definition())
    processes.register(compare.definition())
    processes.register(RepairProcess(sales, products, take_reading, differences, clock).definition())
