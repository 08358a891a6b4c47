"""Orders' wiring: the only place where its objects are built and joined."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.process import ProcessEngine
from portal_chassis.service import Service
from portal_orders import consumers, sweep_orders
from portal_orders.aftercare_process import AftercareProcess
from portal_orders.bus_ports import BusBilling, BusCustomers, BusProducts
from portal_orders.check_out import LookAtCheckout, OrderCart
from portal_orders.checkout_process import CheckoutProcess
from portal_orders.follow_orders import FollowOrders
from portal_orders.jobs import Follower
from portal_orders.ports import Billing, Checkouts, Customers, Hints, OrderBook, Products, SalesOrders, Transactions
from portal_orders.projection import PostgresOrderBook
from portal_orders.read_for_provisioning import ReadForProvisioning
from portal_orders.read_orders import FetchOlderOrders, ReadOrders
from portal_orders.record_outcome import WriteProgress
from portal_orders.salesforce import SalesforceOrders
from portal_orders.settings import OrdersSettings
from portal_orders.store import PostgresCheckouts, PostgresHints
from portal_orders.sweep_orders import SweepOrders, SweepState
from portal_orders.take_reading import SoldProducts, TakeReading
from portal_salesforce import Salesforce, SalesforceSettings


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything beyond the use cases, behind their ports."""

    transactions: Transactions
    book: OrderBook
    checkouts: Checkouts
    hints: Hints
    sales: SalesOrders
    customers: Customers
    products: Products
    billing: Billing


@dataclass(frozen=True, slots=True)
class Orders:
    """The use cases joined; tests join them on fakes."""

    use: consumers.UseCases
    follow: FollowOrders
    take_reading: TakeReading


async def wire(service: Service) -> None:
    """Join everything for one process."""
    settings = OrdersSettings()
    salesforce = Salesforce(SalesforceSettings())
    service.on_stop(salesforce.close)
    database = service.database
    outside = Outside(
        transactions=database.transaction,
        book=PostgresOrderBook(database),
        checkouts=PostgresCheckouts(database),
        hints=PostgresHints(database),
        sales=SalesforceOrders(salesforce, internet_commodity=settings.internet_commodity),
        customers=BusCustomers(service.bus),
        products=BusProducts(service.bus),
        billing=BusBilling(service.bus),
    )
    orders = join(outside, service.processes, service.clock, service.machine, settings)
    follower = Follower(orders.follow)
    desk = consumers.EventDesk(
        hints=outside.hints,
        book=outside.book,
        sales=outside.sales,
        take_reading=orders.take_reading,
        processes=service.processes,
        clock=service.clock,
        early=timedelta(seconds=settings.early_event_seconds),
        hinted=follower.nudge,
    )
    consumers.register(service.bus, orders.use, desk)
    async with database.transaction() as transaction:
        await service.processes.start(transaction, sweep_orders.KIND, sweep_orders.KEY, SweepState())
    service.background("follower of orders", follower.run)


def join(
    outside: Outside, processes: ProcessEngine, clock: BusinessClock, machine: MachineClock, settings: OrdersSettings
) -> Orders:
    """Register the processes and build the use cases on whatever stands behind the ports."""
    transactions, book, sales = outside.transactions, outside.book, outside.sales
    take_reading = TakeReading(book, outside.checkouts, processes, clock)
    products = SoldProducts(outside.products)
    checkout = CheckoutProcess(outside.billing, sales, book, outside.checkouts, clock, settings.internet_group_names)
    sweep = SweepOrders(
        transactions,
        outside.hints,
        book,
        sales,
        clock,
        pause=timedelta(seconds=settings.sweep_seconds),
        again=timedelta(seconds=settings.sweep_again_seconds),
    )
    processes.register(checkout.definition())
    processes.register(AftercareProcess(sales, clock).definition())
    processes.register(sweep.definition())
    fetch_older = FetchOlderOrders(transactions, book, sales, products, take_reading, machine)
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
            seconds=settings.checkout_seconds,
            new_id=lambda: uuid4().hex,
        ),
        look_at_checkout=LookAtCheckout(outside.checkouts, processes),
        read_orders=ReadOrders(book, fetch_older, clock, settings.stuck_after),
        read_for_provisioning=ReadForProvisioning(sales, outside.products, outside.customers, book, clock),
        write_progress=WriteProgress(sales, products, take_reading, transactions, clock),
    )
    follow = FollowOrders(
        transactions, outside.hints, book, outside.checkouts, sales, outside.customers, products, take_reading, clock
    )
    return Orders(use, follow, take_reading)
