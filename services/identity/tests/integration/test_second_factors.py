"""Second factors of customers: authenticator, recovery codes, passkeys; and tokens of their programs."""

import pytest

from portal_contracts.identity import (
    LogIn,
    MintActor,
    SessionRevoked,
)
from portal_contracts.identity_api_tokens import ApiTokenForm, MakeApiToken, RevokeApiToken
from portal_contracts.identity_passkeys import (
    AddPasskey,
    BeginPasskeyLogIn,
    LogInWithPasskey,
    PasskeyAnswer,
    PasskeyForm,
    RemovePasskey,
)
from portal_contracts.identity_passwords import (
    ChangePassword,
    MintPasswordResetLink,
    NewPasswordForm,
    PasswordChangeForm,
    RequestPasswordReset,
    ResetPassword,
)
from portal_contracts.identity_second_factor import (
    CodeForm,
    ConfirmAuthenticator,
    RemoveAuthenticator,
    RenewRecoveryCodes,
    SecurityChanged,
)
from portal_contracts.identity_sessions import StepUp, StepUpForm
from portal_contracts.problems import Refused, TryLater
from portal_identity.one_time_codes import STEP_SECONDS, code_at
from portal_identity.testing import PASSPHRASE, SoftwarePasskey, form

ADDRESS = "192.0.2.1"
ASK = {"request_id": "request-0001", "client_address": ADDRESS}
SHORT = "kQ7!vv2x"


def code(identity, seed: str, steps: int = 0) -> str:
    return code_at(seed, int(identity.clock.now().timestamp()) // STEP_SECONDS + steps)


@pytest.fixture
async def log_in(identity):
    await identity.confirm(await identity.request(form()))

    async def opened(password: str = PASSPHRASE, code: str | None = None):
        attempt = LogIn(email="hanako@example.jp", password=password, code=code, **ASK)
        return await actor_of(identity, (await identity.open_session(attempt)).session_token)

    return opened


async def actor_of(identity, token):
    return identity.verifier.verify((await identity.mint_actor(MintActor(session_token=token))).actor_token)


@pytest.fixture
async def me(log_in):
    return await log_in()


async def protect(identity, me):
    """Put an authenticator in force; gives its seed and the recovery codes. Its first code is used up."""
    seed = (await identity.authenticator.begin(me)).secret
    done = await identity.authenticator.confirm(
        me, ConfirmAuthenticator(form=CodeForm(code=code(identity, seed)), **ASK)
    )
    identity.clock.advance(STEP_SECONDS)
    return seed, done.codes


def notices(identity) -> list[str]:
    return [event.what for event in identity.events if isinstance(event, SecurityChanged)]


async def test_with_an_authenticator_the_password_alone_opens_nothing(identity, log_in, me) -> None:
    seed, codes = await protect(identity, me)
    with pytest.raises(Refused, match="SECOND_FACTOR_REQUIRED"):
        await log_in()
    assert (await log_in(code=code(identity, seed))).user_id == me.user_id
    factors = await identity.read_factors(me)
    assert (factors.authenticator, factors.recovery_codes_left, len(set(codes))) == (True, 10, 10)
    assert notices(identity) == ["second_factor_added"]


async def test_only_who_knows_the_password_learns_of_the_second_factor(identity, log_in, me) -> None:
    seed, _ = await protect(identity, me)
    for given in (None, code(identity, seed)):
        with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
            await log_in("wrong-but-long-passphrase", given)


async def test_a_code_works_once_and_a_wrong_one_is_named(identity, log_in, me) -> None:  # R254
    seed, _ = await protect(identity, me)
    now = code(identity, seed)
    await log_in(code=now)
    for used in (now, code(identity, seed, -1)):
        with pytest.raises(Refused, match="SECOND_FACTOR_WRONG"):
            await log_in(code=used)


async def test_full_width_digits_and_spaces_are_a_code_too(identity, log_in, me) -> None:  # D16
    seed, _ = await protect(identity, me)
    wide = code(identity, seed).translate({48 + digit: 0xFF10 + digit for digit in range(10)})
    assert (await log_in(code=f"{wide[:3]}　{wide[3:]}")).user_id == me.user_id


async def test_guessing_codes_slows_the_log_in_down(identity, log_in, me) -> None:
    seed, _ = await protect(identity, me)
    right = code(identity, seed)
    for guess in range(5):
        with pytest.raises(Refused, match="SECOND_FACTOR_WRONG"):
            await log_in(code=f"{(int(right) + guess + 1) % 1_000_000:06}")
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await log_in(code=right)


async def test_a_recovery_code_works_once_and_the_owner_is_told(identity, log_in, me) -> None:
    _, codes = await protect(identity, me)
    assert (await log_in(code=codes[0].lower().replace("-", " "))).user_id == me.user_id
    with pytest.raises(Refused, match="SECOND_FACTOR_WRONG"):
        await log_in(code=codes[0])
    assert (await identity.read_factors(me)).recovery_codes_left == 9
    assert notices(identity)[-1] == "recovery_code_used"


async def test_fresh_recovery_codes_end_the_earlier_ones(identity, log_in, me) -> None:
    _, earlier = await protect(identity, me)
    fresh = (await identity.authenticator.renew_codes(me, RenewRecoveryCodes(**ASK))).codes
    with pytest.raises(Refused, match="SECOND_FACTOR_WRONG"):
        await log_in(code=earlier[0])
    assert (await log_in(code=fresh[0])).user_id == me.user_id


async def test_recovery_codes_belong_to_an_authenticator(identity, me) -> None:
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.authenticator.renew_codes(me, RenewRecoveryCodes(**ASK))


async def test_a_seed_counts_only_once_its_code_was_given(identity, log_in, me) -> None:
    first = (await identity.authenticator.begin(me)).secret
    assert (await log_in()).user_id == me.user_id
    second = await identity.authenticator.begin(me)
    assert second.uri.startswith("otpauth://totp/")
    assert second.secret in second.uri
    with pytest.raises(Refused, match="SECOND_FACTOR_WRONG"):
        await identity.authenticator.confirm(me, ConfirmAuthenticator(form=CodeForm(code=code(identity, first)), **ASK))


async def test_a_new_seed_leaves_the_one_in_use_until_it_is_confirmed(identity, log_in, me) -> None:
    seed, _ = await protect(identity, me)
    await identity.authenticator.begin(me)
    assert (await log_in(code=code(identity, seed))).user_id == me.user_id


async def test_seeds_and_codes_cannot_be_read_in_the_database(identity, me) -> None:
    seed, codes = await protect(identity, me)
    await identity.authenticator.begin(me)
    tables = ("authenticator", "recovery_code", "audit_entry")
    rows = str([[dict(row) for row in await identity.database.fetch(f"SELECT * FROM {name}")] for name in tables])
    assert not any(secret in rows for secret in (seed, codes[0], codes[0].replace("-", "")))


def change(password: str, current: str = PASSPHRASE) -> ChangePassword:
    wanted = PasswordChangeForm(current_password=current, password=password, confirm_password=password)
    return ChangePassword(form=wanted, **ASK)


async def test_beside_an_authenticator_eight_characters_are_enough(identity, log_in, me) -> None:  # NIST 800-63B-4
    with pytest.raises(Refused, match="PASSWORD_TOO_WEAK"):
        await identity.change_password(me, change(SHORT))
    seed, _ = await protect(identity, me)
    await identity.change_password(me, change(SHORT))
    assert (await log_in(SHORT, code(identity, seed))).user_id == me.user_id
    with pytest.raises(Refused, match="PASSWORD_TOO_WEAK"):
        await identity.change_password(me, change("password", SHORT))
    with pytest.raises(Refused, match="LONGER_PASSWORD_NEEDED"):
        await identity.authenticator.remove(me, RemoveAuthenticator(**ASK))
    await identity.change_password(me, change(PASSPHRASE, SHORT))
    for _ in range(2):
        await identity.authenticator.remove(me, RemoveAuthenticator(**ASK))
    assert (await log_in()).user_id == me.user_id
    assert notices(identity) == ["second_factor_added", "second_factor_removed"]


async def test_a_proof_needs_the_code_too(identity, me) -> None:
    seed, _ = await protect(identity, me)
    with pytest.raises(Refused, match="SECOND_FACTOR_REQUIRED"):
        await identity.prove_anew(me, StepUp(form=StepUpForm(password=PASSPHRASE), **ASK))
    proof = StepUpForm(password=PASSPHRASE, code=code(identity, seed))
    assert (await identity.prove_anew(me, StepUp(form=proof, **ASK))).user_id == me.user_id


# passkeys


async def add_passkey(identity, me, passkey: SoftwarePasskey, name: str = "Phone"):
    begun = await identity.passkeys.begin(me)
    answer = PasskeyAnswer(challenge_id=begun.challenge_id, credential=passkey.create(begun.options))
    return await identity.passkeys.add(me, AddPasskey(form=PasskeyForm(answer=answer, name=name), **ASK))


async def sign(identity, passkey: SoftwarePasskey) -> PasskeyAnswer:
    begun = await identity.passkey_log_in.begin(BeginPasskeyLogIn(**ASK))
    return PasskeyAnswer(challenge_id=begun.challenge_id, credential=passkey.get(begun.options))


async def log_in_with(identity, answer: PasskeyAnswer):
    opened = await identity.passkey_log_in.finish(LogInWithPasskey(answer=answer, **ASK))
    return await actor_of(identity, opened.session_token)


async def test_a_passkey_logs_in_without_a_password(identity, me) -> None:
    passkey = SoftwarePasskey()
    added = await add_passkey(identity, me, passkey)
    assert (await log_in_with(identity, await sign(identity, passkey))).user_id == me.user_id
    (kept,) = (await identity.read_factors(me)).passkeys
    assert (kept.passkey_id, kept.name, kept.last_used_at is not None) == (added.passkey_id, "Phone", True)
    assert notices(identity) == ["passkey_added"]


async def test_a_passkey_stands_for_the_second_factor_too(identity, log_in, me) -> None:
    await protect(identity, me)
    passkey = SoftwarePasskey()
    await add_passkey(identity, me, passkey)
    assert (await log_in_with(identity, await sign(identity, passkey))).user_id == me.user_id


async def test_a_passkey_proves_anew(identity, me) -> None:
    passkey = SoftwarePasskey()
    await add_passkey(identity, me, passkey)
    proof = StepUpForm(passkey=await sign(identity, passkey))
    assert (await identity.prove_anew(me, StepUp(form=proof, **ASK))).user_id == me.user_id


async def test_a_strangers_passkey_proves_nothing(identity, me) -> None:
    for passkey in (SoftwarePasskey(),):
        with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
            await identity.prove_anew(me, StepUp(form=StepUpForm(passkey=await sign(identity, passkey)), **ASK))
        with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
            await log_in_with(identity, await sign(identity, passkey))


async def test_an_answer_is_good_once_and_for_its_own_challenge(identity, me) -> None:
    passkey = SoftwarePasskey()
    await add_passkey(identity, me, passkey)
    answer = await sign(identity, passkey)
    other = await sign(identity, passkey)
    mixed = PasskeyAnswer(challenge_id=other.challenge_id, credential=answer.credential)
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in_with(identity, mixed)
    await log_in_with(identity, await sign(identity, passkey))
    again = await sign(identity, passkey)
    await log_in_with(identity, again)
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in_with(identity, again)


async def test_an_answer_comes_within_five_minutes(identity, me) -> None:
    passkey = SoftwarePasskey()
    await add_passkey(identity, me, passkey)
    answer = await sign(identity, passkey)
    identity.clock.advance(301)
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in_with(identity, answer)


@pytest.mark.parametrize(
    "passkey",
    [SoftwarePasskey("https://evil.example"), SoftwarePasskey(user_verified=False)],
    ids=["of another site", "that did not look at its user"],
)
async def test_a_passkey_is_refused(identity, me, passkey) -> None:
    with pytest.raises(Refused, match="PASSKEY_REFUSED"):
        await add_passkey(identity, me, passkey)
    good = SoftwarePasskey()
    await add_passkey(identity, me, good)
    good.origin, good.user_verified = passkey.origin, passkey.user_verified
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in_with(identity, await sign(identity, good))


async def test_a_copied_passkey_is_noticed_by_its_counter(identity, me) -> None:
    passkey = SoftwarePasskey()
    await add_passkey(identity, me, passkey)
    for _ in range(2):
        await log_in_with(identity, await sign(identity, passkey))
    passkey.count = 0
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in_with(identity, await sign(identity, passkey))


@pytest.mark.parametrize("credential", [{}, {"id": "x"}, {"id": 7, "response": []}, {"id": "🔑", "rawId": None}])
async def test_nonsense_is_refused(identity, me, credential) -> None:  # D16
    begun, public = await identity.passkeys.begin(me), await identity.passkey_log_in.begin(BeginPasskeyLogIn(**ASK))
    answer = PasskeyAnswer(challenge_id=begun.challenge_id, credential=credential)
    with pytest.raises(Refused, match="PASSKEY_REFUSED"):
        await identity.passkeys.add(me, AddPasskey(form=PasskeyForm(answer=answer), **ASK))
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in_with(identity, PasskeyAnswer(challenge_id=public.challenge_id, credential=credential))


async def test_a_removed_passkey_opens_nothing(identity, me) -> None:
    passkey = SoftwarePasskey()
    added = await add_passkey(identity, me, passkey)
    answer = await sign(identity, passkey)
    removal = RemovePasskey(passkey_id=added.passkey_id, client_address=ADDRESS)
    await identity.passkeys.remove(me, removal)
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in_with(identity, answer)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.passkeys.remove(me, removal)


async def test_ten_passkeys_are_enough_and_one_authenticator_has_one(identity, me) -> None:
    passkey = SoftwarePasskey()
    await add_passkey(identity, me, passkey)
    with pytest.raises(Refused, match="PASSKEY_REFUSED"):
        await add_passkey(identity, me, passkey)
    for _ in range(9):
        await add_passkey(identity, me, SoftwarePasskey())
    with pytest.raises(Refused, match="LIMIT_REACHED"):
        await identity.passkeys.begin(me)


# tokens of programs


def make(*scopes: str, request_id: str = "request-0007", days: int = 90) -> MakeApiToken:
    wanted = ApiTokenForm(name="Bookkeeping", scopes=scopes or ("billing:read",), days=days)
    return MakeApiToken(request_id=request_id, form=wanted, client_address=ADDRESS)


async def test_an_api_token_is_its_owner_with_scopes(identity, me) -> None:
    made = await identity.api_tokens.make(me, make("orders:read", "billing:read"))
    actor = await actor_of(identity, made.secret)
    assert (actor.user_id, actor.account_id, actor.session_id) == (me.user_id, me.account_id, made.token_id)
    assert actor.roles == ("customer", "scope:billing:read", "scope:orders:read")
    (listed,) = (await identity.api_tokens.list(me)).tokens
    assert (listed.token_id, listed.name, listed.last_used_at is not None) == (made.token_id, "Bookkeeping", True)
    rows = str([dict(row) for row in await identity.database.fetch("SELECT * FROM api_token")])
    assert made.secret not in rows
    assert notices(identity) == ["api_token_created"]


async def test_a_revoked_or_old_token_is_over_and_everybody_hears_of_it(identity, me) -> None:
    made = await identity.api_tokens.make(me, make())
    for _ in range(2):
        await identity.api_tokens.revoke(me, RevokeApiToken(token_id=made.token_id, client_address=ADDRESS))
    revoked = [event.session_id for event in identity.events if isinstance(event, SessionRevoked)]
    assert revoked == [made.token_id]
    old = await identity.api_tokens.make(me, make(request_id="request-0008"))
    await identity.database.execute("UPDATE api_token SET expires_at = now() - interval '1 second'")
    for secret in (made.secret, old.secret):
        with pytest.raises(Refused, match="SESSION_EXPIRED"):
            await actor_of(identity, secret)
    assert (await identity.api_tokens.list(me)).tokens == []


async def test_a_repeat_makes_another_token_in_place_of_the_lost_one(identity, me) -> None:
    lost, made = [await identity.api_tokens.make(me, make()) for _ in range(2)]
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await actor_of(identity, lost.secret)
    assert (await actor_of(identity, made.secret)).user_id == me.user_id


async def test_a_password_set_by_a_mailed_link_ends_tokens_and_a_changed_one_does_not(identity, me) -> None:
    made = await identity.api_tokens.make(me, make())
    await identity.change_password(me, change("another-long-and-fake-phrase"))
    assert (await actor_of(identity, made.secret)).user_id == me.user_id
    await identity.keep_reset(RequestPasswordReset(email="hanako@example.jp", **ASK))
    reset_id = str(await identity.database.fetchval("SELECT id FROM password_reset"))
    token = (await identity.mint_reset_link(MintPasswordResetLink(reset_id=reset_id))).token
    new = NewPasswordForm(token=token, password=PASSPHRASE, confirm_password=PASSPHRASE)
    await identity.use_reset_link(ResetPassword(form=new, **ASK))
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await actor_of(identity, made.secret)


async def test_twenty_tokens_are_enough(identity, me) -> None:
    for number in range(20):
        await identity.api_tokens.make(me, make(request_id=f"request-1{number:03}"))
    with pytest.raises(Refused, match="LIMIT_REACHED"):
        await identity.api_tokens.make(me, make())
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.api_tokens.revoke(me, RevokeApiToken(token_id="x", client_address=ADDRESS))
