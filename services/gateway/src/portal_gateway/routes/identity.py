"""Sign-up, log-in and who one is."""

from typing import Final
from uuid import uuid4

from portal_contracts import (
    identity,
    identity_passwords,
)
from portal_contracts import identity_linking as linking
from portal_contracts.identity_signup_form import ReadSignupForm
from portal_gateway.exchange import Exchange
from portal_gateway.micro_cache import CachePolicy
from portal_gateway.operation import Operation, without
from portal_gateway.reply import NO_STORE, Reply, message_reply
from portal_gateway.signed_in_reply import DELETES_COOKIES, SETS_COOKIES, LoggedIn, signed_in_reply, signed_out_reply

_UNPROVEN: Final = (
    "SIGNUP_LINK_INVALID",
    "SIGNUP_PASSWORD_WRONG",
    "CUSTOMER_NUMBER_TAKEN",
    "EMAIL_TAKEN",
    "CUSTOMER_NUMBER_NOT_PROVEN",
    "BILLING_ACCOUNT_EXISTS",
    "LINKING_NOT_POSSIBLE",
    "TOO_MANY_FAILURES",
)
_UNLINKED: Final = ("LINKING_NOT_POSSIBLE", "CUSTOMER_NUMBER_TAKEN", "EMAIL_TAKEN", "LINK_MISMATCH")
ResetRequestBody: Final = without(identity_passwords.RequestPasswordReset, "request_id", "client_address")
ConfirmSignupBody: Final = without(identity.ConfirmSignup, "client_address")
LogInBody: Final = without(identity.LogIn, "request_id", "client_address", "user_agent", "device")


async def sign_up(exchange: Exchange) -> Reply:
    """Keep the form; every well-formed one gets the same answer (C39)."""
    form = await exchange.body(identity.SignupForm)
    accepted = await exchange.ask(
        identity.RequestSignup(request_id=exchange.request_id(), form=form, client_address=exchange.client_address)
    )
    return message_reply(accepted, 202)


async def confirm_signup(exchange: Exchange) -> Reply:
    """Use the mailed link; 202 while the sign-up is still worked on."""
    body = await exchange.body(ConfirmSignupBody)
    signup = await exchange.ask(identity.ConfirmSignup(**dict(body), client_address=exchange.client_address))
    if signup.state == "done":
        return message_reply(signup)
    return message_reply(signup, 202, (b"retry-after", b"2"))


async def link_account(exchange: Exchange) -> Reply:
    """Link an existing WHMCS account; its password is in this one request alone (R045)."""
    form = await exchange.body(linking.LinkForm)
    asked = linking.LinkAccount(request_id=str(uuid4()), form=form, client_address=exchange.client_address)
    return _linking(await exchange.ask(asked))


async def continue_linking(exchange: Exchange) -> Reply:
    """Give the mailed code, or look how far it is."""
    form = await exchange.body(linking.LinkCodeForm)
    asked = linking.ContinueLinking(request_id=str(uuid4()), form=form, client_address=exchange.client_address)
    return _linking(await exchange.ask(asked))


def _linking(found: linking.Linking) -> Reply:
    """Answer 202 while something is left to do; asking again makes sense by itself only while we work."""
    if found.state == "done":
        return message_reply(found)
    wait = [(b"retry-after", b"2")] if found.state == "working" else []
    return message_reply(found, 202, *wait)


async def log_in(exchange: Exchange) -> Reply:
    """Open a session of its own."""
    body = await exchange.body(LogInBody)
    opened = await exchange.ask(
        identity.LogIn(
            **dict(body),
            request_id=str(uuid4()),
            client_address=exchange.client_address,
            user_agent=exchange.user_agent(),
            device=exchange.gateway.cookies.device_mark(exchange.headers.get(b"cookie")),
        )
    )
    return await signed_in_reply(exchange, opened)


async def read_me(exchange: Exchange) -> Reply:
    """Tell who is signed in, and the CSRF token for a page that cannot read the cookie."""
    reply = await exchange.pass_through()
    reply.headers.append((b"x-csrf-token", exchange.signed_in().session.csrf_token.encode()))
    return reply


async def request_password_reset(exchange: Exchange) -> Reply:
    """Have a link mailed; a known and an unknown address get the same answer (R046)."""
    body = await exchange.body(ResetRequestBody)
    accepted = await exchange.ask(
        identity_passwords.RequestPasswordReset(
            **dict(body), request_id=exchange.request_id(), client_address=exchange.client_address
        )
    )
    return message_reply(accepted, 202)


async def reset_password(exchange: Exchange) -> Reply:
    """Use the mailed link; the cookies of a session that came along lead nowhere now."""
    form = await exchange.body(identity_passwords.NewPasswordForm)
    await exchange.ask(
        identity_passwords.ResetPassword(request_id=str(uuid4()), form=form, client_address=exchange.client_address)
    )
    return Reply(204, b"", [NO_STORE])


async def change_password(exchange: Exchange) -> Reply:
    """Change the caller's password; this session goes on, the others end."""
    form = await exchange.body(identity_passwords.PasswordChangeForm)
    await exchange.ask(
        identity_passwords.ChangePassword(request_id=str(uuid4()), form=form, client_address=exchange.client_address)
    )
    return Reply(204, b"", [NO_STORE])


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/auth/signup",
        message=identity.RequestSignup,
        call_group="account",
        answer=sign_up,
        body=identity.SignupForm,
        replies={202: "A mail with a link is on its way"},
        idempotency_key=True,
        problems=("CUSTOMER_NUMBER_CONFLICT", "PASSWORD_TOO_WEAK", "RATE_LIMITED", "IDEMPOTENCY_KEY_REUSED"),
    ),
    Operation(
        method="POST",
        path="/auth/signup/confirm",
        message=identity.ConfirmSignup,
        call_group="account",
        answer=confirm_signup,
        body=ConfirmSignupBody,
        replies={200: "Signed up", 202: "Still being worked on: send it again to see how far it is"},
        problems=_UNPROVEN,
    ),
    Operation(
        method="GET",
        path="/auth/signup/form",
        message=ReadSignupForm,
        call_group="catalog",
        cache=CachePolicy("public", seconds=300),
        replies={200: "What the sign-up form asks for here, as a JSON Schema"},
    ),
    Operation(
        method="POST",
        path="/auth/link",
        message=linking.LinkAccount,
        call_group="account",
        answer=link_account,
        body=linking.LinkForm,
        replies={200: "Linked: log in with the new password", 202: "A code was mailed, or it is being worked on"},
        problems=("CREDENTIALS_WRONG", "PASSWORD_TOO_WEAK", "RATE_LIMITED", *_UNLINKED),
    ),
    Operation(
        method="POST",
        path="/auth/link/confirm",
        message=linking.ContinueLinking,
        call_group="account",
        answer=continue_linking,
        body=linking.LinkCodeForm,
        replies={200: "Linked: log in with the new password", 202: "The code is missing, or it is being worked on"},
        problems=("LINKING_OVER", "SECOND_FACTOR_WRONG", "RATE_LIMITED", *_UNLINKED),
    ),
    Operation(
        method="POST",
        path="/auth/login",
        message=identity.LogIn,
        call_group="account",
        answer=log_in,
        body=LogInBody,
        reply=LoggedIn,
        replies={200: "Signed in"},
        problems=("CREDENTIALS_WRONG", "SECOND_FACTOR_REQUIRED", "SECOND_FACTOR_WRONG", "RATE_LIMITED"),
        reply_headers=SETS_COOKIES,
    ),
    Operation(
        method="POST",
        path="/auth/logout",
        message=identity.LogOut,
        answer=signed_out_reply,
        replies={204: "Signed out"},
        reply_headers=DELETES_COOKIES,
    ),
    Operation(
        method="POST",
        path="/auth/password/request-reset",
        message=identity_passwords.RequestPasswordReset,
        call_group="account",
        answer=request_password_reset,
        body=ResetRequestBody,
        replies={202: "If the address is known, a mail with a link is on its way"},
        idempotency_key=True,
        problems=("RATE_LIMITED", "IDEMPOTENCY_KEY_REUSED"),
    ),
    Operation(
        method="POST",
        path="/auth/password/reset",
        message=identity_passwords.ResetPassword,
        call_group="account",
        answer=reset_password,
        body=identity_passwords.NewPasswordForm,
        replies={204: "The password is set and every session of the customer has ended"},
        problems=("PASSWORD_LINK_INVALID", "PASSWORD_TOO_WEAK", "RATE_LIMITED"),
    ),
    Operation(
        method="POST",
        path="/auth/password",
        message=identity_passwords.ChangePassword,
        answer=change_password,
        body=identity_passwords.PasswordChangeForm,
        replies={204: "Changed; the customer's other sessions have ended"},
        problems=("CURRENT_PASSWORD_WRONG", "PASSWORD_TOO_WEAK", "RATE_LIMITED"),
    ),
    Operation(
        method="GET",
        path="/me",
        message=identity.ReadMe,
        scope="identity:read",
        answer=read_me,
        replies={200: "The signed-in customer"},
        reply_headers={"X-CSRF-Token": "What state changes with the session's cookie must send in the same header"},
    ),
)
