"""Operators sign in, with a second factor always, and hand out access (R276, D19)."""

from typing import Final
from uuid import uuid4

from portal_contracts import operator_access
from portal_contracts.identity import LogOut
from portal_gateway.exchange import Exchange
from portal_gateway.operation import Operation, send_command, without
from portal_gateway.reply import Reply, message_reply
from portal_gateway.signed_in_reply import DELETES_COOKIES, SETS_COOKIES, LoggedIn, signed_in_reply, signed_out_reply

TAG: Final = "operator"
SessionBody: Final = without(operator_access.OpenOperatorSession, "request_id", "client_address")


async def open_session(exchange: Exchange) -> Reply:
    """Sign an operator in; the cookies are the same as customers', so one browser is one or the other."""
    body = await exchange.body(SessionBody)
    opened = await exchange.ask(
        operator_access.OpenOperatorSession(
            **dict(body), request_id=str(uuid4()), client_address=exchange.client_address
        )
    )
    return await signed_in_reply(exchange, opened)


async def begin_enrolment(exchange: Exchange) -> Reply:
    """Show the seed of the second factor; nobody on the way may keep the answer."""
    enrolment = await exchange.ask(await exchange.body(operator_access.BeginOperatorEnrolment))
    return message_reply(enrolment, 200, (b"pragma", b"no-cache"))


async def finish_enrolment(exchange: Exchange) -> Reply:
    """Set the password, prove the second factor and sign the operator in."""
    opened = await exchange.ask(await exchange.body(operator_access.FinishOperatorEnrolment))
    return await signed_in_reply(exchange, opened)


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/operator/session",
        message=operator_access.OpenOperatorSession,
        call_group="account",
        answer=open_session,
        body=SessionBody,
        reply=LoggedIn,
        replies={200: "Signed in"},
        problems=("CREDENTIALS_WRONG", "RATE_LIMITED"),
        reply_headers=SETS_COOKIES,
        tag=TAG,
    ),
    Operation(
        method="DELETE",
        path="/operator/session",
        message=LogOut,
        answer=signed_out_reply,
        replies={204: "Signed out"},
        reply_headers=DELETES_COOKIES,
        summary="End the operator's session everywhere.",
        operation_id="closeOperatorSession",
        for_audience="operator",
        tag=TAG,
    ),
    Operation(
        method="POST",
        path="/operator/enrolment/begin",
        message=operator_access.BeginOperatorEnrolment,
        call_group="account",
        answer=begin_enrolment,
        body=operator_access.BeginOperatorEnrolment,
        replies={200: "The seed of the second factor"},
        problems=("ENROLMENT_INVALID", "RATE_LIMITED"),
        tag=TAG,
    ),
    Operation(
        method="POST",
        path="/operator/enrolment/finish",
        message=operator_access.FinishOperatorEnrolment,
        call_group="account",
        answer=finish_enrolment,
        body=operator_access.FinishOperatorEnrolment,
        reply=LoggedIn,
        replies={200: "Enrolled and signed in"},
        problems=("ENROLMENT_INVALID", "PASSWORD_TOO_WEAK", "CREDENTIALS_WRONG", "RATE_LIMITED"),
        reply_headers=SETS_COOKIES,
        tag=TAG,
    ),
    Operation(
        method="GET",
        path="/operator/operators",
        message=operator_access.ListOperators,
        replies={200: "Who has or had access"},
        tag=TAG,
    ),
    Operation(
        method="POST",
        path="/operator/operators/grant",
        message=operator_access.GrantOperator,
        answer=send_command,
        body=without(operator_access.GrantOperator, "request_id"),
        replies={200: "What was done, or would be; the enrolment token is shown once"},
        idempotency_key=True,
        problems=("OPERATOR_NOT_APPROVED", "IDEMPOTENCY_KEY_REUSED"),
        tag=TAG,
    ),
    Operation(
        method="POST",
        path="/operator/operators/revoke",
        message=operator_access.RevokeOperator,
        answer=send_command,
        body=without(operator_access.RevokeOperator, "request_id"),
        replies={200: "What was done, or would be"},
        idempotency_key=True,
        problems=("NOT_FOUND", "IDEMPOTENCY_KEY_REUSED"),
        tag=TAG,
    ),
)
