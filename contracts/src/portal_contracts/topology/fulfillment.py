"""Fulfillment's place on the bus."""

from typing import Final

from portal_contracts import (
    account_notes,
    billing,
    billing_services,
    forgetting,
    fulfillment,
    identity_personal_data,
    orders,
    personal_data_exports,
    provisioning,
    sim_lines,
    whmcs_orders,
)
from portal_contracts.setup_checks import check_setup
from portal_contracts.topology.service_topology import ServiceTopology

FULFILLMENT: Final = ServiceTopology(
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
        personal_data_exports.ExportLines,
        check_setup("fulfillment"),
    ),
    asks=(
        orders.ReadOrderForProvisioning,
        orders.MarkActivating,
        orders.RecordOutcome,
        billing.CheckPaymentMethod,
        billing.ListBillingProducts,
        billing.ListClientServices,
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
)
