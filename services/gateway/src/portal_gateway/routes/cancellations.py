"""Cancelling a service and asking for another plan (R207, C33, C34, §5 item 3)."""

from typing import Final

from portal_contracts import cancellation
from portal_gateway.operation import Operation, send_command, without

TAG: Final = "services"
_VENDORS: Final = ("WHMCS_UNAVAILABLE",)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/subscriptions/{serviceId}/cancellation/preview",
        message=cancellation.PreviewCancellation,
        replies={200: "What cancelling now would mean; nothing is changed"},
        problems=(
            "NOT_FOUND",
            "CANCELLATION_NOT_POSSIBLE",
            "CANCELLATION_UNDER_WAY",
            "CANCELLATION_DATE_INVALID",
        ),
        vendors=_VENDORS,
        tag=TAG,
    ),
    Operation(
        method="POST",
        path="/subscriptions/{serviceId}/cancellation",
        message=cancellation.RequestCancellation,
        answer=send_command,
        body=without(cancellation.RequestCancellation, "request_id", "service_id"),
        replies={201: "The cancellation with its date, which no repeat moves"},
        idempotency_key=True,
        problems=(
            "NOT_FOUND",
            "CANCELLATION_NOT_POSSIBLE",
            "CANCELLATION_UNDER_WAY",
            "CANCELLATION_DATE_INVALID",
            "CANCELLATION_DATE_CHANGED",
            "IDEMPOTENCY_KEY_REUSED",
        ),
        vendors=_VENDORS,
        tag=TAG,
    ),
    Operation(
        method="GET",
        path="/subscriptions/{serviceId}/cancellation",
        message=cancellation.ReadCancellation,
        replies={200: "How the newest cancellation stands"},
        problems=("NOT_FOUND",),
        tag=TAG,
    ),
    Operation(
        method="DELETE",
        path="/subscriptions/{serviceId}/cancellation",
        message=cancellation.RevokeCancellation,
        answer=send_command,
        replies={200: "The cancellation, being taken back"},
        idempotency_key=True,
        problems=("NOT_FOUND", "CANCELLATION_TOO_LATE"),
        tag=TAG,
    ),
    Operation(
        method="GET",
        path="/subscriptions/{serviceId}/plan-change/{sku}",
        message=cancellation.PreviewPlanChange,
        replies={200: "What another plan would cost; nothing is ordered"},
        problems=("NOT_FOUND", "PLAN_CHANGE_NOT_OFFERED", "NOT_ELIGIBLE"),
        vendors=_VENDORS,
        tag=TAG,
    ),
    Operation(
        method="POST",
        path="/subscriptions/{serviceId}/plan-change",
        message=cancellation.RequestPlanChange,
        answer=send_command,
        body=without(cancellation.RequestPlanChange, "request_id", "service_id"),
        replies={201: "The case in which staff change the plan"},
        idempotency_key=True,
        problems=(
            "NOT_FOUND",
            "PLAN_CHANGE_NOT_OFFERED",
            "NOT_ELIGIBLE",
            "CANCELLATION_UNDER_WAY",
            "IDEMPOTENCY_KEY_REUSED",
        ),
        vendors=_VENDORS,
        tag=TAG,
    ),
)
