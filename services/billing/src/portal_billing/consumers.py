"""Bus in: one short function per message billing serves. Customers' own come with the client of their token alone."""

import asyncio
from dataclasses import dataclass

from portal_billing.accept_order import Accept
from portal_billing.cancel_whmcs_order import GiveOrderUp
from portal_billing.change_client_address import ChangeAddress
from portal_billing.change_client_email import ChangeEmail
from portal_billing.change_own_address import ChangeCustomersAddress
from portal_billing.change_own_profile import ChangeCustomersProfile
from portal_billing.compare_clients import CompareClients
from portal_billing.ensure_client import Ensure
from portal_billing.link_whmcs_order import LinkOrder
from portal_billing.mint_sso_link import MintLink
from portal_billing.payment_method import summary
from portal_billing.ports import BillingReads, CustomerReads, Logins
from portal_billing.read_invoices import ReadInvoices
from portal_billing.read_products import ReadProducts
from portal_billing.read_subscriptions import ReadSubscriptions
from portal_billing.read_whmcs_order import ReadOrder
from portal_billing.release_order import Release
from portal_billing.reserve_order import Reserve
from portal_billing.retry_whmcs_order import RetryOrder
from portal_billing.take_hook import TakeHook
from portal_chassis.bus import Bus, Call
from portal_contracts import (
    billing,
    billing_hooks,
    billing_logins,
    billing_profile,
    billing_subscriptions,
    whmcs_orders,
)
from portal_contracts.message import Acknowledged
from portal_contracts.operators import OperatorOutcome
from portal_contracts.personal_data_exports import ExportInvoices, InvoiceExport


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the handlers delegate to."""

    live: BillingReads
    reads: CustomerReads
    invoices: ReadInvoices
    subscriptions: ReadSubscriptions
    products: ReadProducts
    mint_link: MintLink
    ensure_client: Ensure
    change_address: ChangeAddress
    change_email: ChangeEmail
    change_own_address: ChangeCustomersAddress
    change_own_profile: ChangeCustomersProfile
    take_hook: TakeHook
    reserve: Reserve
    accept: Accept
    release: Release
    compare_clients: CompareClients


@dataclass(frozen=True, slots=True)
class OperatorCases:
    """What the handlers of operators' messages delegate to."""

    read: ReadOrder
    link: LinkOrder
    retry: RetryOrder
    cancel: GiveOrderUp


def register(bus: Bus, use: UseCases) -> None:
    """Register every message of billing's topology but operators' own."""
    _register_profile(bus, use)
    _register_payment(bus, use)
    _register_invoices(bus, use)
    _register_services(bus, use)
    _register_orders(bus, use)


def _register_profile(bus: Bus, use: UseCases) -> None:
    @bus.answers(billing.ReadProfile)
    async def read_profile(_: billing.ReadProfile, call: Call) -> billing.ClientProfile:
        found = await use.reads.profile(call.customer().whmcs_client_id)
        return found.value.model_copy(update={"as_of": found.as_of})

    @bus.answers(billing.ReadClientProfile)
    async def read_client_profile(query: billing.ReadClientProfile, _: Call) -> billing.ClientProfile:
        return await use.live.profile(query.whmcs_client_id)

    @bus.answers(billing.ChangeClientAddress)
    async def change_address(command: billing.ChangeClientAddress, _: Call) -> Acknowledged:
        return await use.change_address(command)

    @bus.answers(billing.ChangeOwnAddress)
    async def change_own_address(command: billing.ChangeOwnAddress, call: Call) -> billing.ClientProfile:
        return await use.change_own_address(call.customer().whmcs_client_id, command)

    @bus.answers(billing_profile.ChangeOwnProfile)
    async def change_profile(command: billing_profile.ChangeOwnProfile, call: Call) -> billing.ClientProfile:
        return await use.change_own_profile(call.customer().whmcs_client_id, command)

    @bus.answers(billing_profile.ChangeClientEmail)
    async def change_email(command: billing_profile.ChangeClientEmail, _: Call) -> Acknowledged:
        return await use.change_email(command)

    @bus.answers(billing_hooks.TakeWhmcsHook)
    async def take_hook(command: billing_hooks.TakeWhmcsHook, _: Call) -> Acknowledged:
        return await use.take_hook(command)

    @bus.answers(billing.EnsureClient)
    async def ensure_client(command: billing.EnsureClient, call: Call) -> billing.ClientEnsured:
        return await use.ensure_client(command, call.deadline)


def _register_payment(bus: Bus, use: UseCases) -> None:
    @bus.answers(billing.ListPaymentMethods)
    async def list_payment_methods(query: billing.ListPaymentMethods, call: Call) -> billing.PaymentMethodList:
        found = await use.reads.payment_methods(call.customer().whmcs_client_id, fresh=query.fresh)
        return billing.PaymentMethodList(payment_methods=found.value, as_of=found.as_of)

    @bus.answers(billing.ReadPaymentMethodsSummary)
    async def summarise(query: billing.ReadPaymentMethodsSummary, call: Call) -> billing.PaymentMethodsSummary:
        found = await use.reads.payment_methods(call.customer().whmcs_client_id, fresh=query.fresh)
        return summary(found.value, found.as_of)

    @bus.answers(billing.CheckPaymentMethod)
    async def check_payment_method(query: billing.CheckPaymentMethod, _: Call) -> billing.PaymentMethodsSummary:
        return summary(await use.live.payment_methods(query.whmcs_client_id))

    @bus.answers(billing.ListPaymentGateways)
    async def list_gateways(_: billing.ListPaymentGateways, __: Call) -> billing.PaymentGatewayList:
        found = await use.reads.gateways()
        return billing.PaymentGatewayList(gateways=found.value, as_of=found.as_of)

    @bus.answers(billing.MintSsoLink)
    async def mint_sso_link(command: billing.MintSsoLink, call: Call) -> billing.SsoLink:
        return await use.mint_link(call.customer(), command)


def _register_invoices(bus: Bus, use: UseCases) -> None:
    @bus.answers(billing.ListInvoices)
    async def list_invoices(query: billing.ListInvoices, call: Call) -> billing.InvoiceList:
        return await use.invoices.list(call.customer().whmcs_client_id, query)

    @bus.answers(billing.ReadInvoice)
    async def read_invoice(query: billing.ReadInvoice, call: Call) -> billing.InvoiceDetail:
        return await use.invoices.read(call.customer().whmcs_client_id, query)

    @bus.answers(ExportInvoices)
    async def export_invoices(query: ExportInvoices, _: Call) -> InvoiceExport:
        client_id = query.whmcs_client_id
        invoices, services, payment_methods = await asyncio.gather(
            use.reads.invoices(client_id, fresh=True),
            use.subscriptions.list_live(client_id),
            use.live.payment_methods(client_id),
        )
        return InvoiceExport(invoices=invoices.value, services=services.subscriptions, payment_methods=payment_methods)

    @bus.answers(billing_subscriptions.ListSubscriptionInvoices)
    async def list_invoices_of(
        query: billing_subscriptions.ListSubscriptionInvoices, call: Call
    ) -> billing.InvoiceList:
        return await use.invoices.of_subscription(call.customer().whmcs_client_id, query)


def _register_services(bus: Bus, use: UseCases) -> None:
    @bus.answers(billing.ListSubscriptions)
    async def list_subscriptions(query: billing.ListSubscriptions, call: Call) -> billing.SubscriptionList:
        return await use.subscriptions.list(call.customer().whmcs_client_id, query)

    @bus.answers(billing.ReadSubscription)
    async def read_subscription(query: billing.ReadSubscription, call: Call) -> billing.Subscription:
        return await use.subscriptions.read(call.customer().whmcs_client_id, query)

    @bus.answers(billing.ListClientServices)
    async def list_client_services(query: billing.ListClientServices, _: Call) -> billing.SubscriptionList:
        return await use.subscriptions.list_live(query.whmcs_client_id)

    @bus.answers(billing.ListBillingProducts)
    async def list_products(query: billing.ListBillingProducts, _: Call) -> billing.BillingProducts:
        return await use.products(query)

    @bus.answers(whmcs_orders.ListBilledClients)
    async def compare_clients(query: whmcs_orders.ListBilledClients, call: Call) -> whmcs_orders.BilledClientPage:
        return await use.compare_clients(query, call.deadline)


def _register_orders(bus: Bus, use: UseCases) -> None:
    @bus.answers(billing.ReserveOrder)
    async def reserve(command: billing.ReserveOrder, call: Call) -> billing.OrderProtocolState:
        return await use.reserve(command, call.deadline)

    @bus.answers(billing.AcceptOrder)
    async def accept(command: billing.AcceptOrder, call: Call) -> billing.OrderProtocolState:
        return await use.accept(command, call.deadline)

    @bus.answers(billing.ReleaseOrder)
    async def release(command: billing.ReleaseOrder, call: Call) -> billing.OrderProtocolState:
        return await use.release(command, call.deadline)


def register_logins(bus: Bus, logins: Logins) -> None:
    """Answer who proves a WHMCS log-in."""

    @bus.answers(billing_logins.CheckLogin)
    async def check_login(command: billing_logins.CheckLogin, _: Call) -> billing_logins.ProvenLogin:
        return await logins.prove(command.email, command.password)


def register_operators(bus: Bus, use: OperatorCases) -> None:
    """Register operators' messages. The chassis has checked what they may do before a handler runs."""

    @bus.answers(whmcs_orders.ReadWhmcsOrder)
    async def read_order(query: whmcs_orders.ReadWhmcsOrder, _: Call) -> whmcs_orders.WhmcsOrderFile:
        return await use.read(query)

    @bus.answers(whmcs_orders.LinkWhmcsOrder)
    async def link_order(command: whmcs_orders.LinkWhmcsOrder, call: Call) -> OperatorOutcome:
        return await use.link(command, call)

    @bus.answers(whmcs_orders.RetryWhmcsOrder)
    async def retry_order(command: whmcs_orders.RetryWhmcsOrder, call: Call) -> OperatorOutcome:
        return await use.retry(command, call)

    @bus.answers(whmcs_orders.CancelWhmcsOrder)
    async def cancel_order(command: whmcs_orders.CancelWhmcsOrder, call: Call) -> OperatorOutcome:
        return await use.cancel(command, call)
