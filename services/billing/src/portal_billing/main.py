"""Billing's wiring: the only place where its objects are built and joined."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pydantic import ValidationError

from portal_billing import consumers
from portal_billing.accept_order import Accept
from portal_billing.cancel_order import CancelOrders
from portal_billing.cancel_whmcs_order import GiveOrderUp
from portal_billing.change_client_address import ChangeAddress
from portal_billing.change_own_address import ChangeCustomersAddress
from portal_billing.client_process import ClientProcess
from portal_billing.compare_clients import CompareClients
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
    OrderBook,
    OrderJournal,
    Orders,
    Products,
    SignOn,
)
from portal_billing.read_invoices import ReadInvoices
from portal_billing.read_products import ReadProducts
from portal_billing.read_subscriptions import ReadSubscriptions
from portal_billing.read_whmcs_order import ReadOrder
from portal_billing.release_order import Release
from portal_billing.reserve_order import Reserve
from portal_billing.retry_whmcs_order import RetryOrder
from portal_billing.settings import BillingSettings, WhmcsSettings
from portal_billing.store import PostgresClientTurns, PostgresCommandLog, PostgresOrderBook, PostgresOrderJournal
from portal_billing.sweep_order import SweepOrder
from portal_billing.waiting_orders import WaitingOrders
from portal_billing.whmcs_api import WhmcsApi, WhmcsConnection, connect
from portal_billing.whmcs_billed_clients import WhmcsBilledClients
from portal_billing.whmcs_clients import WhmcsClients
from portal_billing.whmcs_fields import load_fields
from portal_billing.whmcs_orders import WhmcsOrders
from portal_billing.whmcs_products import WhmcsProducts
from portal_billing.whmcs_reads import WhmcsReads
from portal_billing.whmcs_sign_on import WhmcsSignOn
from portal_billing.work_on_order import Transactions, WorkOnOrder
from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.operator_actions import OperatorDesk
from portal_chassis.outbound import Outbound
from portal_chassis.process import ProcessEngine
from portal_chassis.service import Service

VENDOR = "whmcs"


@dataclass(frozen=True, slots=True)
class Whmcs:
    """WHMCS behind billing's ports."""

    reads: BillingReads
    products: Products
    sign_on: SignOn
    clients: Clients
    orders: Orders
    billed: BilledClients


@dataclass(frozen=True, slots=True)
class Store:
    """Billing's database behind its ports."""

    transaction: Transactions
    book: OrderBook
    turns: ClientTurns
    commands: CommandLog


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
    )
    whmcs = on_whmcs(connection, service.clock.today)
    clocks = Clocks(service.clock, service.machine)
    consumers.register(service.bus, use_cases(whmcs, store, service.processes, clocks, settings))
    operations = Operations(store.book, service.processes, clocks.business)
    journal = PostgresOrderJournal(database)
    operators = operator_cases(whmcs.orders, operations, settings, journal, service.operator_desk)
    consumers.register_operators(service.bus, operators)
    service.background("waiting orders", WaitingOrders(database).watch)


def on_whmcs(connection: WhmcsConnection, today: Callable[[], date]) -> Whmcs:
    """Build the adapters: two bulkheads, so that orders never keep customers waiting. Raises Misconfigured."""
    settings = connection.settings
    fields = load_fields(settings.fields_path)
    interactive = WhmcsApi(connection, Outbound(VENDOR, at_once=settings.interactive_at_once, clock=connection.machine))
    background = WhmcsApi(
        connection, Outbound(VENDOR, at_once=settings.orders_at_once, longest_wait=5.0, clock=connection.machine)
    )
    seconds = settings.write_seconds
    return Whmcs(
        reads=WhmcsReads(interactive, fields, today),
        products=WhmcsProducts(background, fields),
        sign_on=WhmcsSignOn(interactive, host=settings.sign_on_host(), seconds=seconds),
        clients=WhmcsClients(background, fields, write_seconds=seconds),
        orders=WhmcsOrders(background, fields, settings),
        billed=WhmcsBilledClients(background, fields, connection.machine),
    )


def use_cases(
    whmcs: Whmcs, store: Store, processes: ProcessEngine, clocks: Clocks, settings: BillingSettings
) -> consumers.UseCases:
    """Build the processes and use cases on whatever stands behind the ports; tests do so with fakes."""
    undo = CancelOrders(whmcs.orders, clocks.machine, settings)
    tools = OrderTools(store.book, whmcs.orders, whmcs.products, store.turns, processes, undo, clocks.machine, settings)
    processes.register(OrderProcess(tools).definition())
    processes.register(SweepOrder(store.book, whmcs.orders, store.turns, undo, settings).definition())
    processes.register(ClientProcess(whmcs.clients, clocks.machine, settings).definition())
    work = WorkOnOrder(store.transaction, store.book, processes, clocks.business)
    change_address = ChangeAddress(whmcs.clients, store.turns, store.commands)
    return consumers.UseCases(
        reads=whmcs.reads,
        invoices=ReadInvoices(whmcs.reads),
        subscriptions=ReadSubscriptions(whmcs.reads),
        products=ReadProducts(whmcs.products),
        mint_link=MintLink(whmcs.reads, whmcs.sign_on),
        ensure_client=Ensure(store.transaction, processes),
        change_address=change_address,
        change_own_address=ChangeCustomersAddress(change_address, whmcs.reads),
        reserve=Reserve(work),
        accept=Accept(work),
        release=Release(work),
        compare_clients=CompareClients(whmcs.billed),
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
