"""Every security event is written down and read by its customer: the action, its word, where it came from (R050)."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from portal_chassis.deadline import Deadline
from portal_chassis.testing.fake_bus import FakeBus
from portal_contracts.account_notes import BillingNoted, FulfillmentNoted
from portal_contracts.identity import LogIn, MintActor
from portal_contracts.identity_email import (
    ConfirmEmailChange,
    EmailChangeForm,
    MintEmailChangeLink,
    RequestEmailChange,
)
from portal_contracts.identity_passkeys import (
    AddPasskey,
    BeginPasskeyLogIn,
    LogInWithPasskey,
    PasskeyAnswer,
    PasskeyForm,
)
from portal_contracts.identity_passwords import ChangePassword, PasswordChangeForm, RequestPasswordReset
from portal_contracts.identity_second_factor import CodeForm, ConfirmAuthenticator
from portal_contracts.identity_sessions import RevokeSession, StepUp, StepUpForm
from portal_contracts.identity_verification import (
    BeginIdentityCheck,
    ConcludeIdentityCheck,
    IdentityCheckForm,
    SubmitDocument,
)
from portal_contracts.problems import Refused, TryLater
from portal_identity.identity_comparison import PersonOnFile, ProvenPerson
from portal_identity.one_time_codes import STEP_SECONDS, code_at
from portal_identity.security_consumers import register_notes
from portal_identity.testing import PASSPHRASE, FixedIdentityProvider, SoftwarePasskey, form
from portal_identity.verification_policy import METHODS

HANAKO, WRONG, NEW = "hanako@example.jp", "wrong-but-long-passphrase", "another-long-and-fake-phrase"
ADDRESS = "192.0.2.1"
ASK = {"request_id": "request-0001", "client_address": ADDRESS}
AT = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
async def me(identity):
    await identity.confirm(await identity.request(form()))
    return await log_in(identity)


async def log_in(identity, password: str = PASSPHRASE, code: str | None = None):
    opened = await identity.open_session(LogIn(email=HANAKO, password=password, code=code, **ASK))
    minted = await identity.mint_actor(MintActor(session_token=opened.session_token))
    return identity.verifier.verify(minted.actor_token)


async def step_up(identity, me, **proof) -> None:
    await identity.prove_anew(me, StepUp(form=StepUpForm(**proof), **ASK))


async def change_password(identity, me, current: str) -> None:
    wanted = PasswordChangeForm(current_password=current, password=NEW, confirm_password=NEW)
    await identity.change_password(me, ChangePassword(form=wanted, **ASK))


async def change_email(identity, me) -> None:
    wanted = EmailChangeForm(email="new@example.jp", confirm_email="new@example.jp")
    await identity.keep_email_change(me, RequestEmailChange(form=wanted, **ASK))
    change_id = str(await identity.database.fetchval("SELECT id FROM email_change"))
    token = (await identity.mint_change_link(MintEmailChangeLink(change_id=change_id))).token
    await identity.use_change_link(ConfirmEmailChange(token=token, client_address=ADDRESS))


async def protect(identity, me):
    seed = (await identity.authenticator.begin(me)).secret
    now = code_at(seed, int(identity.clock.now().timestamp()) // STEP_SECONDS)
    return await identity.authenticator.confirm(me, ConfirmAuthenticator(form=CodeForm(code=now), **ASK))


async def password_alone_beside_a_factor(identity, me) -> None:
    await protect(identity, me)
    await log_in(identity)


async def recovery_code(identity, me) -> None:
    codes = await protect(identity, me)
    await log_in(identity, code=codes.codes[0])


async def slowed_log_in(identity, me) -> None:
    for _ in range(5):
        await identity.brakes.failed(HANAKO, ADDRESS, user_id=me.user_id)
    await log_in(identity)


async def slowed_change(identity, me) -> None:
    for _ in range(5):
        await identity.brakes.failed(f"change_password:{me.user_id}", ADDRESS, user_id=me.user_id)
    await change_password(identity, me, WRONG)


async def strange_passkey(identity) -> PasskeyAnswer:
    asked = await identity.passkey_log_in.begin(BeginPasskeyLogIn(**ASK))
    return PasskeyAnswer(challenge_id=asked.challenge_id, credential=SoftwarePasskey().get(asked.options))


async def own_passkey_signed_wrongly(identity, me) -> None:
    passkey, begun = SoftwarePasskey(), await identity.passkeys.begin(me)
    made = PasskeyAnswer(challenge_id=begun.challenge_id, credential=passkey.create(begun.options))
    await identity.passkeys.add(me, AddPasskey(form=PasskeyForm(answer=made, name="Phone"), **ASK))
    passkey.origin = "https://another.example"
    asked = await identity.passkey_log_in.begin(BeginPasskeyLogIn(**ASK))
    answer = PasskeyAnswer(challenge_id=asked.challenge_id, credential=passkey.get(asked.options))
    await identity.passkey_log_in.finish(LogInWithPasskey(answer=answer, **ASK))


async def strange_passkey_at_step_up(identity, me) -> None:
    await step_up(identity, me, passkey=await strange_passkey(identity))


async def submit(identity, me) -> None:
    command = SubmitDocument(commodity="internet", content="JVBERi0xLjQK", **ASK)
    await identity.verify.submit(me, command, Deadline.after(10))


async def submit_infected(identity, me) -> None:
    identity.scanner.fails_with = [Refused("FILE_INFECTED")]
    with pytest.raises(Refused):
        await submit(identity, me)


async def check_identity(identity, me, *, begin_only=False, **answer) -> None:
    person = ("山田", "花子", date(1990, 4, 1))
    identity.verifications.people[me.account_id] = PersonOnFile(*person, "", "")
    provider = FixedIdentityProvider(ProvenPerson(("山田花子",), person[2], "", ""))
    methods = {**METHODS, "sim_voice": "external"}
    use = replace(identity.prove_identity, methods=methods, provider=provider)
    begun = await use.begin(me, BeginIdentityCheck(commodity="sim_voice", **ASK))
    if not begin_only:
        brought = IdentityCheckForm(state=begun.url.partition("state=")[2], **answer)
        await use.conclude(me, ConcludeIdentityCheck(form=brought, **ASK), Deadline.after(10))


async def noted(identity, event) -> None:
    bus = FakeBus()
    register_notes(bus, identity.audit)
    async with identity.database.transaction() as transaction:
        await bus.deliver(event, transaction=transaction, message_id="message-1")


def by_billing(what: str):
    return lambda identity, me: noted(identity, BillingNoted(whmcs_client_id=me.whmcs_client_id, what=what, at=AT))


def by_fulfillment(what: str):
    return lambda identity, me: noted(identity, FulfillmentNoted(account_id=me.account_id, what=what, at=AT))


ACTIONS = {
    "logged_in": lambda identity, _: log_in(identity),
    "log_in_failed": lambda identity, _: log_in(identity, WRONG),
    "log_in_slowed": slowed_log_in,
    "second_factor_asked": password_alone_beside_a_factor,
    "recovery_code_used": recovery_code,
    "stepped_up": lambda identity, me: step_up(identity, me, password=PASSPHRASE),
    "step_up_failed": lambda identity, me: step_up(identity, me, password=WRONG),
    "password_changed": lambda identity, me: change_password(identity, me, PASSPHRASE),
    "password_change_failed": lambda identity, me: change_password(identity, me, WRONG),
    "password_change_slowed": slowed_change,
    "password_reset_requested": lambda identity, _: identity.keep_reset(RequestPasswordReset(email=HANAKO, **ASK)),
    "personal_data_exported": lambda identity, me: identity.export_data(me, ADDRESS),
    "logged_out": lambda identity, me: identity.close_session(me, ADDRESS),
    "session_revoked": lambda identity, me: identity.end_session(
        me, RevokeSession(session_id=me.session_id, client_address=ADDRESS)
    ),
    "email_changed": change_email,
    "document_submitted": submit,
    "document_infected": submit_infected,
    "identity_check_begun": lambda identity, me: check_identity(identity, me, begin_only=True),
    "identity_check_failed": lambda identity, me: check_identity(identity, me, error="access_denied"),
    "identity_check_concluded": lambda identity, me: check_identity(identity, me, code="a-code"),
    "sso_link_asked": by_billing("sso_link_asked"),
    "address_changed": by_billing("address_changed"),
    "profile_changed": by_billing("profile_changed"),
    "esim_code_shown": by_fulfillment("esim_code_shown"),
    "esim_reissue_asked": by_fulfillment("esim_reissue_asked"),
}
BY_OTHERS = {"sso_link_asked", "address_changed", "profile_changed", "esim_code_shown", "esim_reissue_asked"}


async def newest(identity, me, action):
    with suppress(Refused, TryLater):
        await action(identity, me)
    return (await identity.audit.list(me.user_id, None, 1))[0]


@pytest.mark.parametrize("word", ACTIONS)
async def test_its_customer_reads_of_it(identity, me, word) -> None:
    await newest(identity, me, ACTIONS[word])
    found = {one.event: one for one in await identity.audit.list(me.user_id, None, 20)}
    assert word in found
    if word in BY_OTHERS:
        assert found[word].at == AT, "it is told when it happened, not when identity heard of it"
    else:
        assert found[word].client_address == ADDRESS


@pytest.mark.parametrize(
    ("action", "word"), [(own_passkey_signed_wrongly, "log_in_failed"), (strange_passkey_at_step_up, "step_up_failed")]
)
async def test_a_passkey_that_proves_nothing_is_read_of_and_counted(identity, me, action, word) -> None:
    assert (await newest(identity, me, action)).event == word
    assert await identity.database.fetchval("SELECT failures FROM login_failure") == 1


async def test_a_reset_for_an_unknown_address_is_nobodys(identity, me) -> None:  # D18: after the same work
    await identity.keep_reset(RequestPasswordReset(email="nobody@example.jp", **ASK))
    assert await identity.database.fetchval(
        "SELECT count(*) FROM audit_entry WHERE event = 'password_reset_requested' AND user_id IS NULL"
    )
