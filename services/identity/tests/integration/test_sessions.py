from hashlib import sha256

import asyncpg
import pytest

from portal_chassis.actor import Actor
from portal_contracts.identity import LogIn, MintActor, OpenedSession, SessionRevoked
from portal_contracts.problems import Refused, TryLater
from portal_identity.testing import ACCOUNT_ID, PASSPHRASE, form


def attempt(password: str = PASSPHRASE, email: str = "hanako@example.jp", address: str = "192.0.2.1") -> LogIn:
    return LogIn(request_id="request-0001", email=email, password=password, client_address=address)


@pytest.fixture
async def session(identity) -> OpenedSession:
    await identity.confirm(await identity.request(form()))
    return await identity.open_session(attempt())


async def test_a_session_token_is_exchanged_for_a_token_every_service_can_check(identity, session) -> None:
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    actor = identity.verifier.verify(minted.actor_token)
    assert (actor.user_id, actor.account_id, actor.whmcs_client_id) == (session.user_id, ACCOUNT_ID, 7000)
    assert (actor.session_id, actor.roles, actor.locale) == (minted.session_id, ("customer",), "ja")
    assert minted.csrf_token == session.csrf_token
    me = await identity.read_customer.me(actor.user_id)
    assert (me.email, me.customer_number) == ("hanako@example.jp", "SNX-10001")


@pytest.mark.parametrize(
    ("password", "email"), [("wrong-but-long-passphrase", "hanako@example.jp"), (PASSPHRASE, "nobody@example.jp")]
)
async def test_a_wrong_password_and_an_unknown_mailbox_are_told_alike(identity, session, password, email) -> None:
    with pytest.raises(Refused) as caught:
        await identity.open_session(attempt(password, email))
    assert (caught.value.code, caught.value.facts, caught.value.fields) == ("CREDENTIALS_WRONG", {}, ())


@pytest.mark.parametrize("email", ["hanako@example.jp", "nobody@example.jp"])
async def test_failures_slow_the_next_try_down_for_known_and_unknown_alike(identity, session, email) -> None:  # R049
    for _ in range(5):
        with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
            await identity.open_session(attempt("wrong-but-long-passphrase", email))
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.open_session(attempt("wrong-but-long-passphrase", email))


async def test_an_attacker_cannot_lock_the_owner_out_for_good(identity, session) -> None:
    for _ in range(12):
        await identity.brakes.failed("hanako@example.jp", "198.51.100.9")
    wait = await identity.database.fetchval("SELECT extract(epoch FROM blocked_until - now()) FROM login_failure")
    assert 0 < wait <= 900
    await identity.database.execute("UPDATE login_failure SET blocked_until = now()")
    assert (await identity.open_session(attempt())).user_id == session.user_id


async def test_guesses_of_strangers_do_not_slow_a_browser_down_that_the_owner_has_used(identity, session) -> None:
    known = sha256(session.session_token.encode()).hexdigest()
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    await identity.close_session(identity.verifier.verify(minted.actor_token))
    for _ in range(200):
        await identity.brakes.failed("hanako@example.jp", "198.51.100.9")
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.open_session(attempt())
    stranger = attempt().model_copy(update={"device": "0" * 64})
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.open_session(stranger)
    assert (await identity.open_session(attempt().model_copy(update={"device": known}))).user_id == session.user_id
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.open_session(attempt())


async def test_a_known_browser_is_braked_itself_and_known_for_its_owner_alone(identity, session) -> None:
    known = {"device": sha256(session.session_token.encode()).hexdigest()}
    for _ in range(5):
        with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
            await identity.open_session(attempt("wrong-but-long-passphrase").model_copy(update=known))
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.open_session(attempt().model_copy(update=known))
    assert (await identity.open_session(attempt())).user_id == session.user_id
    for _ in range(5):
        await identity.brakes.failed("nobody@example.jp", "198.51.100.9")
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.open_session(attempt(email="nobody@example.jp").model_copy(update=known))


async def test_log_out_ends_the_session_and_tells_everybody_once(identity, session) -> None:
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    actor: Actor = identity.verifier.verify(minted.actor_token)
    await identity.close_session(actor)
    await identity.close_session(actor)
    assert [event for event in identity.events if isinstance(event, SessionRevoked)] == [
        SessionRevoked(session_id=minted.session_id)
    ]
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await identity.mint_actor(MintActor(session_token=session.session_token))


@pytest.mark.parametrize(
    "change",
    [
        "last_used_at = now() - interval '31 minutes'",
        "expires_at = now() - interval '1 second'",
        "revoked_at = now()",
    ],
)
async def test_an_idle_old_or_revoked_session_is_over(identity, session, change) -> None:
    await identity.database.execute(f"UPDATE session SET {change}")
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await identity.mint_actor(MintActor(session_token=session.session_token))


async def test_use_keeps_a_session_alive(identity, session) -> None:
    await identity.database.execute("UPDATE session SET last_used_at = now() - interval '29 minutes'")
    await identity.mint_actor(MintActor(session_token=session.session_token))
    idle = await identity.database.fetchval("SELECT extract(epoch FROM now() - last_used_at) FROM session")
    assert idle < 60


async def test_tokens_are_stored_as_hashes_only(identity, session) -> None:
    rows = str([dict(row) for row in await identity.database.fetch("SELECT * FROM session")])
    assert session.session_token not in rows
    assert PASSPHRASE not in str([dict(row) for row in await identity.database.fetch("SELECT * FROM portal_user")])


async def test_security_events_are_audited_and_the_audit_cannot_be_changed(identity, session) -> None:  # R050
    with pytest.raises(Refused):
        await identity.open_session(attempt("wrong-but-long-passphrase"))
    events = [row["event"] for row in await identity.database.fetch("SELECT event FROM audit_entry ORDER BY id")]
    assert events == ["registered", "logged_in", "log_in_failed"]
    for statement in ("DELETE FROM audit_entry", "UPDATE audit_entry SET event = 'x'", "TRUNCATE audit_entry"):
        with pytest.raises(asyncpg.RaiseError):
            await identity.database.execute(statement)
