"""The answer of every way to sign in. Session tokens leave in cookies and nowhere else."""

from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import uuid4

from pydantic import Field

from portal_contracts.identity import LogOut, OpenedSession
from portal_contracts.message import Message
from portal_contracts.problems import PortalProblem
from portal_gateway.exchange import Exchange
from portal_gateway.reply import NO_STORE, Headers, Reply, message_reply

SETS_COOKIES: Final = {
    "Set-Cookie": "The session, which only the browser sees, the CSRF token, which pages read, a mark of the browser",
}
OF_OPERATORS: Final = "/operator/"
DELETES_COOKIES: Final = {"Set-Cookie": "Deletes both cookies"}


class LoggedIn(Message):
    """Who is signed in now; the session itself is in the cookies."""

    user_id: str
    expires_at: datetime = Field(description="When the session ends at the latest")


async def signed_in_reply(exchange: Exchange, opened: OpenedSession) -> Reply:
    """Hand out a fresh session; one that came along ends, so that none is planted (fixation)."""
    await _end_earlier_session(exchange)
    return _opened_reply(exchange, opened)


def renewed_reply(exchange: Exchange, opened: OpenedSession) -> Reply:
    """Hand out the tokens of a session that took the place of the caller's."""
    exchange.gateway.sessions.forget(exchange.signed_in().actor.session_id)
    return _opened_reply(exchange, opened)


async def signed_out_reply(exchange: Exchange) -> Reply:
    """End the caller's session everywhere and delete the cookies."""
    await exchange.ask(LogOut(request_id=str(uuid4()), client_address=exchange.client_address))
    return forgotten_reply(exchange)


def forgotten_reply(exchange: Exchange) -> Reply:
    """Delete the cookies of a session that has just ended."""
    exchange.gateway.sessions.forget(exchange.signed_in().actor.session_id)
    return Reply(204, b"", [NO_STORE, *_set(exchange.gateway.cookies.closed())])


def _opened_reply(exchange: Exchange, opened: OpenedSession) -> Reply:
    """Set the cookies; operators' browsers are not marked, so that a customer's mark stays."""
    cookies, now = exchange.gateway.cookies, exchange.gateway.clock.now()
    set_now = cookies.opened(opened.session_token, opened.csrf_token, opened.expires_at, now)
    if not exchange.operation.path.startswith(OF_OPERATORS):
        set_now.append(cookies.known(opened.session_token))
    return message_reply(LoggedIn(user_id=opened.user_id, expires_at=opened.expires_at), 200, *_set(set_now))


async def _end_earlier_session(exchange: Exchange) -> None:
    gateway = exchange.gateway
    token = gateway.cookies.session_token(exchange.headers.get(b"cookie"))
    if token is None:
        return
    with suppress(PortalProblem):  # a session that is over already needs no ending
        earlier = await gateway.sessions.signed_in(token)
        ended = LogOut(request_id=str(uuid4()), client_address=exchange.client_address)
        await gateway.bus.ask(ended, actor=earlier.actor_token)
        gateway.sessions.forget(earlier.actor.session_id)


def _set(cookies: list[bytes]) -> Headers:
    return [(b"set-cookie", cookie) for cookie in cookies]
