"""A customer's sessions: seen, ended, proven anew; the audit; the e-mail address (architecture §9)."""

from uuid import uuid4

import asyncpg
import pytest

from portal_chassis.testing.fake_bus import FakeBus
from portal_contracts.billing_profile import ProfileChanged
from portal_contracts.identity import (
    LogIn,
    MintActor,
    SessionRevoked,
)
from portal_contracts.identity_email import (
    ConfirmEmailChange,
    EmailChanged,
    EmailChangeForm,
    EmailChangeRequested,
    MintEmailChangeLink,
    RequestEmailChange,
)
from portal_contracts.identity_passwords import (
    MintPasswordResetLink,
    RequestPasswordReset,
)
from portal_contracts.identity_second_factor import SecurityChanged
from portal_contracts.identity_sessions import LogOutEverywhere, RevokeSession, StepUp, StepUpForm
from portal_contracts.problems import Refused, TryLater
from portal_identity.consumers import register_news
from portal_identity.ports import BilledProfile
from portal_identity.profile_process import ProfileState
from portal_identity.testing import OTHER_ACCOUNT_ID, PASSPHRASE, account, form

ADDRESS = "192.0.2.1"
NEW = "hanako@new.example.jp"


def attempt(**changes) -> LogIn:
    given = {"email": "hanako@example.jp", "password": PASSPHRASE, "client_address": ADDRESS, "user_agent": "A browser"}
    return LogIn(request_id="request-0001", **{**given, **changes})


@pytest.fixture
async def log_in(identity):
    """Give a function that opens a session and gives its tokens and its actor."""
    await identity.confirm(await identity.request(form()))

    async def opened(**changes):
        session = await identity.open_session(attempt(**changes))
        return session, await actor_of(identity, session)

    return opened


async def actor_of(identity, session):
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    return identity.verifier.verify(minted.actor_token)


async def living(identity, session) -> bool:
    try:
        await identity.mint_actor(MintActor(session_token=session.session_token))
    except Refused:
        return False
    return True


def revoked(identity) -> list[str]:
    return [event.session_id for event in identity.events if isinstance(event, SessionRevoked)]


def notices(identity) -> list[str]:
    return [event.what for event in identity.events if isinstance(event, SecurityChanged)]


async def events_of(identity, user_id) -> list[str]:
    return [event.event for event in await identity.audit.list(user_id, None, 50)]


async def test_ones_own_address_in_another_case_is_mailed_and_taken(identity, log_in) -> None:  # D16
    _, me = await log_in()
    written = "Hanako@Example.JP"
    form = EmailChangeForm(email=written, confirm_email=written)
    wish = RequestEmailChange(request_id="request-case", form=form, client_address=ADDRESS)
    await identity.keep_email_change(me, wish)
    change_id = str(await identity.database.fetchval("SELECT id FROM email_change"))
    link = await identity.mint_change_link(MintEmailChangeLink(change_id=change_id))
    await identity.use_change_link(ConfirmEmailChange(token=link.token))
    assert await identity.database.fetchval("SELECT email FROM portal_user") == link.email


async def test_a_customer_sees_where_they_are_signed_in(identity, log_in) -> None:
    _, first = await log_in(user_agent="A phone")
    _, second = await log_in()
    found = await identity.sessions.list(second.user_id, second.session_id)
    assert [(one.session_id, one.user_agent, one.current) for one in found] == [
        (second.session_id, "A browser", True),
        (first.session_id, "A phone", False),
    ]
    assert found[0].client_address == ADDRESS
    await identity.database.execute("UPDATE session SET last_used_at = now() - interval '31 minutes'")
    assert await identity.sessions.list(second.user_id, second.session_id) == []


async def test_another_session_of_ones_own_is_ended_once(identity, log_in) -> None:
    (other, theirs), (mine, me) = await log_in(), await log_in()
    for _ in range(2):
        await identity.end_session(me, RevokeSession(session_id=theirs.session_id))
    assert (await living(identity, other), await living(identity, mine)) == (False, True)
    assert revoked(identity) == [theirs.session_id]


@pytest.mark.parametrize("session_id", ["5d1f7c1e-0000-4000-8000-000000000001", "x", "' OR 1=1"])
async def test_a_session_nobody_has_is_not_found(identity, log_in, session_id) -> None:
    _, me = await log_in()
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.end_session(me, RevokeSession(session_id=session_id))


async def test_somebody_elses_session_is_not_found_and_goes_on(identity, log_in) -> None:
    mine, me = await log_in()
    identity.accounts.by_number["SNX-10002"] = account(OTHER_ACCOUNT_ID, "taro@example.jp")
    await identity.confirm(await identity.request(form("SNX-10002", "taro@example.jp"), "request-0002"))
    _, taro = await log_in(email="taro@example.jp")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.end_session(taro, RevokeSession(session_id=me.session_id))
    assert await living(identity, mine)


async def test_log_out_everywhere_ends_all_and_tells_the_owner(identity, log_in) -> None:
    sessions = [await log_in() for _ in range(3)]
    for _ in range(2):
        await identity.end_all_sessions(
            sessions[0][1], LogOutEverywhere(request_id="request-0002", client_address=ADDRESS)
        )
    assert [await living(identity, session) for session, _ in sessions] == [False] * 3
    assert sorted(revoked(identity)) == sorted(actor.session_id for _, actor in sessions)
    assert notices(identity) == ["logged_out_everywhere"]


async def test_a_proof_gives_other_tokens_until_the_end_the_session_had(identity, log_in) -> None:  # §5.1
    session, me = await log_in()
    await identity.database.execute("UPDATE session SET authenticated_at = now() - interval '1 hour'")
    assert (await actor_of(identity, session)).authenticated_at < me.authenticated_at
    fresh = await identity.prove_anew(me, step_up(password=PASSPHRASE))
    again = await actor_of(identity, fresh)
    assert again.authenticated_at >= me.authenticated_at
    assert (fresh.expires_at, again.session_id != me.session_id) == (session.expires_at, True)
    assert not await living(identity, session), "the old token is over: whoever stole it has nothing"
    assert revoked(identity) == [me.session_id]


def step_up(**proof) -> StepUp:
    return StepUp(request_id="request-0003", form=StepUpForm(**proof), client_address=ADDRESS)


@pytest.mark.parametrize("proof", [{}, {"password": "wrong-but-long-passphrase"}, {"code": "123456"}])
async def test_a_wrong_proof_changes_nothing_and_slows_the_next_one_only(identity, log_in, proof) -> None:
    session, me = await log_in()
    for _ in range(5):
        with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
            await identity.prove_anew(me, step_up(**proof))
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.prove_anew(me, step_up(password=PASSPHRASE))
    assert await living(identity, session)
    await log_in()


async def test_a_proof_for_a_session_that_is_over_opens_none(identity, log_in) -> None:
    _, me = await log_in()
    await identity.close_session(me)
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await identity.prove_anew(me, step_up(password=PASSPHRASE))


async def test_a_customer_reads_the_own_audit_page_by_page_and_nobody_elses(identity, log_in) -> None:  # R050
    with pytest.raises(Refused):
        await identity.open_session(attempt(password="wrong-but-long-passphrase"))
    _, me = await log_in()
    found = await identity.audit.list(me.user_id, None, 2)
    assert [one.event for one in found] == ["logged_in", "log_in_failed"]
    assert {one.client_address for one in found} == {ADDRESS}
    older = await identity.audit.list(me.user_id, found[-1].id, 2)
    assert [one.event for one in older] == ["registered"]
    assert await identity.audit.list(str(uuid4()), None, 50) == []


async def test_the_audits_own_service_may_not_change_it(identity, log_in) -> None:  # R050
    await log_in()
    database = identity.database
    held = "SELECT has_table_privilege(current_user, 'audit_entry', $1)"
    superuser = await database.fetchval("SELECT usesuper FROM pg_user WHERE usename = current_user")
    for right in ("UPDATE", "DELETE", "TRUNCATE"):
        assert await database.fetchval(held, right) is superuser, right
    for statement in ("UPDATE audit_entry SET event = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RaiseError)):
            await database.execute(statement)


async def test_the_sweep_drops_what_is_past_its_time_and_keeps_no_permission(identity, log_in) -> None:  # §5.10
    _, me = await log_in()
    statement = "INSERT INTO audit_entry (at, user_id, event) VALUES (now() - interval '14 months', $1, 'old')"
    await identity.database.execute(statement, me.user_id)
    assert "old" in await events_of(identity, me.user_id)
    await identity.audit.sweep(13)
    assert await events_of(identity, me.user_id) == ["logged_in", "registered"]
    with pytest.raises(asyncpg.RaiseError):
        await identity.audit.sweep(0)
    granted = "SELECT count(*) FROM aclexplode((SELECT relacl FROM pg_class WHERE relname = 'audit_entry'))"
    assert await identity.database.fetchval(f"{granted} WHERE privilege_type = 'DELETE'") == 0


async def test_an_owner_is_told_once_that_the_log_in_is_slowed(identity, log_in) -> None:  # §5.2
    await log_in()
    for email in ("hanako@example.jp", "nobody@example.jp"):
        for _ in range(6):
            await identity.brakes.failed(email, "198.51.100.9")
    for _ in range(2):
        await identity.brakes.tell_slowed_owners()
    assert notices(identity) == ["log_in_slowed"]


async def test_one_household_of_ipv6_has_one_budget(identity) -> None:  # D18
    for number in range(3):
        await identity.brakes.count(("test", f"2001:db8:1:2::{number}", 3, 60))
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.brakes.count(("test", "2001:db8:1:2:ffff::1", 3, 60))
    await identity.brakes.count(("test", "2001:db8:1:3::1", 3, 60))


async def wish(identity, me, email=NEW, request_id="request-0004") -> str:
    wanted = EmailChangeForm(email=email, confirm_email=email)
    await identity.keep_email_change(me, RequestEmailChange(request_id=request_id, form=wanted, client_address=ADDRESS))
    statement = "SELECT id FROM email_change WHERE request_id = $1"
    return str(await identity.database.fetchval(statement, request_id))


async def test_a_new_address_is_proven_at_its_mailbox_and_told_to_the_old_one(identity, log_in) -> None:
    session, me = await log_in()
    change_id = await wish(identity, me)
    assert await wish(identity, me) == change_id
    assert identity.events[-1] == EmailChangeRequested(change_id=change_id, account_id=me.account_id)
    link = await identity.mint_change_link(MintEmailChangeLink(change_id=change_id))
    assert (link.email, link.locale) == (NEW, "ja")
    await log_in()  # nothing has changed yet
    await identity.use_change_link(ConfirmEmailChange(token=link.token))
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await log_in()
    await log_in(email=NEW.upper())
    assert await living(identity, session)
    assert EmailChanged(change_id=change_id, account_id=me.account_id) in identity.events
    assert (await identity.read_former_mailbox(change_id)).email == "hanako@example.jp"
    with pytest.raises(Refused, match="EMAIL_LINK_INVALID"):
        await identity.use_change_link(ConfirmEmailChange(token=link.token))
    assert {"email_changed", "email_change_requested"} <= set(await events_of(identity, me.user_id))


async def test_salesforces_contact_gets_the_new_address_also_after_it_was_away(identity, log_in) -> None:
    _, me = await log_in()
    link = await identity.mint_change_link(MintEmailChangeLink(change_id=await wish(identity, me)))
    identity.accounts.fails_with = TryLater("SALESFORCE_UNAVAILABLE")
    await identity.use_change_link(ConfirmEmailChange(token=link.token))
    await identity.processes.run_until_idle()
    identity.accounts.fails_with = None
    await identity.database.execute("UPDATE portal_process SET due_at = now() WHERE kind = 'contact_email'")
    await identity.processes.run_until_idle()
    assert [contact.email for contact in (await identity.accounts.find("SNX-10001")).contacts] == [NEW]


async def change_email(identity, me, email, request_id) -> str:
    change_id = await wish(identity, me, email, request_id)
    link = await identity.mint_change_link(MintEmailChangeLink(change_id=change_id))
    await identity.use_change_link(ConfirmEmailChange(token=link.token))
    return change_id


async def everything_due(identity) -> None:
    await identity.database.execute("UPDATE portal_process SET due_at = now() WHERE due_at IS NOT NULL")
    await identity.processes.run_until_idle()


async def test_whmcss_client_gets_the_new_address_also_when_the_answer_is_lost(identity, log_in) -> None:
    _, me = await log_in()
    identity.billing.emails_fail_with = [TryLater("WHMCS_UNAVAILABLE")]
    change_id = await change_email(identity, me, NEW, "request-0004")
    await identity.processes.run_until_idle()
    await everything_due(identity)
    assert identity.billing.emails == {me.whmcs_client_id: NEW}
    assert identity.billing.email_requests == [f"email-{change_id}-{change_id}"]
    assert not [key for key in identity.staff.cases if key.startswith("billing-email")]


async def test_changes_that_overtake_one_another_end_at_the_last_address(identity, log_in) -> None:
    _, me = await log_in()
    identity.billing.emails[me.whmcs_client_id] = "hanako@example.jp"
    for number, email in enumerate((NEW, "third@example.jp")):
        await change_email(identity, me, email, f"request-{number:04}")
    await everything_due(identity)
    assert identity.billing.emails == {me.whmcs_client_id: "third@example.jp"}
    assert [contact.email for contact in (await identity.accounts.find("SNX-10001")).contacts] == ["third@example.jp"]


async def test_an_address_whmcs_does_not_take_becomes_a_case_for_staff(identity, log_in) -> None:
    _, me = await log_in()
    identity.billing.emails_fail_with = [Refused("BILLING_ACCOUNT_EXISTS")]
    change_id = await change_email(identity, me, NEW, "request-0004")
    await everything_due(identity)
    assert f"billing-email-{change_id}" in identity.staff.cases


async def test_salesforce_follows_the_profile_in_whmcs_until_both_are_alike(identity, log_in) -> None:  # R007
    _, me = await log_in()
    address = form().address
    before, after = BilledProfile("03-0000-0001", address), BilledProfile("03-0000-0002", None)
    await identity.processes.run_until_idle()
    identity.accounts.profiles.clear()  # of the sign-up
    identity.billing.profiles[me.whmcs_client_id] = before
    identity.accounts.fails_with = TryLater("SALESFORCE_UNAVAILABLE")
    bus = FakeBus()
    register_news(bus, identity.processes, identity.deletions)
    for message_id in ("message-1", "message-1", "message-2"):
        async with identity.database.transaction() as transaction:
            event = ProfileChanged(whmcs_client_id=me.whmcs_client_id)
            await bus.deliver(event, transaction=transaction, message_id=message_id)
    await identity.processes.run_until_idle()
    assert identity.accounts.profiles == []
    identity.accounts.fails_with, identity.billing.profiles[me.whmcs_client_id] = None, after
    await everything_due(identity)
    assert identity.accounts.profiles == [(me.account_id, "hanako@example.jp", after)] * 2
    kept = await identity.database.fetch("SELECT state::text, status FROM portal_process WHERE key LIKE 'message-%'")
    assert [(row["state"], row["status"]) for row in kept] == [('{"whmcs_client_id": 7000}', "done")] * 2


async def test_the_profile_of_a_client_nobody_is_linked_with_is_nobodys(identity) -> None:
    async with identity.database.transaction() as transaction:
        await identity.processes.start(transaction, "profile", "message-1", ProfileState(whmcs_client_id=4711))
    await identity.processes.run_until_idle()
    assert identity.accounts.profiles == []


async def test_an_address_somebody_has_gets_no_link_and_the_caller_is_told_nothing(identity, log_in) -> None:  # D18
    _, me = await log_in()
    identity.accounts.by_number["SNX-10002"] = account(OTHER_ACCOUNT_ID, "taro@example.jp")
    await identity.confirm(await identity.request(form("SNX-10002", "taro@example.jp"), "request-taro"))
    change_id = await wish(identity, me, "TARO@example.jp")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.mint_change_link(MintEmailChangeLink(change_id=change_id))


@pytest.mark.parametrize("how", ["old", "replaced"])
async def test_a_link_that_is_old_or_replaced_is_no_good(identity, log_in, how) -> None:
    _, me = await log_in()
    link = await identity.mint_change_link(MintEmailChangeLink(change_id=await wish(identity, me)))
    if how == "old":
        identity.clock.advance(1801)
    else:
        await wish(identity, me, "hanako@third.example.jp", "request-0005")
    with pytest.raises(Refused, match="EMAIL_LINK_INVALID"):
        await identity.use_change_link(ConfirmEmailChange(token=link.token))
    await log_in()


async def test_a_changed_address_ends_mailed_password_links(identity, log_in) -> None:
    _, me = await log_in()
    await identity.keep_reset(
        RequestPasswordReset(request_id="request-0006", email="hanako@example.jp", client_address=ADDRESS)
    )
    reset_id = await identity.database.fetchval("SELECT id FROM password_reset")
    link = await identity.mint_change_link(MintEmailChangeLink(change_id=await wish(identity, me)))
    await identity.use_change_link(ConfirmEmailChange(token=link.token))
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.mint_reset_link(MintPasswordResetLink(reset_id=str(reset_id)))
