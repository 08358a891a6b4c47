"""Billing's wiring: the only place where its objects are built and joined."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from pydantic import ValidationError

from portal_billing import consumers
from portal_billing.accept_order import Accept
from portal_billing.cached_reads import CachedReads
from portal_billing.cancel_order import CancelOrders
from portal_billing.cancel_whmcs_order import GiveOrderUp
from portal_billing.change_client import ChangeClient
from portal_billing.change_client_address import ChangeAddress
from portal_billing.change_client_email import ChangeEmail
from portal_billing.change_own_address import ChangeCustomersAddress
from portal_billing.change_own_profile import ChangeCustomersProfile
from portal_billing.charge_extra import Charge
from portal_billing.charge_process import ChargeProcess
from portal_billing.check_setup import CheckSetup
from portal_billing.client_process import ClientProcess
from portal_billing.compare_clients import CompareClients
from portal_billing.end_service import EndRunningService, QuoteAnotherPlan
from portal_billing.ensure_client import Ensure
from portal_billing.link_whmcs_order import LinkOrder
from portal_billing.mint_sso_link import MintLink
from portal_billing.operated_order import Operations
from portal_billing.order_process import OrderProcess
from portal_billing.order_steps import OrderTools
from portal_billing.ports import (
    BilledClients,
    BillingReads,
    Clients,
    ClientTurns,
    CommandLog,
    Logins,
    OrderBook,
    OrderJournal,
    Orders,
    Products,
    SignOn,
    SignOnLog,
)
from portal_billing.read_invoices import ReadInvoices
from portal_billing.read_products import ReadProducts
from portal_billing.read_subscriptions import ReadSubscriptions
from portal_billing.read_whmcs_order import ReadOrder
from portal_billing.release_order import Release
from portal_billing.reserve_order import Reserve
from portal_billing.retry_whmcs_order import RetryOrder
from portal_billing.service_consumers import ServiceCases, register_services
from portal_billing.service_ports import Extras, RunningServices
from portal_billing.settings import BillingSettings, WhmcsSettings
from portal_billing.store import PostgresClientTurns, PostgresCommandLog, PostgresOrderBook, PostgresOrderJournal
from portal_billing.store_forgetting import PostgresMemory
from portal_billing.store_retention import forget_what_is_old
from portal_billing.store_sign_ons import PostgresSignOnLog
from portal_billing.sweep_order import SweepOrder
from portal_billing.take_hook import TakeHook
from portal_billing.waiting_orders import WaitingOrders
from portal_billing.whmcs_api import UNAVAILABLE, WhmcsApi, WhmcsConnection, connect
from portal_billing.whmcs_billed_clients import WhmcsBilledClients
from portal_billing.whmcs_clients import WhmcsClients
from portal_billing.whmcs_fields import load_fields
from portal_billing.whmcs_logins import WhmcsLogins
from portal_billing.whmcs_orders import WhmcsOrders
from portal_billing.whmcs_products import WhmcsProducts
from portal_billing.whmcs_reads import WhmcsReads
from portal_billing.whmcs_running_services import WhmcsExtras, WhmcsRunningServices
from portal_billing.whmcs_sign_on import WhmcsSignOn
from portal_billing.work_on_order import Transactions, WorkOnOrder
from portal_chassis.cache import Cache, Patience
from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.forgetting import serve as forget_customers
from portal_chassis.operator_actions import OperatorDesk
from portal_chassis.outbound import Outbound
from portal_chassis.process import ProcessEngine
from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_contracts.forgetting import BillingForgotten

VENDOR = "whmcs"
WAITING = 64
WAITING_FOR_LINES = 256
"""Calls that wait for their turn; an answer from invoices has three of them waiting at a time."""


@dataclass(frozen=True, slots=True)
class Whmcs:
    """WHMCS behind billing's ports, once for each purpose where they differ.

    `reads` and `own_clients` are for customers who wait, `live` and `clients` for services, `upkeep` for what may wait.
    `lines` reads the invoices of which one answer to a customer is made. `keeps_up` and `keeps_up_with_lines` tell
    whether WHMCS answers calls of `reads`, and of both, within so many seconds.
    """

    settings: WhmcsSettings
    reads: BillingReads
    lines: BillingReads
    live: BillingReads
    upkeep: BillingReads
    products: Products
    sign_on: SignOn
    clients: Clients
    own_clients: Clients
    orders: Orders
    billed: BilledClients
    keeps_up: Callable[[float], bool]
    keeps_up_with_lines: Callable[[float], bool]

    def patience(self, *, with_lines: bool = False) -> Patience:
        """Give what a customer waits for WHMCS."""
        keeps_up = self.keeps_up_with_lines if with_lines else self.keeps_up
        return Patience(self.settings.patience_seconds, UNAVAILABLE, self.settings.crowd_seconds, keeps_up)

    def copies(self, cache: Cache) -> CachedReads:
        """Build what customers look at, through the cache."""
        return CachedReads(
            self.reads,
            cache,
            stale_for=timedelta(seconds=self.settings.stale_seconds),
            patience=self.patience(),
            lines=self.lines,
            patience_with_lines=self.patience(with_lines=True),
        )


@dataclass(frozen=True, slots=True)
class Store:
    """What billing keeps: its database behind the ports, and copies of what WHMCS has."""

    transaction: Transactions
    book: OrderBook
    turns: ClientTurns
    commands: CommandLog
    sign_ons: SignOnLog
    cache: Cache


@dataclass(frozen=True, slots=True)
class Clocks:
    """Business time, which the sandbox may move, and machine time."""

    business: BusinessClock
    machine: MachineClock


async def wire(service: Service) -> None:
    """Join everything for one process."""
    whmcs_settings, settings = _settings()
    connection = connect(whmcs_settings, service.machine)
    service.on_stop(connection.close)
    database = service.database
    store = Store(
        database.transaction,
        PostgresOrderBook(database),
        PostgresClientTurns(database),
        PostgresCommandLog(database),
        PostgresSignOnLog(database),
        service.cache,
    )
    whmcs = on_whmcs(connection, service.clock.today)
    clocks = Clocks(service.clock, service.machine)
    use = use_cases(whmcs, store, service.processes, clocks, settings)
    consumers.register(service.bus, use)
    memory = PostgresMemory(database, use.take_hook.copies)
    forget_customers(service.bus, service.processes, service.clock, memory, BillingForgotten)
    links = settings.sign_on_kept_days
    forget_what_is_old(service.pruning, service.clock, service.settings, links_kept_days=links)
    running = running_on(connection, service.clock.today)
    register_services(service.bus, service_cases(running, whmcs, store, service.processes, clocks, settings=settings))
    consumers.register_logins(service.bus, logins_on(connection))
    operations = Operations(store.book, service.processes, clocks.business)
    journal = PostgresOrderJournal(database)
    operators = operator_cases(whmcs.orders, operations, settings, journal, service.operator_desk)
    consumers.register_operators(service.bus, operators)
    setup = CheckSetup(whmcs_settings, load_fields(whmcs_settings.fields_path), service.machine)
    at_start = setup.look_at_rights if service.settings.environment == "production" else setup.look_at_access
    serve_setup(service, setup.look, product=setup.look_at_product, at_start=at_start)
    service.background("waiting orders", WaitingOrders(database).watch)


def on_whmcs(connection: WhmcsConnection, today: Callable[[], date]) -> Whmcs:
    """Build the adapters, with a bulkhead for each purpose: none keeps another waiting. Raises Misconfigured."""
    settings = connection.settings
    fields = load_fields(settings.fields_path)

    def bulkhead(purpose: str, at_once: int, longest_wait: float, *, waiting: int = WAITING) -> Outbound:
        return Outbound(
            VENDOR,
            purpose=purpose,
            at_once=at_once,
            waiting=waiting,
            longest_wait=longest_wait,
            clock=connection.machine,
        )

    looking = bulkhead("interactive", settings.interactive_at_once, settings.crowd_seconds)
    lining = bulkhead("lines", settings.lines_at_once, settings.crowd_seconds, waiting=WAITING_FOR_LINES)
    interactive, lines = WhmcsApi(connection, looking), WhmcsApi(connection, lining)
    clicks = WhmcsApi(connection, bulkhead("clicks", settings.clicks_at_once, 0.5))
    orders = WhmcsApi(connection, bulkhead("orders", settings.orders_at_once, 5.0))
    upkeep = WhmcsApi(connection, bulkhead("upkeep", settings.upkeep_at_once, 5.0))
    seconds = settings.write_seconds
    return Whmcs(
        settings=settings,
        reads=WhmcsReads(interactive, fields, today),
        lines=WhmcsReads(lines, fields, today),
        live=WhmcsReads(orders, fields, today),
        products=WhmcsProducts(orders, fields),
        sign_on=WhmcsSignOn(
            clicks, host=settings.sign_on_host(), secure=settings.api_url.scheme == "https", seconds=seconds
        ),
        clients=WhmcsClients(orders, fields, write_seconds=seconds),
        own_clients=WhmcsClients(clicks, fields, write_seconds=seconds),
        orders=WhmcsOrders(orders, fields, settings),
        upkeep=WhmcsReads(upkeep, fields, today),
        billed=WhmcsBilledClients(upkeep, fields, connection.machine),
        keeps_up=looking.keeps_up,
        keeps_up_with_lines=lambda seconds: looking.keeps_up(seconds) and lining.keeps_up(seconds),
    )


def logins_on(connection: WhmcsConnection) -> Logins:
    """Build the proof of log-ins, behind a bulkhead of its own: who guesses passwords keeps nobody else waiting."""
    settings = connection.settings
    outbound = Outbound(VENDOR, purpose="logins", at_once=2, longest_wait=1.0, clock=connection.machine)
    fields = load_fields(settings.fields_path)
    return WhmcsLogins(WhmcsApi(connection, outbound), fields, seconds=settings.write_seconds)


def use_cases(
    whmcs: Whmcs, store: Store, processes: ProcessEngine, clocks: Clocks, settings: BillingSettings
) -> consumers.UseCases:
    """Build the processes and use cases on whatever stands behind the ports; tests do so with fakes."""
    undo = CancelOrders(whmcs.orders, clocks.machine, settings)
    tools = OrderTools(store.book, whmcs.orders, whmcs.products, store.turns, processes, undo, clocks.machine, settings)
    processes.register(OrderProcess(tools).definition())
    processes.register(SweepOrder(store.book, whmcs.orders, store.turns, undo, settings).definition())
    processes.register(ClientProcess(whmcs.clients, clocks.machine, settings).definition())
    reads = whmcs.copies(store.cache)
    work = WorkOnOrder(store.transaction, store.book, processes, clocks.business, reads)
    change = ChangeClient(store.turns, store.commands, reads, clocks.machine)
    return consumers.UseCases(
        live=whmcs.live,
        reads=reads,
        invoices=ReadInvoices(reads),
        subscriptions=ReadSubscriptions(reads, whmcs.live),
        products=ReadProducts(whmcs.products),
        mint_link=MintLink(reads, whmcs.sign_on, store.sign_ons, reads, whmcs.patience()),
        ensure_client=Ensure(store.transaction, processes),
        change_address=ChangeAddress(whmcs.clients, change),
        change_email=ChangeEmail(whmcs.clients, whmcs.live, change),
        change_own_address=ChangeCustomersAddress(ChangeAddress(whmcs.own_clients, change), whmcs.reads),
        change_own_profile=ChangeCustomersProfile(whmcs.own_clients, change, whmcs.reads),
        take_hook=TakeHook(whmcs.settings.hook_secrets(), whmcs.upkeep, reads, store.commands, clocks.machine),
        reserve=Reserve(work),
        accept=Accept(work),
        release=Release(work),
        compare_clients=CompareClients(whmcs.billed),
    )


def running_on(connection: WhmcsConnection, today: Callable[[], date]) -> tuple[Extras, RunningServices]:
    """Build what is done to running services, behind a bulkhead of its own."""
    settings = connection.settings
    api = WhmcsApi(connection, Outbound(VENDOR, purpose="services", at_once=2, longest_wait=5.0))
    seconds = settings.write_seconds
    return (
        WhmcsExtras(api, today, write_seconds=seconds),
        WhmcsRunningServices(api, load_fields(settings.fields_path), write_seconds=seconds),
    )


def service_cases(
    running: tuple[Extras, RunningServices],
    whmcs: Whmcs,
    store: Store,
    processes: ProcessEngine,
    clocks: Clocks,
    *,
    settings: BillingSettings,
) -> ServiceCases:
    """Build what other services have done to running services."""
    extras, services = running
    processes.register(ChargeProcess(extras, clocks.machine, settings).definition())
    return ServiceCases(
        charge=Charge(store.transaction, processes),
        end=EndRunningService(services, whmcs.copies(store.cache)),
        quote=QuoteAnotherPlan(services),
    )


def operator_cases(
    orders: Orders, operations: Operations, settings: BillingSettings, journal: OrderJournal, operators: OperatorDesk
) -> consumers.OperatorCases:
    """Build what operators may do with the processes `use_cases` has registered."""
    return consumers.OperatorCases(
        read=ReadOrder(operations, orders, journal),
        link=LinkOrder(operations, orders, operators, settings),
        retry=RetryOrder(operations, operators),
        cancel=GiveOrderUp(operations, orders, operators),
    )


def _settings() -> tuple[WhmcsSettings, BillingSettings]:
    """Read the environment; what is wrong there is said in one line, without values."""
    try:
        return WhmcsSettings.model_validate({}), BillingSettings()
    except ValidationError as error:
        names = ", ".join(f"WHMCS_{str(problem['loc'][0]).upper()}" for problem in error.errors())
        sys.exit(f"billing: these settings are missing or wrong: {names}")
