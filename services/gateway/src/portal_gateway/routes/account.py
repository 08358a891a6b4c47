"""The security of a customer's own account: sessions, e-mail address, second factors, passkeys, API tokens."""

from base64 import b64encode
from typing import Any, Final
from uuid import uuid4

from portal_contracts import identity_api_tokens as api_tokens
from portal_contracts import identity_email as email
from portal_contracts import identity_passkeys as passkeys
from portal_contracts import identity_personal_data as data
from portal_contracts import identity_second_factor as factors
from portal_contracts import identity_sessions as sessions
from portal_contracts import identity_verification as verification
from portal_gateway.exchange import Exchange
from portal_gateway.operation import Operation, without
from portal_gateway.reply import NO_STORE, Reply, message_reply
from portal_gateway.signed_in_reply import (
    DELETES_COOKIES,
    SETS_COOKIES,
    LoggedIn,
    forgotten_reply,
    renewed_reply,
    signed_in_reply,
)

ConfirmEmailBody: Final = without(email.ConfirmEmailChange, "client_address")
PasskeyLogInBody: Final = without(passkeys.LogInWithPasskey, "request_id", "client_address", "user_agent")


async def done(exchange: Exchange) -> Reply:
    """Ask the operation's command, made of the path alone, and say nothing more."""
    message = exchange.operation.message
    given = {"client_address": exchange.client_address} if "client_address" in message.model_fields else {}
    more = {"request_id": exchange.request_id()} if "request_id" in message.model_fields else {}
    await exchange.ask(exchange.completed(**given, **more))
    return Reply(204, b"", [NO_STORE])


async def with_form(exchange: Exchange) -> Reply:
    """Ask the operation's command with the body as its form."""
    operation = exchange.operation
    given: dict[str, Any] = {} if operation.body is None else {"form": await exchange.body(operation.body)}
    if "client_address" in operation.message.model_fields:
        given["client_address"] = exchange.client_address
    asked = exchange.completed(**given, request_id=exchange.request_id())
    return message_reply(await exchange.ask(asked), operation.status, (b"pragma", b"no-cache"))


async def log_out_everywhere(exchange: Exchange) -> Reply:
    """End every session of the caller; the cookies go."""
    await exchange.ask(sessions.LogOutEverywhere(request_id=str(uuid4()), client_address=exchange.client_address))
    return forgotten_reply(exchange)


async def step_up(exchange: Exchange) -> Reply:
    """Prove anew who one is: the cookies carry other tokens afterwards."""
    form = await exchange.body(sessions.StepUpForm)
    opened = await exchange.ask(
        sessions.StepUp(
            request_id=str(uuid4()),
            form=form,
            client_address=exchange.client_address,
            user_agent=exchange.user_agent(),
        )
    )
    return renewed_reply(exchange, opened)


async def confirm_email(exchange: Exchange) -> Reply:
    """Use the mailed link."""
    body = await exchange.body(ConfirmEmailBody)
    await exchange.ask(email.ConfirmEmailChange(**dict(body), client_address=exchange.client_address))
    return Reply(204, b"", [NO_STORE])


async def begin_passkey_log_in(exchange: Exchange) -> Reply:
    """Give a challenge that names nobody."""
    asked = passkeys.BeginPasskeyLogIn(request_id=exchange.request_id(), client_address=exchange.client_address)
    return message_reply(await exchange.ask(asked))


async def log_in_with_passkey(exchange: Exchange) -> Reply:
    """Open a session of its own."""
    body = await exchange.body(PasskeyLogInBody)
    opened = await exchange.ask(
        passkeys.LogInWithPasskey(
            **dict(body),
            request_id=str(uuid4()),
            client_address=exchange.client_address,
            user_agent=exchange.user_agent(),
        )
    )
    return await signed_in_reply(exchange, opened)


async def submit_document(exchange: Exchange) -> Reply:
    """Pass a document's bytes on: at most 5 MB, refused before more is read, kept nowhere on the way (C41)."""
    content = await exchange.raw_body(verification.MOST_BYTES)
    asked = exchange.completed(
        content=b64encode(content), request_id=exchange.request_id(), client_address=exchange.client_address
    )
    return message_reply(await exchange.ask(asked), 202)


async def export(exchange: Exchange) -> Reply:
    """Give everything that is kept of the caller."""
    return message_reply(await exchange.ask(exchange.completed(client_address=exchange.client_address)))


_SESSIONS: Final = (
    Operation(
        method="GET",
        path="/me/sessions",
        message=sessions.ListSessions,
        replies={200: "Where one is signed in"},
    ),
    Operation(
        method="DELETE",
        path="/me/sessions/{sessionId}",
        message=sessions.RevokeSession,
        answer=done,
        replies={204: "It is over, everywhere within 5 seconds"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="POST",
        path="/auth/logout-everywhere",
        message=sessions.LogOutEverywhere,
        answer=log_out_everywhere,
        replies={204: "Every session of the customer is over"},
        reply_headers=DELETES_COOKIES,
    ),
    Operation(
        method="POST",
        path="/auth/step-up",
        message=sessions.StepUp,
        answer=step_up,
        body=sessions.StepUpForm,
        reply=LoggedIn,
        replies={200: "Proven: the session goes on with other tokens"},
        problems=("CREDENTIALS_WRONG", "SECOND_FACTOR_REQUIRED", "SECOND_FACTOR_WRONG", "RATE_LIMITED"),
        reply_headers=SETS_COOKIES,
    ),
    Operation(
        method="GET",
        path="/me/security-events",
        message=sessions.ListSecurityEvents,
        replies={200: "What happened to the account's security, the newest first"},
    ),
)
_EMAIL: Final = (
    Operation(
        method="POST",
        path="/me/email",
        message=email.RequestEmailChange,
        answer=with_form,
        body=email.EmailChangeForm,
        replies={202: "A mail with a link is on its way to the new address"},
        idempotency_key=True,
        problems=("RATE_LIMITED",),
        step_up=True,
    ),
    Operation(
        method="POST",
        path="/auth/email/confirm",
        message=email.ConfirmEmailChange,
        call_group="account",
        answer=confirm_email,
        body=ConfirmEmailBody,
        replies={204: "The new address logs in from now on"},
        problems=("EMAIL_LINK_INVALID",),
    ),
)
_FACTORS: Final = (
    Operation(
        method="GET",
        path="/me/second-factors",
        message=factors.ReadSecondFactors,
        replies={200: "What protects the log-in beside the password"},
    ),
    Operation(
        method="POST",
        path="/me/authenticator/begin",
        message=factors.BeginAuthenticator,
        answer=with_form,
        replies={200: "A seed for an authenticator app; it counts once it is confirmed"},
        step_up=True,
    ),
    Operation(
        method="POST",
        path="/me/authenticator",
        message=factors.ConfirmAuthenticator,
        answer=with_form,
        body=factors.CodeForm,
        replies={200: "In force. The recovery codes are shown this once"},
        problems=("SECOND_FACTOR_WRONG", "RATE_LIMITED"),
        step_up=True,
    ),
    Operation(
        method="DELETE",
        path="/me/authenticator",
        message=factors.RemoveAuthenticator,
        answer=done,
        replies={204: "Codes are not asked for any more"},
        problems=("LONGER_PASSWORD_NEEDED",),
        step_up=True,
    ),
    Operation(
        method="POST",
        path="/me/recovery-codes",
        message=factors.RenewRecoveryCodes,
        answer=with_form,
        replies={200: "Fresh codes, shown this once; the earlier ones are over"},
        problems=("NOT_FOUND",),
        step_up=True,
    ),
)
_PASSKEYS: Final = (
    Operation(
        method="POST",
        path="/me/passkeys/begin",
        message=passkeys.BeginPasskey,
        answer=with_form,
        replies={200: "A challenge for the browser"},
        problems=("LIMIT_REACHED",),
        step_up=True,
    ),
    Operation(
        method="POST",
        path="/me/passkeys",
        message=passkeys.AddPasskey,
        answer=with_form,
        body=passkeys.PasskeyForm,
        replies={201: "Added"},
        problems=("PASSKEY_REFUSED",),
        step_up=True,
    ),
    Operation(
        method="DELETE",
        path="/me/passkeys/{passkeyId}",
        message=passkeys.RemovePasskey,
        answer=done,
        replies={204: "Forgotten"},
        problems=("NOT_FOUND",),
        step_up=True,
    ),
    Operation(
        method="POST",
        path="/auth/passkey/begin",
        message=passkeys.BeginPasskeyLogIn,
        call_group="account",
        answer=begin_passkey_log_in,
        replies={200: "A challenge for the browser, the same for everybody"},
        problems=("RATE_LIMITED",),
    ),
    Operation(
        method="POST",
        path="/auth/passkey",
        message=passkeys.LogInWithPasskey,
        call_group="account",
        answer=log_in_with_passkey,
        body=PasskeyLogInBody,
        reply=LoggedIn,
        replies={200: "Signed in"},
        problems=("CREDENTIALS_WRONG", "RATE_LIMITED"),
        reply_headers=SETS_COOKIES,
    ),
)
_API_TOKENS: Final = (
    Operation(method="GET", path="/me/api-tokens", message=api_tokens.ListApiTokens, replies={200: "Tokens in force"}),
    Operation(
        method="POST",
        path="/me/api-tokens",
        message=api_tokens.MakeApiToken,
        answer=with_form,
        body=api_tokens.ApiTokenForm,
        replies={201: "Made. Its secret is shown this once"},
        idempotency_key=True,
        problems=("LIMIT_REACHED",),
        step_up=True,
    ),
    Operation(
        method="DELETE",
        path="/me/api-tokens/{tokenId}",
        message=api_tokens.RevokeApiToken,
        answer=done,
        replies={204: "It is over, everywhere within 5 seconds"},
        problems=("NOT_FOUND",),
    ),
)
_VERIFICATION: Final = (
    Operation(
        method="GET",
        path="/me/verification",
        message=verification.ReadVerification,
        replies={200: "How far it is, and what each commodity asks for"},
        vendors=("SALESFORCE_UNAVAILABLE",),
    ),
    Operation(
        method="POST",
        path="/me/verification/{commodity}/documents",
        message=verification.SubmitDocument,
        answer=submit_document,
        upload=verification.MOST_BYTES,
        replies={202: "Handed in: staff look at it"},
        problems=(
            "DOCUMENT_REFUSED",
            "FILE_INFECTED",
            "VERIFICATION_NOT_POSSIBLE",
            "NOT_FOUND",
            "RATE_LIMITED",
            "IN_PROGRESS",
            "VIRUS_SCANNER_UNAVAILABLE",
        ),
        vendors=("SALESFORCE_UNAVAILABLE",),
    ),
    Operation(
        method="POST",
        path="/me/verification/{commodity}/identity-check",
        message=verification.BeginIdentityCheck,
        answer=with_form,
        replies={200: "Where to prove it, in this browser; it works once and for some minutes"},
        problems=("VERIFICATION_NOT_POSSIBLE", "PERSON_INCOMPLETE", "NOT_FOUND", "RATE_LIMITED"),
        vendors=("SALESFORCE_UNAVAILABLE", "IDENTITY_PROVIDER_UNAVAILABLE"),
    ),
    Operation(
        method="POST",
        path="/auth/verification",
        message=verification.ConcludeIdentityCheck,
        answer=with_form,
        body=verification.IdentityCheckForm,
        replies={200: "Compared with what is on file; sent again it answers the same"},
        problems=("IDENTITY_CHECK_OVER", "IDENTITY_NOT_PROVEN", "PERSON_INCOMPLETE", "RATE_LIMITED", "IN_PROGRESS"),
        vendors=("SALESFORCE_UNAVAILABLE", "IDENTITY_PROVIDER_UNAVAILABLE"),
    ),
)
_PERSONAL_DATA: Final = (
    Operation(
        method="GET",
        path="/me/export",
        message=data.ExportPersonalData,
        answer=export,
        replies={200: "Everything that is kept about the customer, by system"},
        problems=("RATE_LIMITED",),
        vendors=("SALESFORCE_UNAVAILABLE", "WHMCS_UNAVAILABLE"),
        step_up=True,
    ),
    Operation(method="GET", path="/me/deletion", message=data.ReadDeletion, replies={200: "How far it is"}),
    Operation(
        method="POST",
        path="/me/deletion",
        message=data.RequestDeletion,
        answer=with_form,
        replies={202: "It will be deleted at the time given, unless it is taken back before"},
        idempotency_key=True,
        problems=("DELETION_NOT_POSSIBLE", "DELETION_ORDER_OPEN", "DELETION_CANCELLATION_OPEN"),
        vendors=("WHMCS_UNAVAILABLE",),
        step_up=True,
    ),
    Operation(
        method="DELETE",
        path="/me/deletion",
        message=data.WithdrawDeletion,
        answer=done,
        replies={204: "The account is kept"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/operator/deletions",
        message=data.ListDeletions,
        replies={200: "Wishes to be deleted, with the proof of each system"},
        tag="operator",
    ),
)
OPERATIONS: Final = (
    *_SESSIONS,
    *_EMAIL,
    *_FACTORS,
    *_PASSKEYS,
    *_API_TOKENS,
    *_VERIFICATION,
    *_PERSONAL_DATA,
)
