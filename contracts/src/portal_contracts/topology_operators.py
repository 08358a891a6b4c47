"""What operators ask, and what every service with a database answers alike: grouped for the topology."""

from typing import Any, Final

from portal_contracts import (
    catalog_messages,
    drift,
    identity_personal_data,
    identity_processes,
    mail_messages,
    operator_access,
    orders_rebuild,
    provisioning,
    provisioning_requests,
    sim_lines,
    whmcs_orders,
)
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.message import Request
from portal_contracts.operators import list_operator_actions
from portal_contracts.setup_checks import CHECKED, check_setup

WITH_DATABASE: Final = (
    "identity",
    "catalog",
    "orders",
    "billing",
    "fulfillment",
    "notifications",
    "changefeed",
    "support",
)


def answered_by_the_chassis() -> tuple[type[Request[Any]], ...]:
    """Give what every service with a database answers without a handler of its own."""
    return tuple(
        message for name in WITH_DATABASE for message in (*dead_letter_messages(name), list_operator_actions(name))
    )


SIGNING_IN: Final[tuple[type[Request[Any]], ...]] = (
    operator_access.OpenOperatorSession,
    operator_access.BeginOperatorEnrolment,
    operator_access.FinishOperatorEnrolment,
)
OPERATING: Final[tuple[type[Request[Any]], ...]] = (
    operator_access.ListOperators,
    operator_access.GrantOperator,
    operator_access.RevokeOperator,
    identity_personal_data.ListDeletions,
    *identity_processes.ASKED_BY_OPERATORS,
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
    orders_rebuild.RebuildOrders,
    *mail_messages.ASKED_BY_OPERATORS,
    *catalog_messages.ASKED_BY_OPERATORS,
    *sim_lines.ASKED_BY_OPERATORS,
    *answered_by_the_chassis(),
    *(check_setup(name) for name in CHECKED),
)
"""What operators ask, through the gateway or the command line. Every service with a database answers the last ones."""
