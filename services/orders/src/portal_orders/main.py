"""Orders' wiring: the only place where its objects are built and joined."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from portal_chassis.bus import Bus
from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.postgres import Database, Transaction
from portal_chassis.process import ProcessEngine
from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_orders import (
    comparison_process,
    consumers,
    customer_consumers,
    eligibility_consumers,
    forgetting_consumers,
    sweep_orders,
)
from portal_orders.aftercare_process import AftercareProcess
from portal_orders.ask_again import CustomersSignal, GiveNewReservation, Recheck
from portal_orders.bus_ports import BusBilledClients, BusBilling, BusCustomers, BusLinks, BusProducts
from portal_orders.bus_staff import BusShelf, BusStaffCases, BusVerifications
from portal_orders.cancellation_wiring import wire_services
from portal_orders.check_eligibility import AskForCheck, DoubtResult, KnownEligibility, ShowEligibility
from portal_orders.check_out import CartTerms, LookAtCheckout, OrderCart
from portal_orders.checkout_process import CheckoutProcess
from portal_orders.comparison_ports import BilledClients, ClientLinks, Differences, SalesRecords
from portal_orders.comparison_process import ComparisonProcess, ComparisonState, LookAtClients
from portal_orders.comparison_store import PostgresDifferences
from portal_orders.customer_consumers import CustomerUse
from portal_orders.eligibility_consumers import EligibilityUse
from portal_orders.eligibility_ports import AccountEligibility
from portal_orders.eligibility_process import EligibilityCheck, EligibilityLook
from portal_orders.eligibility_store import PostgresEligibility
from portal_orders.follow_orders import FollowOrders
from portal_orders.jobs import Follower
from portal_orders.keep_cart import Carts
from portal_orders.kept_cart_store import PostgresKeptCarts
from portal_orders.order import KeptOrder
from portal_orders.own_orders import FetchOlderOrders, OwnOrder
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
from portal_orders.read_internet_standing import ReadInternetStanding
from portal_orders.read_orders import ReadOrders
from portal_orders.read_portings import ReadPortings
from portal_orders.rebuild_orders import Rebuild
from portal_orders.record_outcome import WriteProgress
from portal_orders.repair_difference import Desk, Drifts, RepairProcess
from portal_orders.review_process import GatherFacts, ReviewProcess
from portal_orders.review_state import REVIEW, ReviewState
from portal_orders.salesforce import SalesforceOrders
from portal_orders.salesforce_comparison import SalesforceRecords
from portal_orders.salesforce_eligibility import SalesforceEligibility
from portal_orders.salesforce_setup import NEEDS
from portal_orders.settings import OrdersSettings
from portal_orders.staff_side import StaffSide
from portal_orders.stay_active import StayActive
from portal_orders.store import PostgresCheckouts, PostgresCommandLog, PostgresHints, PostgresSignedCalls
from portal_orders.store_retention import forget_what_is_old
from portal_orders.sweep_orders import SweepOrders, SweepState
from portal_orders.take_eligibility import TakeEligibility
from portal_orders.take_reading import SoldProducts, TakeReading
from portal_orders.take_signed_call import TakeSignedCall
from portal_orders.tell_staff import TellStaff
from portal_orders.upkeep import Upkeep
from portal_orders.withdraw_order import Withdraw, WithdrawalProcess
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
    accounts: AccountEligibility
    records: SalesRecords
    clients: BilledClients
    links: ClientLinks
    differences: Differences
    desk: Desk
    staff: StaffSide | None = None
    """None leaves eligibility, reviews, withdrawals and kept carts out, for those who look at provisioning alone."""


@dataclass(frozen=True, slots=True)
class ForCustomers:
    """The use cases of eligibility, withdrawals and kept carts."""

    eligibility: EligibilityUse
    customers: CustomerUse


@dataclass(frozen=True, slots=True)
class Orders:
    """The use cases joined; tests join them on fakes."""

    use: consumers.UseCases
    follow: FollowOrders
    take_reading: TakeReading
    upkeep: Upkeep
    for_customers: ForCustomers | None = None


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
    consumers.register(service.bus, orders.use, desk, service.machine)
    register_for_customers(service.bus, orders, outside, service.processes)
    forgetting_consumers.register(service, orders.use.read_orders.fetch_older)
    wire_services(
        service,
        salesforce,
        orders.take_reading,
        outside.book,
        outside.products,
        outside.accounts,
        settings.group_categories,
    )
    serve_setup(service, org_look(salesforce, NEEDS))
    await _start_endless(service.database, service.processes)
    service.background("follower of orders", follower.run)
    service.background("upkeep of orders", orders.upkeep.run)
    forget_what_is_old(service.pruning, service.clock, service.settings)


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
        accounts=SalesforceEligibility(salesforce, internet_commodity=settings.internet_commodity),
        records=SalesforceRecords(salesforce),
        clients=BusBilledClients(bus),
        links=BusLinks(bus),
        differences=PostgresDifferences(database),
        desk=service.operator_desk,
        staff=StaffSide(
            eligibility=PostgresEligibility(database),
            shelf=BusShelf(bus),
            cases=BusStaffCases(bus),
            verifications=BusVerifications(bus),
            carts=PostgresKeptCarts(database),
        ),
    )


def register_for_customers(bus: Bus, orders: Orders, outside: Outside, processes: ProcessEngine) -> None:
    """Answer and take what customers do beside checking out, where it is joined."""
    if orders.for_customers is not None and outside.staff is not None:
        eligibility_consumers.register(bus, orders.for_customers.eligibility, outside.accounts, processes)
        customer_consumers.register(bus, orders.for_customers.customers, orders.use.read_orders)


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
    take_reading = TakeReading(book, outside.checkouts, processes, clock, reviews=outside.staff is not None)
    products = SoldProducts(outside.products)
    fetch_older = FetchOlderOrders(transactions, book, sales, products, take_reading, machine)
    own = OwnOrder(book, fetch_older)
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
            outside.accounts,
            processes,
            clock,
            terms,
            new_id=lambda: uuid4().hex,
        ),
        look_at_checkout=LookAtCheckout(outside.checkouts, processes),
        read_orders=ReadOrders(book, fetch_older, own, clock, settings.stuck_after),
        read_for_provisioning=ReadForProvisioning(
            sales,
            outside.products,
            outside.customers,
            book,
            outside.staff.verifications if outside.staff and settings.verification_required else None,
        ),
        write_progress=WriteProgress(sales, products, take_reading, transactions, clock),
        take_signed_call=TakeSignedCall(
            transactions, outside.signed_calls, hints, book, clock, early=settings.early, hinted=hinted
        ),
        recheck=Recheck(transactions, outside.commands, own, signal),
        give_new_reservation=GiveNewReservation(
            transactions,
            outside.commands,
            own,
            book,
            sales,
            products,
            take_reading,
            signal,
            settings.porting_terms,
            clock,
        ),
        rebuild=Rebuild(sales, book, hints, outside.desk, clock, hinted),
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
    carts = outside.staff.carts if outside.staff else None
    upkeep = Upkeep(
        transactions, outside.signed_calls, book, outside.differences, processes, clock, settings.calendar, carts
    )
    for_customers = _join_for_customers(
        outside, outside.staff, processes, clock, settings, take_reading=take_reading, products=products, own=own
    )
    return Orders(use, follow, take_reading, upkeep, for_customers)


def _join_for_customers(
    outside: Outside,
    staff: StaffSide | None,
    processes: ProcessEngine,
    clock: BusinessClock,
    settings: OrdersSettings,
    *,
    take_reading: TakeReading,
    products: SoldProducts,
    own: OwnOrder,
) -> ForCustomers | None:
    """Join eligibility, reviews, withdrawals and kept carts, with their processes."""
    if staff is None:
        return None
    transactions, commands, book, billing = outside.transactions, outside.commands, outside.book, outside.billing
    take = TakeEligibility(staff.eligibility, processes, clock)
    known = KnownEligibility(transactions, staff.eligibility, outside.accounts, take, clock)
    show = ShowEligibility(known, staff.shelf)
    gather = GatherFacts(
        outside.customers, products, billing, staff.verifications, outside.accounts, staff.eligibility, book
    )
    review = ReviewProcess(outside.sales, gather, book, processes, clock, settings.review_terms)
    processes.register(TellStaff(staff.cases).definition())
    check = EligibilityCheck(outside.accounts, staff.cases, staff.eligibility, take, processes, clock)
    processes.register(check.definition())
    processes.register(EligibilityLook(outside.accounts, staff.eligibility, take, outside.customers).definition())
    processes.register(review.definition())
    ask = AskForCheck(
        transactions,
        commands,
        staff.eligibility,
        known,
        show,
        billing,
        processes,
        clock,
        settings.check_terms,
        new_id=lambda: uuid4().hex,
    )
    doubt = DoubtResult(transactions, commands, staff.eligibility, known, show, processes)
    withdrawal = WithdrawalProcess(outside.sales, book, products, take_reading, processes, clock)
    processes.register(withdrawal.definition())
    withdraw = Withdraw(transactions, commands, own, book, processes)
    carts = Carts(transactions, staff.carts, clock)
    standing = ReadInternetStanding(known, billing, book, settings.internet_group_names)
    portings = ReadPortings(outside.sales, book)
    return ForCustomers(EligibilityUse(show, ask, doubt), CustomerUse(withdraw, carts, standing, portings))


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
    staff = outside.staff

    async def placed(transaction: Transaction, order: KeptOrder) -> None:
        if staff is not None:
            state = ReviewState(order_id=order.order_id, account_id=order.account_id)
            await processes.start(transaction, REVIEW, order.order_id, state)
            await staff.carts.spend(transaction, order.account_id)

    checkout = CheckoutProcess(outside.billing, sales, book, outside.checkouts, clock, groups, placed)
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
