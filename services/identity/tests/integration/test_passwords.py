"""A forgotten password and a changed one, on a real Postgres (R046, R047, R050; reference reliability.md (c) §7)."""

import asyncio
from uuid import uuid4

import pytest

from portal_chassis.actor import Actor
from portal_contracts.identity import (
    LogIn,
    MintActor,
    OpenedSession,
    SessionRevoked,
)
from portal_contracts.identity_passwords import (
    ChangePassword,
    MintPasswordResetLink,
    NewPasswordForm,
    PasswordChanged,
    PasswordChangeForm,
    PasswordResetRequested,
    RequestPasswordReset,
    ResetPassword,
)
from portal_contracts.problems import Refused, TryLater
from portal_identity.testing import ACCOUNT_ID, PASSPHRASE, form

NEW = "another-long-and-fake-phrase"
OTHER = "yet-one-more-invented-sentence"
HANAKO = "hanako@example.jp"


def log_in(password: str = PASSPHRASE) -> LogIn:
    return LogIn(request_id="request-0001", email=HANAKO, password=password, client_address="192.0.2.1")


def reset(token: str, password: str = NEW) -> ResetPassword:
    wanted = NewPasswordForm(token=token, password=password, confirm_password=password)
    return ResetPassword(request_id="request-0001", form=wanted, client_address="192.0.2.1")


def change(current: str, password: str = NEW) -> ChangePassword:
    wanted = PasswordChangeForm(current_password=current, password=password, confirm_password=password)
    return ChangePassword(request_id="request-0001", form=wanted, client_address="192.0.2.1")


async def ask_for_reset(identity, email: str = HANAKO, request_id: str = "", address: str = "192.0.2.1") -> str:
    """Ask, and give the id that the event carries."""
    request_id = request_id or f"request-{uuid4()}"
    await identity.keep_reset(RequestPasswordReset(request_id=request_id, email=email, client_address=address))
    return str(await identity.database.fetchval("SELECT id FROM password_reset WHERE request_id = $1", request_id))


async def link(identity, reset_id: str | None = None) -> str:
    """Give the token that the mail of a reset carries."""
    reset_id = reset_id or await ask_for_reset(identity)
    return (await identity.mint_reset_link(MintPasswordResetLink(reset_id=reset_id))).token


async def actor_of(identity, session: OpenedSession) -> Actor:
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    return identity.verifier.verify(minted.actor_token)


def of(identity, kind: type) -> list:
    return [event for event in identity.events if isinstance(event, kind)]


@pytest.fixture
async def session(identity) -> OpenedSession:
    await identity.confirm(await identity.request(form()))
    return await identity.open_session(log_in())


async def test_a_mailed_link_sets_a_new_password_and_signs_everybody_out(identity, session) -> None:  # R046, R047
    second = await identity.open_session(log_in())
    actors = [await actor_of(identity, one) for one in (session, second)]
    await identity.use_reset_link(reset(await link(identity)))
    for one in (session, second):
        with pytest.raises(Refused, match="SESSION_EXPIRED"):
            await identity.mint_actor(MintActor(session_token=one.session_token))
    revoked = {event.session_id for event in of(identity, SessionRevoked)}
    assert revoked == {actor.session_id for actor in actors}
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await identity.open_session(log_in())
    assert (await identity.open_session(log_in(NEW))).user_id == session.user_id
    assert [event.account_id for event in of(identity, PasswordChanged)] == [ACCOUNT_ID]


async def test_a_link_works_once(identity, session) -> None:  # R047
    token = await link(identity)
    await identity.use_reset_link(reset(token))
    with pytest.raises(Refused, match="PASSWORD_LINK_INVALID"):
        await identity.use_reset_link(reset(token, OTHER))
    assert (await identity.open_session(log_in(NEW))).user_id == session.user_id


async def test_twenty_uses_of_one_link_at_once_set_one_password(identity, session) -> None:
    token = await link(identity)
    answers = await asyncio.gather(
        *(identity.use_reset_link(reset(token, f"{NEW} number {n}")) for n in range(20)), return_exceptions=True
    )
    assert sum(not isinstance(answer, Exception) for answer in answers) == 1
    assert len(of(identity, PasswordChanged)) == 1
    assert await identity.database.fetchval("SELECT password_version FROM portal_user") == 2


async def test_using_one_link_ends_all_others_also_those_not_mailed_yet(identity, session) -> None:
    waiting = await ask_for_reset(identity)
    first, second = await link(identity), await link(identity)
    await identity.use_reset_link(reset(first))
    with pytest.raises(Refused, match="PASSWORD_LINK_INVALID"):
        await identity.use_reset_link(reset(second))
    with pytest.raises(Refused, match="NOT_FOUND"):
        await link(identity, waiting)


async def test_a_second_request_leaves_the_first_link_good(identity, session) -> None:
    """Otherwise whoever knows an address could keep its owner from ever using a link."""
    first = await link(identity)
    await link(identity)
    await identity.use_reset_link(reset(first))


async def test_a_link_minted_again_for_one_mail_replaces_the_earlier(identity, session) -> None:
    reset_id = await ask_for_reset(identity)
    first, second = await link(identity, reset_id), await link(identity, reset_id)
    with pytest.raises(Refused, match="PASSWORD_LINK_INVALID"):
        await identity.use_reset_link(reset(first))
    await identity.use_reset_link(reset(second))


async def test_a_link_dies_when_the_password_changes_otherwise(identity, session) -> None:
    token = await link(identity)
    await identity.change_password(await actor_of(identity, session), change(PASSPHRASE))
    with pytest.raises(Refused, match="PASSWORD_LINK_INVALID"):
        await identity.use_reset_link(reset(token, OTHER))


async def test_a_link_is_bound_to_the_version_of_the_password_it_was_minted_for(identity, session) -> None:
    token = await link(identity)
    await identity.database.execute("UPDATE portal_user SET password_version = password_version + 1")
    with pytest.raises(Refused, match="PASSWORD_LINK_INVALID"):
        await identity.use_reset_link(reset(token))


@pytest.mark.parametrize("age", ["link_expires_at = now() - interval '1 minute'", "link_hash = NULL"])
async def test_an_old_or_unknown_link_is_refused(identity, session, age) -> None:
    token = await link(identity)
    await identity.database.execute(f"UPDATE password_reset SET {age}")
    with pytest.raises(Refused, match="PASSWORD_LINK_INVALID"):
        await identity.use_reset_link(reset(token))


async def test_a_link_lives_half_an_hour_at_most(identity, session) -> None:
    await link(identity)
    age = await identity.database.fetchval("SELECT extract(epoch FROM link_expires_at - now()) FROM password_reset")
    assert 1700 < age <= 1801


async def test_a_mail_that_waited_for_a_day_gets_no_link(identity, session) -> None:
    reset_id = await ask_for_reset(identity)
    await identity.database.execute("UPDATE password_reset SET requested_at = now() - interval '25 hours'")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await link(identity, reset_id)
    await identity.resets.sweep()
    assert await identity.database.fetchval("SELECT count(*) FROM password_reset") == 0


async def test_a_known_and_an_unknown_address_get_one_answer_after_the_same_work(identity, session) -> None:
    ids, answers = [], []
    for email in (HANAKO, "nobody@example.jp"):
        command = RequestPasswordReset(request_id=f"request-{email}", email=email, client_address="192.0.2.1")
        answers.append(await identity.keep_reset(command))
        ids.append(of(identity, PasswordResetRequested)[-1].reset_id)
    assert answers[0] == answers[1]
    counts = (
        "SELECT (SELECT count(*) FROM password_reset), (SELECT count(*) FROM rate_window WHERE scope LIKE 'reset%')"
    )
    assert tuple(await identity.database.fetchrow(counts)) == (2, 3)  # one network address, two mailboxes
    assert await link(identity, ids[0])
    with pytest.raises(Refused, match="NOT_FOUND"):
        await link(identity, ids[1])


async def test_one_request_sent_twice_is_one_mail(identity, session) -> None:
    for _ in range(2):
        await ask_for_reset(identity, request_id="request-0001")
    assert len(of(identity, PasswordResetRequested)) == 1


@pytest.mark.parametrize("email", [HANAKO, "nobody@example.jp"])
async def test_a_mailbox_is_not_flooded_whether_it_is_known_or_not(identity, session, email) -> None:  # D18
    for number in range(5):
        await ask_for_reset(identity, email, address=f"192.0.2.{number}")
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await ask_for_reset(identity, email.upper(), address="192.0.2.99")


async def test_a_network_address_may_not_ask_without_end(identity, session) -> None:
    for number in range(identity.settings.resets_an_hour_per_address):
        await ask_for_reset(identity, f"somebody-{number}@example.jp")
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await ask_for_reset(identity, "one-more@example.jp")


async def test_a_weak_password_is_refused_and_the_link_still_works(identity, session) -> None:
    token = await link(identity)
    for weak in ("short", "hanako@example.jp", "passwordpassword"):
        with pytest.raises(Refused) as caught:
            await identity.use_reset_link(reset(token, weak))
        assert (caught.value.code, caught.value.fields[0].field) == ("PASSWORD_TOO_WEAK", "password")
    await identity.use_reset_link(reset(token))


async def test_a_reset_lets_an_owner_in_whose_log_in_others_slowed_down(identity, session) -> None:  # R049
    for _ in range(12):
        await identity.brakes.failed(HANAKO, "198.51.100.9")
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.open_session(log_in())
    await identity.use_reset_link(reset(await link(identity)))
    assert (await identity.open_session(log_in(NEW))).user_id == session.user_id


async def test_a_customer_changes_the_password_and_the_other_sessions_end(identity, session) -> None:
    second = await identity.open_session(log_in())
    mine = await actor_of(identity, session)
    other = await actor_of(identity, second)
    await identity.change_password(mine, change(PASSPHRASE))
    assert (await actor_of(identity, session)).session_id == mine.session_id
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await identity.mint_actor(MintActor(session_token=second.session_token))
    assert of(identity, SessionRevoked) == [SessionRevoked(session_id=other.session_id)]
    assert len(of(identity, PasswordChanged)) == 1
    assert (await identity.open_session(log_in(NEW))).user_id == session.user_id


async def test_a_thief_of_a_session_can_neither_guess_on_nor_slow_the_owners_log_in(identity, session) -> None:
    mine = await actor_of(identity, session)
    for _ in range(5):
        with pytest.raises(Refused) as caught:
            await identity.change_password(mine, change("wrong-but-long-passphrase"))
        assert (caught.value.code, caught.value.fields[0].field) == ("CURRENT_PASSWORD_WRONG", "currentPassword")
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.change_password(mine, change(PASSPHRASE))
    assert (await identity.open_session(log_in())).user_id == session.user_id
    assert of(identity, PasswordChanged) == []


async def test_a_log_in_that_began_before_the_change_opens_no_session(identity, session) -> None:
    user = await identity.users.by_email(HANAKO)
    await identity.use_reset_link(reset(await link(identity)))
    late = session.model_copy(update={"session_token": "late-session-token-0001"})
    assert await identity.sessions.open(late, user.password_version, "192.0.2.1", "tests") is False
    assert await identity.database.fetchval("SELECT count(*) FROM session WHERE revoked_at IS NULL") == 0


async def test_passwords_and_links_are_audited_and_stored_as_hashes_only(identity, session) -> None:  # R050
    token = await link(identity)
    with pytest.raises(Refused):
        await identity.change_password(await actor_of(identity, session), change("wrong-but-long-passphrase"))
    await identity.change_password(await actor_of(identity, session), change(PASSPHRASE, OTHER))
    await identity.use_reset_link(reset(await link(identity)))
    rows = [dict(row) for row in await identity.database.fetch("SELECT user_id, event FROM audit_entry ORDER BY id")]
    assert [row["event"] for row in rows][2:] == [
        "password_reset_requested",
        "password_change_failed",
        "password_changed",
        "password_reset_requested",
        "password_reset",
    ]
    assert {str(row["user_id"]) for row in rows if row["event"] in {"password_changed", "password_reset"}} == {
        session.user_id
    }
    for table in ("password_reset", "portal_user", "audit_entry"):
        kept = str([dict(row) for row in await identity.database.fetch(f"SELECT * FROM {table}")])
        assert not any(secret in kept for secret in (token, NEW, OTHER, PASSPHRASE))


@pytest.mark.parametrize("email", ["nobody@example.jp", "nobody-else@example.jp"])
async def test_one_key_is_not_taken_for_resets_of_two_addresses(identity, session, email) -> None:  # D18: known or not
    await ask_for_reset(identity, request_id="request-reset-1")
    await ask_for_reset(identity, request_id="request-reset-1")
    assert len(of(identity, PasswordResetRequested)) == 1
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await ask_for_reset(identity, email, request_id="request-reset-1")
    await ask_for_reset(identity, email, request_id="request-reset-2")
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await ask_for_reset(identity, HANAKO, request_id="request-reset-2")
