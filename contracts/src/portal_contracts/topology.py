"""Who serves, asks, records, consumes and watches what.

Bus permissions, streams, durables, AsyncAPI and the README's picture come from here; the chassis refuses at start
whatever is not listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from portal_contracts import billing, catalog, changefeed, fulfillment, identity, orders, support
from portal_contracts.message import Event, Request

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
            identity.RequestSignup,
            identity.ConfirmSignup,
            identity.LogIn,
            identity.LogOut,
            identity.RequestPasswordReset,
            identity.ResetPassword,
            identity.ChangePassword,
            identity.MintActor,
            identity.ReadMe,
            catalog.ListCatalog,
            catalog.ReadProduct,
            orders.CheckOut,
            orders.ReadCheckout,
            orders.ListOrders,
            orders.ReadOrder,
            orders.ReadTimeline,
            billing.ReadProfile,
            billing.ChangeOwnAddress,
            billing.ListPaymentMethods,
            billing.ReadPaymentMethodsSummary,
            billing.ListPaymentGateways,
            billing.MintSsoLink,
            billing.ListInvoices,
            billing.ReadInvoice,
            billing.ListSubscriptions,
            billing.ReadSubscription,
            support.ListCases,
            support.ReadCase,
            support.OpenCase,
            support.AddComment,
        ),
        watches=(orders.TimelineGrew, identity.SessionRevoked, catalog.CatalogChanged),
        database=False,
    ),
    ServiceTopology(
        "identity",
        serves=(
            identity.RequestSignup,
            identity.ConfirmSignup,
            identity.LogIn,
            identity.LogOut,
            identity.RequestPasswordReset,
            identity.ResetPassword,
            identity.ChangePassword,
            identity.MintActor,
            identity.ReadMe,
            identity.FindCustomer,
            identity.ReadRecipient,
            identity.MintSignupLink,
            identity.MintPasswordResetLink,
        ),
        asks=(billing.EnsureClient, support.OpenStaffCase),
        records=(
            identity.SignupRequested,
            identity.CustomerRegistered,
            identity.SessionRevoked,
            identity.PasswordResetRequested,
            identity.PasswordChanged,
        ),
    ),
    ServiceTopology(
        "catalog",
        serves=(catalog.ListCatalog, catalog.ReadProduct, catalog.FindProducts),
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
        ),
        asks=(
            catalog.FindProducts,
            billing.CheckPaymentMethod,
            billing.ListClientServices,
            billing.ReadClientProfile,
            billing.ChangeClientAddress,
            identity.FindCustomer,
        ),
        records=(orders.OrderPlaced, orders.ProvisionRequested, orders.OrderRejected, orders.TimelineGrew),
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
            billing.ReadProfile,
            billing.ChangeOwnAddress,
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
            billing.ListClientServices,
            billing.ListBillingProducts,
            billing.ReserveOrder,
            billing.AcceptOrder,
            billing.ReleaseOrder,
        ),
    ),
    ServiceTopology(
        "fulfillment",
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
        records=(fulfillment.ProvisioningProgressed, fulfillment.OrderActivated),
        consumes=(orders.ProvisionRequested,),
    ),
    ServiceTopology(
        "support",
        serves=(support.ListCases, support.ReadCase, support.OpenCase, support.AddComment, support.OpenStaffCase),
        database=False,
    ),
    ServiceTopology(
        "notifications",
        asks=(
            identity.MintSignupLink,
            identity.MintPasswordResetLink,
            identity.ReadRecipient,
            orders.ReadOrderMail,
        ),
        consumes=(
            identity.SignupRequested,
            identity.CustomerRegistered,
            identity.PasswordResetRequested,
            identity.PasswordChanged,
            orders.OrderPlaced,
            orders.OrderRejected,
            fulfillment.OrderActivated,
        ),
    ),
    ServiceTopology(
        "changefeed",
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
