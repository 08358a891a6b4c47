"""Operators on a real Postgres: signing in with a second factor, access given and taken (R276, R277, D19)."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from portal_chassis.testing import operator_call
from portal_contracts.identity import MintActor, OpenedSession, SessionRevoked
from portal_contracts.operator_access import (
    BeginOperatorEnrolment,
    FinishOperatorEnrolment,
    GrantOperator,
    OpenOperatorSession,
    RevokeOperator,
)
from portal_contracts.problems import Refused, TryLater
from portal_identity.first_operator import make_first_operator
from portal_identity.one_time_codes import STEP_SECONDS, code_at
from portal_identity.testing import PASSPHRASE, form

LEAD = "tech-lead@staff.example"
NEW = "support@staff.example"
PASSWORD = "an-invented-operator-sentence"
CALL = operator_call(LEAD)


@dataclass
class Person:
    """An operator with an authenticator app."""

    identity: Any
    email: str
    seed: str = ""

    def code(self) -> str:
        return code_at(self.seed, int(self.identity.operator_clock.now().timestamp()) // STEP_SECONDS)

    async def enrol(self, token: str) -> OpenedSession:
        self.seed = (await self.identity.show_second_factor(BeginOperatorEnrolment(token=token))).secret
        finish = FinishOperatorEnrolment(token=token, password=PASSWORD, code=self.code())
        return await self.identity.enrol_operator(finish)

    async def sign_in(self, **changes: Any) -> OpenedSession:
        """Sign in half a minute later, with the next code."""
        self.identity.operator_clock.advance(STEP_SECONDS)
        command = {"email": self.email, "password": PASSWORD, "code": self.code(), "client_address": "192.0.2.1"}
        return await self.identity.sign_operator_in(
            OpenOperatorSession(request_id="request-0001", **{**command, **changes})
        )


@pytest.fixture
async def lead(identity) -> Person:
    """The first tech lead, enrolled."""
    person = Person(identity, LEAD)
    await person.enrol(await make_first_operator(identity.database, LEAD))
    return person


def grant(email: str = NEW, *, dry_run: bool = False, request_id: str = "request-grant", **changes: Any):
    wanted = {"roles": ["operator_support"], "approved_by": LEAD, "reason": "joins the team", **changes}
    return GrantOperator(request_id=request_id, email=email, dry_run=dry_run, **wanted)


def revoke(email: str = NEW, *, dry_run: bool = False, request_id: str = "request-revoke"):
    return RevokeOperator(request_id=request_id, email=email, dry_run=dry_run, reason="leaves")


async def person_with_access(identity, email: str = NEW, **changes: Any) -> tuple[Person, OpenedSession]:
    granted = await identity.give_access(grant(email, request_id=f"grant-{email}", **changes), CALL)
    person = Person(identity, email)
    return person, await person.enrol(granted.enrolment_token)


async def actor_of(identity, session: OpenedSession):
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    return identity.verifier.verify(minted.actor_token)


def revoked(identity) -> list[str]:
    return [event.session_id for event in identity.events if isinstance(event, SessionRevoked)]


async def audited(identity) -> list[str]:
    return [row["event"] for row in await identity.database.fetch("SELECT event FROM audit_entry ORDER BY id")]


# signing in


async def test_an_operators_session_is_exchanged_for_a_token_with_roles_and_address(identity, lead) -> None:
    session = await lead.sign_in()
    actor = await actor_of(identity, session)
    assert (actor.operator, actor.roles, actor.user_id) == (LEAD, ("operator_tech_lead",), session.user_id)
    assert (actor.whmcs_client_id, actor.account_id) == (0, "")
    assert session.expires_at - identity.operator_clock.now() <= timedelta(hours=12)


async def test_a_code_works_once_and_never_one_from_before(identity, lead) -> None:
    await lead.sign_in()
    used = lead.code()
    identity.operator_clock.advance(STEP_SECONDS)
    command = {"request_id": "request-0002", "email": LEAD, "password": PASSWORD, "client_address": "192.0.2.1"}
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await identity.sign_operator_in(OpenOperatorSession(code=used, **command))
    await lead.sign_in()


async def test_two_who_hold_the_same_code_at_once_get_one_session(identity, lead) -> None:
    identity.operator_clock.advance(STEP_SECONDS)
    command = OpenOperatorSession(
        request_id="request-0002", email=LEAD, password=PASSWORD, code=lead.code(), client_address="192.0.2.1"
    )
    answers = await asyncio.gather(*(identity.sign_operator_in(command) for _ in range(3)), return_exceptions=True)
    assert len([answer for answer in answers if isinstance(answer, OpenedSession)]) == 1
    assert len([answer for answer in answers if isinstance(answer, Refused)]) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"password": "wrong-but-long-passphrase"}, {"code": "000000"}, {"email": "nobody@staff.example"}],
    ids=["password", "code", "address"],
)
async def test_whatever_is_wrong_is_told_alike_and_slows_the_next_try(identity, lead, wrong) -> None:  # R049, D19
    for _ in range(5):
        with pytest.raises(Refused) as caught:
            await lead.sign_in(**wrong)
        assert (caught.value.code, caught.value.facts, caught.value.fields) == ("CREDENTIALS_WRONG", {}, ())
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await lead.sign_in(**wrong)
    assert (await audited(identity)).count("operator_sign_in_failed") == 5


async def test_one_network_address_cannot_try_without_end(identity, lead) -> None:  # D18
    for number in range(identity.settings.logins_a_minute_per_address):
        await identity.brakes.count(("operator_address", "192.0.2.1", 1000 + number, 60))
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await lead.sign_in()
    await lead.sign_in(client_address="192.0.2.2")


async def test_a_customers_password_opens_no_operators_session_and_the_other_way_round(identity, lead) -> None:
    await identity.confirm(await identity.request(form(email=LEAD)))
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await lead.sign_in(password=PASSPHRASE)
    actor = await actor_of(identity, await lead.sign_in())
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await identity.read_customer.me(actor.user_id)


@pytest.mark.parametrize(
    "change",
    [
        "last_used_at = now() - interval '31 minutes'",
        "expires_at = now() - interval '1 second'",
        "revoked_at = now()",
    ],
)
async def test_an_idle_old_or_revoked_session_is_over(identity, lead, change) -> None:
    session = await lead.sign_in()
    await identity.database.execute(f"UPDATE operator_session SET {change}")
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await identity.mint_actor(MintActor(session_token=session.session_token))


async def test_use_keeps_a_session_alive(identity, lead) -> None:
    session = await lead.sign_in()
    await identity.database.execute("UPDATE operator_session SET last_used_at = now() - interval '29 minutes'")
    await actor_of(identity, session)
    statement = "SELECT min(extract(epoch FROM now() - last_used_at)) FROM operator_session"
    assert await identity.database.fetchval(statement) < 60


async def test_signing_out_ends_the_session_and_tells_everybody_once(identity, lead) -> None:
    session = await lead.sign_in()
    actor = await actor_of(identity, session)
    before = len(revoked(identity))
    await identity.close_session(actor)
    await identity.close_session(actor)
    assert revoked(identity)[before:] == [actor.session_id]
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await actor_of(identity, session)


# enrolment


async def test_an_enrolment_token_works_once(identity, lead) -> None:
    granted = await identity.give_access(grant(), CALL)
    person = Person(identity, NEW)
    session = await person.enrol(granted.enrolment_token)
    assert (await actor_of(identity, session)).roles == ("operator_support",)
    with pytest.raises(Refused, match="ENROLMENT_INVALID"):
        await person.enrol(granted.enrolment_token)
    await person.sign_in()


async def test_who_looked_at_a_seed_before_its_owner_has_nothing(identity, lead) -> None:
    token = (await identity.give_access(grant(), CALL)).enrolment_token
    thief, owner = Person(identity, NEW), Person(identity, NEW)
    thief.seed = (await identity.show_second_factor(BeginOperatorEnrolment(token=token))).secret
    await owner.enrol(token)
    assert thief.seed != owner.seed
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await thief.sign_in()
    await owner.sign_in()


async def test_a_wrong_code_or_a_weak_password_leaves_the_enrolment_open(identity, lead) -> None:
    token = (await identity.give_access(grant(), CALL)).enrolment_token
    person = Person(identity, NEW)
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):  # before the seed was shown there is no right code
        await identity.enrol_operator(FinishOperatorEnrolment(token=token, password=PASSWORD, code="000000"))
    person.seed = (await identity.show_second_factor(BeginOperatorEnrolment(token=token))).secret
    wrong = "000000" if person.code() != "000000" else "111111"
    for password, code, problem in (
        (PASSWORD, wrong, "CREDENTIALS_WRONG"),
        ("support@staff", person.code(), "PASSWORD_TOO_WEAK"),
    ):
        with pytest.raises(Refused, match=problem):
            await identity.enrol_operator(FinishOperatorEnrolment(token=token, password=password, code=code))
    await person.enrol(token)


async def test_a_token_dies_after_a_day_with_a_new_one_and_with_the_access(identity, lead) -> None:
    async def invalid(token: str) -> None:
        with pytest.raises(Refused, match="ENROLMENT_INVALID"):
            await identity.show_second_factor(BeginOperatorEnrolment(token=token))

    first = (await identity.give_access(grant(request_id="request-1"), CALL)).enrolment_token
    second = (await identity.give_access(grant(request_id="request-2"), CALL)).enrolment_token
    await invalid(first)
    await identity.show_second_factor(BeginOperatorEnrolment(token=second))
    identity.operator_clock.advance(timedelta(hours=24))
    await invalid(second)
    third = (await identity.give_access(grant(request_id="request-3"), CALL)).enrolment_token
    await identity.take_access(revoke(), CALL)
    await invalid(third)
    await invalid("an-invented-token-0000000000")


async def test_an_enrolment_cannot_be_tried_without_end(identity, lead) -> None:
    token = "an-invented-token-0000000000"
    for _ in range(20):
        with pytest.raises(Refused, match="ENROLMENT_INVALID"):
            await identity.show_second_factor(BeginOperatorEnrolment(token=token))
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await identity.enrol_operator(FinishOperatorEnrolment(token=token, password=PASSWORD, code="000000"))


# access


async def test_nobody_approves_their_own_access_and_only_a_tech_lead_approves(identity, lead) -> None:  # R276
    await person_with_access(identity, "devops@staff.example", roles=["operator_devops"])
    await identity.give_access(
        grant("second-lead@staff.example", roles=["operator_tech_lead"], request_id="request-second"), CALL
    )
    for wrong in (
        grant(LEAD, roles=["operator_viewer"]),
        grant(approved_by=NEW),
        grant(approved_by="devops@staff.example"),
        grant(approved_by="nobody@staff.example"),
        grant(approved_by="second-lead@staff.example"),  # not enrolled, so never signed in
    ):
        with pytest.raises(Refused, match="OPERATOR_NOT_APPROVED"):
            await identity.give_access(wrong, CALL)
    assert await identity.operators.by_email(NEW) is None


async def test_a_dry_run_gives_nobody_access_and_no_token(identity, lead) -> None:
    shown = await identity.give_access(grant(dry_run=True), CALL)
    assert (shown.carried_out, len(shown.changes), shown.enrolment_token) == (False, 2, None)
    assert await identity.operators.by_email(NEW) is None


async def test_a_repeated_grant_gives_access_once_and_shows_the_token_once(identity, lead) -> None:
    first = await identity.give_access(grant(), CALL)
    again = await identity.give_access(grant(), CALL)
    assert first.enrolment_token
    assert (again.carried_out, again.changes, again.enrolment_token) == (True, first.changes, None)
    assert await identity.database.fetchval("SELECT count(*) FROM operator_enrolment") == 2  # the lead's and this one
    await Person(identity, NEW).enrol(first.enrolment_token)


async def test_other_roles_hold_from_the_next_session_on(identity, lead) -> None:
    person, session = await person_with_access(identity)
    ended = (await actor_of(identity, session)).session_id
    changed = await identity.give_access(grant(request_id="request-more", roles=["operator_devops"]), CALL)
    assert changed.enrolment_token is None
    assert ended in revoked(identity)
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await actor_of(identity, session)
    assert (await actor_of(identity, await person.sign_in())).roles == ("operator_devops",)
    same = await identity.give_access(grant(request_id="request-same", roles=["operator_devops"]), CALL)
    assert same.changes == ()


async def test_taken_access_ends_every_session_and_forgets_the_second_factor(identity, lead) -> None:  # R277
    person, session = await person_with_access(identity)
    sessions = {(await actor_of(identity, one)).session_id for one in (session, await person.sign_in())}
    assert (await identity.take_access(revoke(), CALL)).carried_out
    assert sessions <= set(revoked(identity))
    with pytest.raises(Refused, match="SESSION_EXPIRED"):
        await actor_of(identity, session)
    with pytest.raises(Refused, match="CREDENTIALS_WRONG"):
        await person.sign_in()
    row = await identity.database.fetchrow("SELECT * FROM operator WHERE email = $1", NEW)
    assert (row["password_hash"], row["sealed_seed"]) == (None, None)
    again = await identity.take_access(revoke(request_id="request-again"), CALL)
    assert (again.carried_out, again.changes) == (True, ())
    with pytest.raises(Refused, match="NOT_FOUND"):
        await identity.take_access(revoke("nobody@staff.example", request_id="request-nobody"), CALL)


async def test_who_lost_the_device_is_revoked_and_granted_again(identity, lead) -> None:
    person, _ = await person_with_access(identity)
    old = person.seed
    await identity.take_access(revoke(), CALL)
    granted = await identity.give_access(grant(request_id="request-anew"), CALL)
    await person.enrol(granted.enrolment_token)
    assert person.seed != old
    await person.sign_in()


async def test_the_list_says_who_has_or_had_access_and_who_approved_it(identity, lead) -> None:  # R276, R277
    await person_with_access(identity)
    await identity.take_access(revoke(), CALL)
    listed = {operator.email: operator for operator in await identity.operators.all()}
    assert (listed[NEW].approved_by, listed[NEW].granted_by, listed[NEW].roles) == (LEAD, LEAD, ["operator_support"])
    assert listed[NEW].revoked_at is not None
    assert listed[NEW].last_seen_at is not None
    assert (listed[LEAD].granted_by, listed[LEAD].revoked_at) == ("first_operator", None)


async def test_what_happened_is_audited_and_no_secret_is_readable(identity, lead) -> None:  # R050, D13
    person, session = await person_with_access(identity)
    token = (await identity.give_access(grant("third@staff.example", request_id="request-3"), CALL)).enrolment_token
    await identity.take_access(revoke(), CALL)
    assert await audited(identity) == [
        "operator_granted",
        "operator_enrolment_begun",
        "operator_enrolled",
        "operator_signed_in",
        "operator_granted",
        "operator_enrolment_begun",
        "operator_enrolled",
        "operator_signed_in",
        "operator_granted",
        "operator_revoked",
    ]
    tables = await identity.database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    secrets = (PASSWORD, person.seed, lead.seed, session.session_token, token)
    for (table,) in tables:
        rows = str([dict(row) for row in await identity.database.fetch(f'SELECT * FROM "{table}"')])
        assert not [secret for secret in secrets if secret in rows], table
    actions = await identity.database.fetch("SELECT operator, target, carried_out FROM portal_operator_action")
    assert [tuple(row) for row in actions] == [
        (LEAD, NEW, True),
        (LEAD, "third@staff.example", True),
        (LEAD, NEW, True),
    ]


# the first one


async def test_the_first_operator_is_made_once_there_is_none_and_never_beside_another(identity) -> None:
    lost = await make_first_operator(identity.database, LEAD)
    token = await make_first_operator(identity.database, LEAD)  # the first token was lost
    with pytest.raises(Refused, match="ENROLMENT_INVALID"):
        await identity.show_second_factor(BeginOperatorEnrolment(token=lost))
    await Person(identity, LEAD).enrol(token)
    assert await make_first_operator(identity.database, LEAD) is None
    assert await make_first_operator(identity.database, NEW) is None


async def test_when_the_last_tech_lead_has_left_there_is_a_way_back(identity, lead) -> None:
    await identity.take_access(revoke(LEAD), CALL)
    token = await make_first_operator(identity.database, NEW)
    await Person(identity, NEW).enrol(token)


# orphans


async def test_linked_clients_are_found_and_orphans_are_not(identity) -> None:  # D05
    await identity.confirm(await identity.request(form()))
    account_id = await identity.database.fetchval("SELECT account_id FROM customer_link")
    assert (await identity.read_customer.linked([7000, 7001])).linked == {7000: account_id}
    assert (await identity.read_customer.linked([])).linked == {}
