"""What operators see and do: provisioning, WHMCS orders, drift, dead letters, and what other operators did (D13, D14).

Every command shows what it would do unless its body says `"dryRun": false`, and happens once for one Idempotency-Key.
"""

from typing import Any, Final

from portal_contracts import drift, orders_rebuild, provisioning, provisioning_requests, whmcs_orders
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.identity_processes import ListAccountProcesses, RetryAccountProcess
from portal_contracts.message import Request
from portal_contracts.operators import OperatorCommand, list_operator_actions
from portal_contracts.setup_checks import check_setup
from portal_gateway.operation import Operation, send_command, without
from portal_gateway.routes.operator_access import TAG

_ANY_SERVICE: Final = "orders"
"""Whose messages stand for those of all services that answer alike."""


def _query(path: str, message: type[Request[Any]], meaning: str, *problems: str, **more: Any) -> Operation:
    return Operation(
        method="GET", path=path, message=message, replies={200: meaning}, problems=problems, tag=TAG, **more
    )


def _command(path: str, message: type[OperatorCommand[Any]], *problems: str, **more: Any) -> Operation:
    """Make the row of a command: what the path does not say stands in the body."""
    in_path = ("order_id",) if "{orderId}" in path else ("id",) if "{id}" in path else ()
    return Operation(
        method="POST",
        path=path,
        message=message,
        answer=send_command,
        body=without(message, "request_id", *in_path),
        replies={200: "What was done, or would be"},
        idempotency_key=True,
        problems=(*problems, "IDEMPOTENCY_KEY_REUSED", "IN_PROGRESS"),
        tag=TAG,
        **more,
    )


_PROVISIONING: Final = (
    _query(
        "/operator/provisioning",
        provisioning.ListProvisioning,
        "The processes, oldest first, and how many there are for each status",
    ),
    _query(
        "/operator/provisioning/{orderId}",
        provisioning.ReadProvisioning,
        "The process with its signals, attempts, journal and evidence",
        "NOT_FOUND",
    ),
    _command(
        "/operator/provisioning/{orderId}/retry",
        provisioning.RetryProvisioning,
        "NOT_FOUND",
        "PROVISIONING_ENDED",
    ),
    _command(
        "/operator/provisioning/{orderId}/cancel",
        provisioning.CancelProvisioning,
        "NOT_FOUND",
        "PROVISIONING_ENDED",
        "PROVISIONING_PAST_PIVOT",
    ),
    _command(
        "/operator/provisioning/{orderId}/activate-now",
        provisioning.ActivateNow,
        "NOT_FOUND",
        "PROVISIONING_NOT_SCHEDULED",
    ),
    _query(
        "/operator/orders/{orderId}",
        provisioning_requests.ReadOrderFile,
        "The order with the timeline staff see",
        "NOT_FOUND",
    ),
)
_WHMCS_ORDERS: Final = (
    _query(
        "/operator/whmcs-orders/{orderId}",
        whmcs_orders.ReadWhmcsOrder,
        "What was wanted, decided and journalled, and what WHMCS has now",
        "NOT_FOUND",
    ),
    _command(
        "/operator/whmcs-orders/{orderId}/link",
        whmcs_orders.LinkWhmcsOrder,
        "NOT_FOUND",
        "WHMCS_ORDER_NOT_OURS",
        "PROVISIONING_ENDED",
    ),
    _command(
        "/operator/whmcs-orders/{orderId}/retry",
        whmcs_orders.RetryWhmcsOrder,
        "NOT_FOUND",
        "PROVISIONING_ENDED",
        "PROVISIONING_NOT_STANDING",
    ),
    _command(
        "/operator/whmcs-orders/{orderId}/cancel",
        whmcs_orders.CancelWhmcsOrder,
        "NOT_FOUND",
        "PROVISIONING_ENDED",
        "PROVISIONING_PAST_PIVOT",
    ),
)
_DRIFT: Final = (
    _query("/operator/drift", drift.ListDrift, "The open differences, oldest first"),
    _command("/operator/drift/compare", drift.CompareSystems),
    _command("/operator/drift/rebuild-orders", orders_rebuild.RebuildOrders),
    _command("/operator/drift/repair", drift.RepairDrift, "NOT_FOUND", "DRIFT_NOT_REPAIRABLE"),
)
_ACCOUNTS: Final = (
    _query("/operator/account-processes", ListAccountProcesses, "What stands or keeps failing, the oldest first"),
    _command("/operator/account-processes/retry", RetryAccountProcess, "NOT_FOUND"),
)
_OF_EVERY_SERVICE: Final = (
    _query(
        "/operator/{service}/dead-letters",
        dead_letter_messages(_ANY_SERVICE).list,
        "The dead letters, newest first",
        "NOT_FOUND",
        summary="List the messages a service could not take.",
        of_service=lambda service: dead_letter_messages(service).list,
    ),
    _query(
        "/operator/{service}/dead-letters/{id}",
        dead_letter_messages(_ANY_SERVICE).show,
        "The dead letter, secrets and personal data left out",
        "NOT_FOUND",
        summary="Show one dead letter.",
        of_service=lambda service: dead_letter_messages(service).show,
    ),
    _command(
        "/operator/{service}/dead-letters/{id}/replay",
        dead_letter_messages(_ANY_SERVICE).replay,
        "NOT_FOUND",
        summary="Hand a dead letter to its consumer again.",
        of_service=lambda service: dead_letter_messages(service).replay,
    ),
    _command(
        "/operator/{service}/dead-letters/{id}/discard",
        dead_letter_messages(_ANY_SERVICE).discard,
        "NOT_FOUND",
        summary="Close a dead letter for good.",
        of_service=lambda service: dead_letter_messages(service).discard,
    ),
    _query(
        "/operator/{service}/actions",
        list_operator_actions(_ANY_SERVICE),
        "The actions, newest first",
        "NOT_FOUND",
        summary="List what operators did at a service.",
        of_service=list_operator_actions,
    ),
    _query(
        "/operator/{service}/setup",
        check_setup(_ANY_SERVICE),
        "What is set up, what is not, and what to do about it",
        "NOT_FOUND",
        summary="Check what a service needs at its vendors.",
        of_service=check_setup,
    ),
)
OPERATIONS: Final = (*_PROVISIONING, *_WHMCS_ORDERS, *_DRIFT, *_ACCOUNTS, *_OF_EVERY_SERVICE)
