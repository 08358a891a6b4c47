"""Who serves, asks, records, consumes and watches what.

Bus permissions, streams, durables, AsyncAPI and the README's picture come from here; the chassis refuses at start
whatever is not listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from portal_contracts import (
    account_messages,
    account_notes,
    billing,
    billing_hooks,
    billing_logins,
    billing_profile,
    billing_services,
    billing_subscriptions,
    cancellation,
    catalog,
    catalog_messages,
    changefeed,
    customer_news,
    drift,
    eligibility,
    forgetting,
    fulfillment,
    identity,
    identity_passwords,
    identity_personal_data,
    identity_verification,
    internet_standing,
    mail_messages,
    operator_access,
    orders,
    orders_of_customers,
    orders_rebuild,
    personal_data_exports,
    provisioning,
    provisioning_requests,
    sim_lines,
    support,
    support_files,
    whmcs_orders,
)
from portal_contracts.message import Event, Request
from portal_contracts.setup_checks import check_setup
from portal_contracts.topology_operators import OPERATING, SIGNING_IN

Requests = tuple[type[Request[Any]], ...]
Events = tuple[type[Event], ...]


@dataclass(frozen=True, slots=True)
class ServiceTopology:
    """One service's place on the bus. `records` are the events it alone writes to its outbox."""

    name: str
    serves: Requests = ()
    asks: Requests = ()
    records: Events = ()
    consumes: Events = ()
    watches: Events = ()
    database: bool = True

    @property
    def stream(self) -> str:
        """The JetStream stream that holds what the service records."""
        return stream_of(self.name)


def stream_of(owner: str) -> str:
    """Name the stream of an owner's events."""
    return f"PORTAL_{owner.upper()}"


def durable_name(service: str, event: type[Event]) -> str:
    """Name the durable consumer through which a service takes an event: once per service, whoever of it is up."""
    return f"{service}-{event.subject.replace('.', '-')}"


def owner_of(subject: str) -> str:
    """Give the service a subject belongs to: its first word."""
    return subject.split(".", 1)[0]


_ALL: Final[tuple[ServiceTopology, ...]] = (
    ServiceTopology(
        "gateway",
        asks=(
            *SIGNING_IN,
            *OPERATING,
            provisioning.RevealEsimCode,
            provisioning_requests.RequestProvisioning,
            provisioning_requests.RecheckOrder,
            provisioning_requests.ChangePorting,
            identity.RequestSignup,
            identity.ConfirmSignup,
            identity.LogIn,
            identity.LogOut,
            identity_passwords.RequestPasswordReset,
            identity_passwords.ResetPassword,
            identity_passwords.ChangePassword,
            identity.MintActor,
            identity.ReadMe,
            *account_messages.ASKED_THROUGH_THE_GATEWAY,
            *catalog_messages.ASKED_THROUGH_THE_GATEWAY,
            orders.CheckOut,
            orders.ReadCheckout,
            orders.ListOrders,
            orders.ReadOrder,
            orders.ReadTimeline,
            *eligibility.ASKED_THROUGH_THE_GATEWAY,
            *orders_of_customers.ASKED_THROUGH_THE_GATEWAY,
            *cancellation.ASKED_THROUGH_THE_GATEWAY,
            *sim_lines.ASKED_THROUGH_THE_GATEWAY,
            billing.ReadProfile,
            billing.ChangeOwnAddress,
            billing_profile.ChangeOwnProfile,
            billing_hooks.TakeWhmcsHook,
            billing.ListPaymentMethods,
            billing.ReadPaymentMethodsSummary,
            billing.ListPaymentGateways,
            billing.MintSsoLink,
            billing.ListInvoices,
            billing.ReadInvoice,
            billing.ListSubscriptions,
            billing.ReadSubscription,
            billing_subscriptions.ListSubscriptionInvoices,
            *support_files.ASKED_THROUGH_THE_GATEWAY,
            *mail_messages.ASKED_THROUGH_THE_GATEWAY,
        ),
        watches=(orders.TimelineGrew, identity.SessionRevoked, catalog.CatalogChanged, sim_lines.LineChanged),
        serves=(check_setup("gateway"),),
        database=False,
    ),
    ServiceTopology(
        "identity",
        serves=(
            identity.RequestSignup,
            identity.ConfirmSignup,
            identity.LogIn,
            identity.LogOut,
            identity_passwords.RequestPasswordReset,
            identity_passwords.ResetPassword,
            identity_passwords.ChangePassword,
            identity.MintActor,
            identity.ReadMe,
            identity.FindCustomer,
            identity.ReadRecipient,
            identity.MintSignupLink,
            identity_passwords.MintPasswordResetLink,
            *account_messages.ASKED_THROUGH_THE_GATEWAY,
            *account_messages.ASKED_FOR_MAILS,
            identity_verification.CheckVerification,
            drift.FindLinkedClients,
            check_setup("identity"),
            *SIGNING_IN,
            operator_access.ListOperators,
            operator_access.GrantOperator,
            operator_access.RevokeOperator,
            identity_personal_data.ListDeletions,
        ),
        asks=(
            billing.EnsureClient,
            billing.ReadClientProfile,
            billing.ListClientServices,
            billing_logins.CheckLogin,
            billing_profile.ChangeClientEmail,
            support.OpenStaffCase,
            forgetting.FindOpenBusiness,
            *personal_data_exports.EXPORTS,
        ),
        records=(
            identity.SignupRequested,
            identity.CustomerRegistered,
            identity.SessionRevoked,
            identity_passwords.PasswordResetRequested,
            identity_passwords.PasswordChanged,
            *account_messages.RECORDED,
        ),
        consumes=(billing_profile.ProfileChanged, *forgetting.FORGOTTEN, *account_notes.NOTED),
    ),
    ServiceTopology(
        "catalog",
        serves=(*catalog_messages.SERVED, check_setup("catalog")),
        asks=catalog_messages.ASKED,
        records=(catalog.CatalogChanged,),
        consumes=(changefeed.ProductChanged, changefeed.PriceChanged, changefeed.EventsMissed),
        watches=catalog_messages.WATCHED,
    ),
    ServiceTopology(
        "orders",
        serves=(
            orders.CheckOut,
            orders.ReadCheckout,
            orders.ListOrders,
            orders.ReadOrder,
            orders.ReadTimeline,
            *eligibility.ASKED_THROUGH_THE_GATEWAY,
            *orders_of_customers.ASKED_THROUGH_THE_GATEWAY,
            orders_rebuild.RebuildOrders,
            orders.ReadOrderForProvisioning,
            orders.MarkActivating,
            orders.RecordOutcome,
            orders.ReadOrderMail,
            internet_standing.FindInternetStanding,
            provisioning_requests.RequestProvisioning,
            provisioning_requests.RecheckOrder,
            provisioning_requests.ChangePorting,
            provisioning_requests.ReadOrderFile,
            drift.ListDrift,
            drift.CompareSystems,
            drift.RepairDrift,
            personal_data_exports.ExportOrders,
            forgetting.FindOpenBusiness,
            *cancellation.ASKED_THROUGH_THE_GATEWAY,
            check_setup("orders"),
        ),
        asks=(
            whmcs_orders.ListBilledClients,
            drift.FindLinkedClients,
            catalog.FindProducts,
            catalog.ListCatalog,
            billing.CheckPaymentMethod,
            billing.ListClientServices,
            billing.ReadClientProfile,
            billing.ChangeClientAddress,
            billing_services.EndService,
            billing_services.QuotePlanChange,
            *sim_lines.ASKED_BY_ORDERS,
            support.CloseStaffCase,
            identity.FindCustomer,
            identity_verification.CheckVerification,
            support.OpenStaffCase,
        ),
        records=(
            orders.OrderPlaced,
            orders.ProvisionRequested,
            orders.OrderRejected,
            orders.OrderWithdrawn,
            orders.TimelineGrew,
            customer_news.EligibilityChanged,
            customer_news.CancellationProgressed,
            customer_news.ServiceCancellationProgressed,
            forgetting.OrdersForgotten,
        ),
        consumes=(
            changefeed.OrderChanged,
            changefeed.OrderItemChanged,
            changefeed.AccountChanged,
            changefeed.ProvisionEventReceived,
            changefeed.EventsMissed,
            identity.CustomerRegistered,
            identity_personal_data.CustomerErased,
            fulfillment.ProvisioningProgressed,
            fulfillment.OrderActivated,
            sim_lines.LineChanged,
        ),
    ),
    ServiceTopology(
        "billing",
        serves=(
            billing.EnsureClient,
            billing_logins.CheckLogin,
            billing.ReadProfile,
            billing.ChangeOwnAddress,
            billing_profile.ChangeOwnProfile,
            billing_profile.ChangeClientEmail,
            billing_hooks.TakeWhmcsHook,
            billing.ReadClientProfile,
            billing.ChangeClientAddress,
            billing.ListPaymentMethods,
            billing.ReadPaymentMethodsSummary,
            billing.CheckPaymentMethod,
            billing.ListPaymentGateways,
            billing.MintSsoLink,
            billing.ListInvoices,
            billing.ReadInvoice,
            billing.ListSubscriptions,
            billing.ReadSubscription,
            billing_subscriptions.ListSubscriptionInvoices,
            billing.ListClientServices,
            billing.ListBillingProducts,
            billing.ReserveOrder,
            billing.AcceptOrder,
            billing.ReleaseOrder,
            whmcs_orders.ReadWhmcsOrder,
            whmcs_orders.LinkWhmcsOrder,
            whmcs_orders.RetryWhmcsOrder,
            whmcs_orders.CancelWhmcsOrder,
            whmcs_orders.ListBilledClients,
            personal_data_exports.ExportInvoices,
            billing_services.ChargeExtra,
            billing_services.EndService,
            billing_services.QuotePlanChange,
            check_setup("billing"),
        ),
        records=(
            whmcs_orders.WhmcsOrderDecided,
            billing_profile.ProfileChanged,
            forgetting.BillingForgotten,
            account_notes.BillingNoted,
        ),
        consumes=(identity_personal_data.CustomerErased,),
    ),
    ServiceTopology(
        "fulfillment",
        serves=(
            provisioning.ListProvisioning,
            provisioning.ReadProvisioning,
            provisioning.RetryProvisioning,
            provisioning.CancelProvisioning,
            provisioning.ActivateNow,
            provisioning.RevealEsimCode,
            *sim_lines.ASKED_THROUGH_THE_GATEWAY,
            *sim_lines.ASKED_BY_OPERATORS,
            *sim_lines.ASKED_BY_ORDERS,
            check_setup("fulfillment"),
        ),
        asks=(
            orders.ReadOrderForProvisioning,
            orders.MarkActivating,
            orders.RecordOutcome,
            billing.CheckPaymentMethod,
            billing.ListBillingProducts,
            billing.ReserveOrder,
            billing.AcceptOrder,
            billing.ReleaseOrder,
            billing_services.ChargeExtra,
        ),
        records=(
            fulfillment.ProvisioningProgressed,
            fulfillment.OrderActivated,
            fulfillment.PreflightFailed,
            sim_lines.LineChanged,
            forgetting.FulfillmentForgotten,
            account_notes.FulfillmentNoted,
        ),
        consumes=(
            orders.ProvisionRequested,
            whmcs_orders.WhmcsOrderDecided,
            identity_personal_data.CustomerErased,
        ),
    ),
    ServiceTopology(
        "support",
        serves=(
            *support_files.ASKED_THROUGH_THE_GATEWAY,
            support.OpenStaffCase,
            personal_data_exports.ExportCases,
            support.CloseStaffCase,
            check_setup("support"),
        ),
        asks=(billing.ListClientServices,),
        records=(customer_news.CaseUpdated, forgetting.SupportForgotten),
        consumes=(identity_personal_data.CustomerErased,),
    ),
    ServiceTopology(
        "notifications",
        serves=(
            *mail_messages.ASKED_THROUGH_THE_GATEWAY,
            *mail_messages.ASKED_BY_OPERATORS,
            personal_data_exports.ExportMails,
            check_setup("notifications"),
        ),
        asks=(
            identity.MintSignupLink,
            identity_passwords.MintPasswordResetLink,
            identity.ReadRecipient,
            *account_messages.ASKED_FOR_MAILS,
            orders.ReadOrderMail,
        ),
        records=(forgetting.NotificationsForgotten,),
        consumes=mail_messages.CONSUMED,
    ),
    ServiceTopology(
        "changefeed",
        serves=(check_setup("changefeed"),),
        records=(
            changefeed.OrderChanged,
            changefeed.OrderItemChanged,
            changefeed.ProductChanged,
            changefeed.PriceChanged,
            changefeed.AccountChanged,
            changefeed.ProvisionEventReceived,
            changefeed.EventsMissed,
        ),
    ),
)

SERVICES: Final[Mapping[str, ServiceTopology]] = {service.name: service for service in _ALL}

OPERATOR: Final = ServiceTopology("operator", asks=(identity.MintActor, *SIGNING_IN, *OPERATING), database=False)
"""The operators' command line: a bus client with its own identity, not a service. Every command still needs the token
of an operator who signed in.
"""
