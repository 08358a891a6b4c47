"""Lines in service: how they stand, and what their owners change about them (R177, R178, C18, D11)."""

from typing import Final

from portal_contracts import sim_lines
from portal_contracts.message import Message, Request
from portal_gateway.exchange import Exchange
from portal_gateway.micro_cache import CachePolicy
from portal_gateway.operation import Operation, send_command, without
from portal_gateway.reply import Reply, json_reply, message_reply
from portal_gateway.routes.operator_access import TAG as OPERATORS

TAG: Final = "sim"
SEVERAL_MINUTES: Final = CachePolicy("actor", seconds=300, invalidated_by=(sim_lines.LineChanged,))
"""The operator's usage is asked for only when a customer looks, and not each time (freebit.md 3.2); but who has just
added data sees it."""
_REFUSALS: Final = (
    "NOT_FOUND",
    "LINE_CHANGE_UNDER_WAY",
    "LINE_NOT_IN_SERVICE",
    "IDEMPOTENCY_KEY_REUSED",
)


async def change_line(exchange: Exchange) -> Reply:
    """Change a line: 200 with how it ended, or 202 and a place to look while any worker goes on."""
    body = {} if exchange.operation.body is None else dict(await exchange.body(exchange.operation.body))
    command: Request[sim_lines.LineChange] = exchange.completed(**body, request_id=exchange.request_id())
    change = await exchange.ask(command)
    if change.state not in ("working", "unclear"):
        return message_reply(change)
    location = (b"location", f"/line-changes/{change.change_id}".encode())
    return message_reply(change, 202, location, (b"retry-after", b"5"))


async def reveal_line_code(exchange: Exchange) -> Reply:
    """Show the code, a secret: nobody on the way may keep the answer (D11)."""
    return json_reply(await exchange.command(), 200, (b"pragma", b"no-cache"))


def _change(
    path: str, message: type[Request[sim_lines.LineChange]], *problems: str, step_up: bool = False
) -> Operation:
    body: type[Message] = without(message, "request_id", "service_id")
    return Operation(
        method="POST",
        path=f"/subscriptions/{{serviceId}}/{path}",
        step_up=step_up,
        message=message,
        answer=change_line,
        body=body,
        replies={200: "How the change ended", 202: "Still being worked on: look at Location"},
        idempotency_key=True,
        problems=(*_REFUSALS, *problems),
        reply_headers={"Location": "The change"},
        tag=TAG,
    )


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/subscriptions/{serviceId}/sim",
        message=sim_lines.ReadSimLine,
        replies={200: "The line as the operator has it now"},
        problems=("NOT_FOUND",),
        tag=TAG,
    ),
    Operation(
        method="GET",
        path="/subscriptions/{serviceId}/usage",
        message=sim_lines.ReadSimUsage,
        cache=SEVERAL_MINUTES,
        replies={200: "Data used and added"},
        problems=("NOT_FOUND", "LINE_CHANGE_REFUSED"),
        tag=TAG,
    ),
    Operation(
        method="GET",
        path="/subscriptions/{serviceId}/changes",
        message=sim_lines.ListLineChanges,
        replies={200: "The changes, newest first"},
        problems=("NOT_FOUND",),
        tag=TAG,
    ),
    Operation(
        method="GET",
        path="/line-changes/{changeId}",
        message=sim_lines.ReadLineChange,
        replies={200: "How the change stands"},
        problems=("NOT_FOUND",),
        tag=TAG,
    ),
    _change("topup", sim_lines.TopUpSim, "TOP_UP_OUT_OF_RANGE", "PAYMENT_METHOD_MISSING"),
    _change(
        "reissue-esim",
        sim_lines.ReissueEsim,
        "STEP_UP_REQUIRED",
        "ESIM_REISSUE_TOO_SOON",
        "SIM_IN_USE",
        step_up=True,
    ),
    _change("voice-options", sim_lines.ChangeLineVoiceOptions),
    _change("network", sim_lines.ChangeLineNetwork),
    Operation(
        method="POST",
        path="/subscriptions/{serviceId}/esim-code",
        step_up=True,
        message=sim_lines.RevealLineCode,
        answer=reveal_line_code,
        replies={200: "The code. Repeating the request with the same Idempotency-Key shows it again for a while"},
        idempotency_key=True,
        problems=("NOT_FOUND", "STEP_UP_REQUIRED", "ESIM_CODE_NOT_READY", "ESIM_CODE_ALREADY_SHOWN"),
        tag=TAG,
    ),
    Operation(
        method="GET",
        path="/operator/line-changes",
        message=sim_lines.ListStandingLineChanges,
        replies={200: "The changes that are not over, oldest first"},
        tag=OPERATORS,
    ),
    Operation(
        method="POST",
        path="/operator/line-changes/{changeId}/close",
        message=sim_lines.CloseLineChange,
        answer=send_command,
        body=without(sim_lines.CloseLineChange, "request_id", "change_id"),
        replies={200: "What was done, or would be"},
        idempotency_key=True,
        problems=("NOT_FOUND", "LINE_CHANGE_NOT_UNCLEAR", "IDEMPOTENCY_KEY_REUSED", "IN_PROGRESS"),
        tag=OPERATORS,
    ),
    Operation(
        method="POST",
        path="/operator/orders/{orderId}/adopt-line",
        message=sim_lines.AdoptLine,
        answer=send_command,
        body=without(sim_lines.AdoptLine, "request_id", "order_id"),
        replies={200: "What was done, or would be"},
        idempotency_key=True,
        problems=(
            "NOT_FOUND",
            "CUSTOMER_NOT_LINKED",
            "PRODUCT_UNMAPPED",
            "PRICE_MISMATCH",
            "PORTING_DATA_MISSING",
            "VERIFICATION_MISSING",
            "LINE_IS_ANOTHERS",
            "LINE_NOT_ADOPTABLE",
            "LINE_NOT_IN_SERVICE",
            "IDEMPOTENCY_KEY_REUSED",
            "IN_PROGRESS",
        ),
        tag=OPERATORS,
    ),
    Operation(
        method="POST",
        path="/operator/line-endings/{cancellationId}/close",
        message=sim_lines.CloseLineEnding,
        answer=send_command,
        body=without(sim_lines.CloseLineEnding, "request_id", "cancellation_id"),
        replies={200: "What was done, or would be"},
        idempotency_key=True,
        problems=(
            "NOT_FOUND",
            "LINE_CHANGE_NOT_UNCLEAR",
            "LINE_STILL_IN_SERVICE",
            "IDEMPOTENCY_KEY_REUSED",
            "IN_PROGRESS",
        ),
        tag=OPERATORS,
    ),
)
