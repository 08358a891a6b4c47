"""Billing's place on the bus."""

from typing import Final

from portal_contracts import (
    account_notes,
    billing,
    billing_hooks,
    billing_logins,
    billing_profile,
    billing_services,
    billing_subscriptions,
    forgetting,
    identity_personal_data,
    personal_data_exports,
    whmcs_orders,
)
from portal_contracts.setup_checks import check_setup
from portal_contracts.topology.service_topology import ServiceTopology

BILLING: Final = ServiceTopology(
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
)
