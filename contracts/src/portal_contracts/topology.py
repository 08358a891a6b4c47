"""Who serves, asks, records, consumes and watches what.

Bus permissions, streams, durables, AsyncAPI and the README's picture come from here; the chassis refuses at start
whatever is not listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from portal_contracts import (
    account_messages,
    billing,
    billing_hooks,
    billing_logins,
    billing_profile,
    billing_subscriptions,
    catalog,
    changefeed,
    customer_news,
    drift,
    fulfillment,
    identity,
    identity_passwords,
    identity_personal_data,
    identity_verification,
    mail_messages,
    operator_access,
    orders,
    personal_data_exports,
    provisioning,
    provisioning_requests,
    support,
    whmcs_orders,
)
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.message import Event, Request
from portal_contracts.operators import list_operator_actions
from portal_contracts.setup_checks import CHECKED, check_setup

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


_WITH_DATABASE: Final = (
    "identity",
    "catalog",
    "orders",
    "billing",
    "fulfillment",
    "notifications",
    "changefeed",
)


def answered_by_the_chassis() -> Requests:
    """Give what every service with a database answers without a handler of its own."""
    return tuple(
        message for name in _WITH_DATABASE for message in (*dead_letter_messages(name), list_operator_actions(name))
    )


_SIGNING_IN: Final[Requests] = (
    operator_access.OpenOperatorSession,
    operator_access.BeginOperatorEnrolment,
    operator_access.FinishOperatorEnrolment,
)
_OPERATING: Final[Requests] = (
    operator_access.ListOperators,
    operator_access.GrantOperator,
    operator_access.RevokeOperator,
    identity_personal_data.ListDeletions,
    provisioning.ListProvisioning,
    provisioning.ReadProvisioning,
    provisioning.RetryProvisioning,
    provisioning.CancelProvisioning,
    provisioning.ActivateNow,
    provisioning_requests.ReadOrderFile,
    whmcs_orders.ReadWhmcsOrder,
    whmcs_orders.LinkWhmcsOrder,
    whmcs_orders.RetryWhmcsOrder,
    whmcs_orders.CancelWhmcsOrder,
    drift.ListDrift,
    drift.CompareSystems,
    drift.RepairDrift,
    *mail_messages.ASKED_BY_OPERATORS,
    *answered_by_the_chassis(),
    *(check_setup(name) for name in CHECKED),
)
"""What operators ask, through the gateway or the command line. Every service with a database answers the last ones."""

_ALL: Final[tuple[ServiceTopology, ...]] = (
    ServiceTopology(
        "gateway",
        asks=(
            *_SIGNING_IN,
            *_OPERATING,
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
            catalog.ListCatalog,
            catalog.ReadProduct,
            orders.CheckOut,
            orders.ReadCheckout,
            orders.ListOrders,
            orders.ReadOrder,
            orders.ReadTimeline,
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
            support.ListCases,
            support.ReadCase,
            support.OpenCase,
            support.AddComment,
            *mail_messages.ASKED_THROUGH_THE_GATEWAY,
        ),
        watches=(orders.TimelineGrew, identity.SessionRevoked, catalog.CatalogChanged),
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
            *_SIGNING_IN,
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
        consumes=(billing_profile.ProfileChanged,),
    ),
    ServiceTopology(
        "catalog",
        serves=(catalog.ListCatalog, catalog.ReadProduct, catalog.FindProducts, check_setup("catalog")),
        asks=(billing.ListBillingProducts,),
        records=(catalog.CatalogChanged,),
        consumes=(changefeed.ProductChanged, changefeed.PriceChanged, changefeed.EventsMissed),
        watches=(catalog.CatalogChanged,),
    ),
    ServiceTopology(
        "orders",
        serves=(
            orders.CheckOut,
            orders.ReadCheckout,
            orders.ListOrders,
            orders.ReadOrder,
            orders.ReadTimeline,
            orders.ReadOrderForProvisioning,
            orders.MarkActivating,
            orders.RecordOutcome,
            orders.ReadOrderMail,
            provisioning_requests.RequestProvisioning,
            provisioning_requests.RecheckOrder,
            provisioning_requests.ChangePorting,
            provisioning_requests.ReadOrderFile,
            drift.ListDrift,
            drift.CompareSystems,
            drift.RepairDrift,
            personal_data_exports.ExportOrders,
            check_setup("orders"),
        ),
        asks=(
            whmcs_orders.ListBilledClients,
            drift.FindLinkedClients,
            catalog.FindProducts,
            billing.CheckPaymentMethod,
            billing.ListClientServices,
            billing.ReadClientProfile,
            billing.ChangeClientAddress,
            identity.FindCustomer,
            identity_verification.CheckVerification,
        ),
        records=(
            orders.OrderPlaced,
            orders.ProvisionRequested,
            orders.OrderRejected,
            orders.TimelineGrew,
            customer_news.EligibilityChanged,
            customer_news.CancellationProgressed,
        ),
        consumes=(
            changefeed.OrderChanged,
            changefeed.OrderItemChanged,
            changefeed.ProvisionEventReceived,
            changefeed.EventsMissed,
            fulfillment.ProvisioningProgressed,
            fulfillment.OrderActivated,
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
            check_setup("billing"),
        ),
        records=(whmcs_orders.WhmcsOrderDecided, billing_profile.ProfileChanged),
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
        ),
        records=(fulfillment.ProvisioningProgressed, fulfillment.OrderActivated, fulfillment.PreflightFailed),
        consumes=(orders.ProvisionRequested, whmcs_orders.WhmcsOrderDecided),
    ),
    ServiceTopology(
        "support",
        serves=(
            support.ListCases,
            support.ReadCase,
            support.OpenCase,
            support.AddComment,
            support.OpenStaffCase,
            personal_data_exports.ExportCases,
            check_setup("support"),
        ),
        records=(customer_news.CaseUpdated,),
        database=False,
    ),
    ServiceTopology(
        "notifications",
        serves=(
            *mail_messages.ASKED_THROUGH_THE_GATEWAY,
            *mail_messages.ASKED_BY_OPERATORS,
            check_setup("notifications"),
        ),
        asks=(
            identity.MintSignupLink,
            identity_passwords.MintPasswordResetLink,
            identity.ReadRecipient,
            *account_messages.ASKED_FOR_MAILS,
            orders.ReadOrderMail,
        ),
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

OPERATOR: Final = ServiceTopology("operator", asks=(identity.MintActor, *_SIGNING_IN, *_OPERATING), database=False)
"""The operators' command line: a bus client with its own identity, not a service. Every command still needs the token
of an operator who signed in.
"""
