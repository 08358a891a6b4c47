"""An end to guessing: after a hundred wrong passwords in a row none is right, until the owner proves it otherwise.

NIST 800-63B-4 and reference reliability.md (c) §7; told alike for known and unknown addresses (D18).
"""

import pytest

from portal_contracts.identity import LogIn, MintActor, OpenedSession
from portal_contracts.identity_passkeys import (
    AddPasskey,
    BeginPasskeyLogIn,
    LogInWithPasskey,
    PasskeyAnswer,
    PasskeyForm,
)
from portal_contracts.identity_passwords import (
    ChangePassword,
    MintPasswordResetLink,
    NewPasswordForm,
    PasswordChangeForm,
    RequestPasswordReset,
    ResetPassword,
)
from portal_contracts.identity_sessions import StepUp, StepUpForm
from portal_contracts.problems import Refused
from portal_identity.store_brakes import MOST_FAILURES
from portal_identity.testing import PASSPHRASE, SoftwarePasskey, form

HANAKO = "hanako@example.jp"
NEW = "another-long-and-fake-phrase"
ASK = {"request_id": "request-0001", "client_address": "192.0.2.1"}


def attempt(password: str = PASSPHRASE, email: str = HANAKO) -> LogIn:
    return LogIn(email=email, password=password, **ASK)


@pytest.fixture
async def session(identity) -> OpenedSession:
    await identity.confirm(await identity.request(form()))
    return await identity.open_session(attempt())


@pytest.fixture
async def actor(identity, session):
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    return identity.verifier.verify(minted.actor_token)


async def hundred_failures(identity, account: str = HANAKO, failures: int = MOST_FAILURES) -> None:
    """As if they had been spread over days, so that no wait is left."""
    for _ in range(3):
        await identity.brakes.failed(account, "198.51.100.9", total=account)
    await identity.database.execute(
        "UPDATE login_failure SET failures = $1, blocked_until = now(), last_at = now() - interval '40 days'", failures
    )


@pytest.mark.parametrize("email", ["hanako@example.jp", "nobody@example.jp"])
async def test_after_a_hundred_failures_no_password_is_right_any_more(identity, session, email) -> None:
    await hundred_failures(identity, email)
    await identity.brakes.sweep()
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await identity.open_session(attempt(email=email))
        assert (caught.value.code, caught.value.facts, caught.value.fields) == ("CREDENTIALS_WRONG", {}, ())
        await identity.database.execute("UPDATE login_failure SET blocked_until = now()")


async def test_the_ninety_ninth_failure_leaves_the_owner_one_try(identity, session) -> None:
    await hundred_failures(identity, failures=MOST_FAILURES - 1)
    assert (await identity.open_session(attempt())).user_id == session.user_id
    assert not await identity.brakes.exhausted(HANAKO)
    assert await identity.database.fetchval("SELECT count(*) FROM login_failure") == 0


async def test_totals_below_the_most_are_forgotten_in_time(identity) -> None:
    await hundred_failures(identity, failures=MOST_FAILURES - 1)
    await identity.brakes.sweep()
    assert await identity.database.fetchval("SELECT count(*) FROM login_failure") == 0


async def test_log_in_step_up_and_change_of_password_count_together(identity, actor) -> None:
    tries = (
        lambda password: identity.open_session(attempt(password)),
        lambda password: identity.prove_anew(actor, StepUp(form=StepUpForm(password=password), **ASK)),
        lambda password: identity.change_password(
            actor,
            ChangePassword(
                form=PasswordChangeForm(current_password=password, password=NEW, confirm_password=NEW), **ASK
            ),
        ),
    )
    for one in tries:
        with pytest.raises(Refused, match=r"CREDENTIALS_WRONG|CURRENT_PASSWORD_WRONG"):
            await one("wrong-but-long-passphrase")
    assert sorted(row[0] for row in await identity.database.fetch("SELECT failures FROM login_failure")) == [1, 1, 1, 3]
    await identity.database.execute("UPDATE login_failure SET failures = $1 WHERE failures = 3", MOST_FAILURES)
    for one in tries:
        with pytest.raises(Refused, match=r"CREDENTIALS_WRONG|CURRENT_PASSWORD_WRONG"):
            await one(PASSPHRASE)


async def test_a_mailed_link_lets_the_owner_in_again(identity, session) -> None:
    await hundred_failures(identity)
    await identity.keep_reset(RequestPasswordReset(email=HANAKO, **ASK))
    reset_id = str(await identity.database.fetchval("SELECT id FROM password_reset"))
    token = (await identity.mint_reset_link(MintPasswordResetLink(reset_id=reset_id))).token
    wanted = NewPasswordForm(token=token, password=NEW, confirm_password=NEW)
    await identity.use_reset_link(ResetPassword(form=wanted, **ASK))
    assert (await identity.open_session(attempt(NEW))).user_id == session.user_id


async def test_a_passkey_lets_the_owner_in_again(identity, session, actor) -> None:
    passkey = SoftwarePasskey()
    begun = await identity.passkeys.begin(actor)
    made = PasskeyAnswer(challenge_id=begun.challenge_id, credential=passkey.create(begun.options))
    await identity.passkeys.add(actor, AddPasskey(form=PasskeyForm(answer=made, name="Phone"), **ASK))
    await hundred_failures(identity)
    asked = await identity.passkey_log_in.begin(BeginPasskeyLogIn(**ASK))
    signed = PasskeyAnswer(challenge_id=asked.challenge_id, credential=passkey.get(asked.options))
    await identity.passkey_log_in.finish(LogInWithPasskey(answer=signed, **ASK))
    assert (await identity.open_session(attempt())).user_id == session.user_id
