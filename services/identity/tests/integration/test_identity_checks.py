"""Checks at an eKYC provider: begun, concluded, compared, written (C26, R197–R202). The provider itself is faked."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from portal_chassis.deadline import Deadline
from portal_contracts.identity import LogIn, MintActor
from portal_contracts.identity_verification import (
    BeginIdentityCheck,
    CheckVerification,
    ConcludeIdentityCheck,
    IdentityCheckForm,
)
from portal_contracts.problems import Refused, TryLater
from portal_identity.identity_comparison import PersonOnFile, ProvenPerson
from portal_identity.identity_provider_settings import IdentityProviderSettings
from portal_identity.ports import VerificationOnFile
from portal_identity.salesforce_verification import SalesforceVerifications
from portal_identity.testing import (
    ACCOUNT_ID,
    OTHER_ACCOUNT_ID,
    PASSPHRASE,
    FixedIdentityProvider,
    InMemoryVerifications,
    account,
    form,
)
from portal_identity.verification_policy import METHODS, judged
from portal_salesforce import soql

BORN = date(1990, 4, 1)
HANAKO = PersonOnFile("山田", "花子", BORN, "東京都渋谷区神宮前1-2-3", "150-0001")
PROVEN = ProvenPerson(("山田　花子",), BORN, "", "")
SOMEBODY = ProvenPerson(("canary-of-another-name",), date(1971, 2, 3), "", "")
SETTINGS = IdentityProviderSettings(
    issuer="https://ekyc.example.jp", client_id="portal", client_secret="an-obviously-fake-secret"
)
AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


class Desk:
    """A signed-in customer and what they do."""

    def __init__(self, identity, me, provider) -> None:
        self.identity = identity
        self.me = me
        self.provider = provider
        methods = {**METHODS, "sim_voice": "external"}
        self.use = replace(identity.prove_identity, methods=methods, provider=provider, settings=SETTINGS)

    @property
    def on_file(self) -> VerificationOnFile:
        return self.identity.verifications.by_account.get(ACCOUNT_ID, VerificationOnFile("not_submitted"))

    async def begin(self, commodity="sim_voice"):
        return await self.use.begin(self.me, BeginIdentityCheck(request_id="request-0003", commodity=commodity))

    async def state(self) -> str:
        return (await self.begin()).url.partition("state=")[2]

    async def conclude(self, state, caller=None, **answer):
        brought = IdentityCheckForm(state=state, **(answer or {"code": "a-code"}))
        command = ConcludeIdentityCheck(request_id="request-0004", form=brought, client_address="192.0.2.1")
        return await self.use.conclude(caller or self.me, command, Deadline.after(10))

    async def due_now(self) -> None:
        await self.identity.database.execute("UPDATE portal_process SET due_at = now() WHERE due_at IS NOT NULL")

    async def events(self) -> list[str]:
        return [one.event for one in await self.identity.audit.list(self.me.user_id, None, 20)]


async def signed_in(identity, email="hanako@example.jp", number="SNX-10001"):
    token = await identity.request(form(number, email), f"request-of-{number}")
    await identity.confirm(token)
    return await another_session(identity, email)


async def another_session(identity, email="hanako@example.jp"):
    attempt = LogIn(request_id="request-0001", email=email, password=PASSPHRASE, client_address="x")
    session = await identity.open_session(attempt)
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    return identity.verifier.verify(minted.actor_token)


@pytest.fixture
async def desk(identity) -> Desk:
    me = await signed_in(identity)
    identity.verifications.people[me.account_id] = HANAKO
    return Desk(identity, me, FixedIdentityProvider(PROVEN))


async def test_who_is_proven_passes_for_a_voice_line(desk) -> None:  # C26, R198
    answer = await desk.conclude(await desk.state())
    assert (answer.outcome, answer.verification.status) == ("alike", "verified")
    assert answer.verification.verified_at == desk.identity.clock.now()
    assert desk.on_file.submitted_at is None, "a time that stands there would say that documents were looked at"
    query = CheckVerification(account_id=ACCOUNT_ID, commodity="sim_voice")
    assert (await desk.identity.verify.check(query)).passed
    (note,) = desk.identity.verifications.notes[ACCOUNT_ID]
    assert note.startswith("Verified ")
    assert "ekyc.example.jp" in note
    await desk.identity.processes.run_until_idle()
    assert desk.identity.staff.cases == {}
    assert {"identity_check_begun", "identity_check_concluded"} <= set(await desk.events())


async def test_who_was_verified_by_documents_is_so_by_the_provider_afterwards(desk) -> None:
    desk.identity.verifications.by_account[ACCOUNT_ID] = VerificationOnFile("verified", AT, AT)
    assert (await desk.conclude(await desk.state())).outcome == "alike"
    assert judged(desk.on_file, "external").passed


async def test_somebody_else_is_rejected_with_a_reason_and_a_case_without_values(desk) -> None:  # R199, R201
    desk.provider.proven = SOMEBODY
    answer = await desk.conclude(await desk.state())
    assert (answer.outcome, answer.verification.status) == ("different", "rejected")
    assert "氏名・生年月日" in answer.verification.rejection
    assert "name and date of birth" in answer.verification.rejection
    await desk.identity.processes.run_until_idle()
    assert list(desk.identity.staff.kinds.values()) == ["id_verification"]
    (note,) = desk.identity.verifications.notes[ACCOUNT_ID]
    assert "(name, date of birth)" in note
    assert "canary" not in note + str(desk.identity.staff.cases)


async def test_somebody_else_takes_no_verification_away_and_staff_are_asked(desk) -> None:
    standing = VerificationOnFile("verified", AT, AT)
    desk.identity.verifications.by_account[ACCOUNT_ID] = standing
    desk.provider.proven = SOMEBODY
    assert (await desk.conclude(await desk.state())).outcome == "different"
    await desk.identity.processes.run_until_idle()
    assert desk.on_file == standing
    assert len(desk.identity.staff.cases) == 1


async def test_nothing_that_was_proven_stays_in_the_database(desk) -> None:
    desk.provider.proven = SOMEBODY
    await desk.conclude(await desk.state())
    await desk.identity.processes.run_until_idle()
    for row in await desk.identity.database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        rows = str([dict(one) for one in await desk.identity.database.fetch(f"SELECT * FROM {row['tablename']}")])
        for secret in ("canary-of-another-name", "1971", "a-code"):
            assert secret not in rows, row["tablename"]


async def test_a_lost_answer_of_salesforce_leaves_one_outcome(desk) -> None:
    state = await desk.state()
    desk.identity.verifications.fails_with = [TryLater("SALESFORCE_UNAVAILABLE")] * 2
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await desk.conclude(state)
    await desk.due_now()
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await desk.conclude(state)
    await desk.due_now()
    assert (await desk.conclude(state)).outcome == "alike"
    assert len(desk.provider.concluded) == 1
    assert len(desk.identity.verifications.notes[ACCOUNT_ID]) == 1


async def test_the_same_answer_again_gives_the_same_outcome_and_asks_nobody(desk) -> None:
    state = await desk.state()
    first = await desk.conclude(state)
    assert await desk.conclude(state) == first
    assert len(desk.provider.concluded) == 1
    assert (await desk.events()).count("identity_check_concluded") == 1


@pytest.mark.parametrize(
    "problem",
    [Refused("IDENTITY_NOT_PROVEN"), TryLater("IDENTITY_PROVIDER_UNAVAILABLE")],
    ids=["not proven", "away"],
)
async def test_a_failed_check_changes_nothing_and_can_be_begun_anew(desk, problem) -> None:
    state = await desk.state()
    desk.provider.fails_with = [problem]
    with pytest.raises(type(problem), match=problem.code):
        await desk.conclude(state)
    assert desk.on_file == VerificationOnFile("not_submitted")
    assert "identity_check_failed" in await desk.events()
    with pytest.raises(Refused, match="IDENTITY_CHECK_OVER"):
        await desk.conclude(state)
    assert (await desk.conclude(await desk.state())).outcome == "alike"


async def test_who_cancels_has_not_proven_anything(desk) -> None:
    with pytest.raises(Refused, match="IDENTITY_NOT_PROVEN"):
        await desk.conclude(await desk.state(), error="access_denied")
    assert desk.on_file == VerificationOnFile("not_submitted")


async def test_a_state_is_good_for_its_own_session_alone(desk) -> None:
    state = await desk.state()
    elsewhere = await another_session(desk.identity)
    desk.identity.accounts.by_number["SNX-10002"] = account(OTHER_ACCOUNT_ID, "taro@example.jp")
    somebody = await signed_in(desk.identity, "taro@example.jp", "SNX-10002")
    for caller in (elsewhere, somebody):
        with pytest.raises(Refused, match="IDENTITY_CHECK_OVER"):
            await desk.conclude(state, caller)
    assert desk.provider.concluded == []
    assert (await desk.conclude(state)).outcome == "alike"


async def test_a_state_lives_some_minutes(desk) -> None:
    state = await desk.state()
    desk.identity.clock.advance(timedelta(minutes=SETTINGS.minutes, seconds=1))
    with pytest.raises(Refused, match="IDENTITY_CHECK_OVER"):
        await desk.conclude(state)
    with pytest.raises(Refused, match="IDENTITY_CHECK_OVER"):
        await desk.conclude("a-state-nobody-ever-made-up")


async def test_while_salesforce_is_away_the_code_is_not_used_up(desk) -> None:
    state, read = await desk.state(), desk.identity.verifications.person

    async def away(*_):
        raise TryLater("SALESFORCE_UNAVAILABLE")

    desk.identity.verifications.person = away
    with pytest.raises(TryLater):
        await desk.conclude(state)
    assert desk.provider.concluded == []
    desk.identity.verifications.person = read
    assert (await desk.conclude(state)).outcome == "alike"


async def test_without_a_birth_date_on_file_staff_are_asked_and_nobody_is_sent(desk) -> None:
    desk.identity.verifications.people[ACCOUNT_ID] = replace(HANAKO, birth_date=None)
    for _ in range(2):
        with pytest.raises(Refused, match="PERSON_INCOMPLETE"):
            await desk.begin()
    assert desk.provider.begun == []
    assert len(desk.identity.staff.cases) == 1


@pytest.mark.parametrize("commodity", ["internet", "vpn"])
async def test_where_documents_are_asked_for_there_is_nothing_to_prove(desk, commodity) -> None:
    with pytest.raises(Refused, match="VERIFICATION_NOT_POSSIBLE"):
        await desk.begin(commodity)


async def test_who_passes_already_is_not_sent(desk) -> None:
    desk.identity.verifications.by_account[ACCOUNT_ID] = VerificationOnFile("verified", None, AT)
    with pytest.raises(Refused, match="VERIFICATION_NOT_POSSIBLE"):
        await desk.begin()


async def test_without_a_provider_nothing_can_be_begun_or_concluded(identity) -> None:
    me = await signed_in(identity)
    with pytest.raises(Refused, match="VERIFICATION_NOT_POSSIBLE"):
        await identity.prove_identity.begin(me, BeginIdentityCheck(request_id="request-0003", commodity="sim_voice"))


async def test_checks_are_counted(desk) -> None:
    for _ in range(10):
        await desk.begin()
    with pytest.raises(TryLater, match="RATE_LIMITED"):
        await desk.begin()


async def test_two_accounts_may_be_proven_by_the_same_person(desk) -> None:  # one owner of several companies
    assert (await desk.conclude(await desk.state())).outcome == "alike"
    desk.identity.accounts.by_number["SNX-10002"] = account(OTHER_ACCOUNT_ID, "taro@example.jp")
    other = Desk(desk.identity, await signed_in(desk.identity, "taro@example.jp", "SNX-10002"), desk.provider)
    desk.identity.verifications.people[OTHER_ACCOUNT_ID] = HANAKO
    assert (await other.conclude(await other.state())).outcome == "alike"


# the port: one suite for the fake and for Salesforce


class FakeOrg:
    def __init__(self) -> None:
        self.verifications = InMemoryVerifications()
        self.verifications.people[ACCOUNT_ID] = HANAKO

    async def account_id(self) -> str:
        return ACCOUNT_ID


class SalesforceOrg:
    def __init__(self, salesforce) -> None:
        self.salesforce = salesforce
        self.verifications = SalesforceVerifications(salesforce)

    async def account_id(self) -> str:
        number = soql.equals("SF_Account_No__c", "SNX-10001")
        found = (await self.salesforce.query_one(soql.select("Account", "Id").where(number)))["Id"]
        address = ("東京都", "渋谷区", "神宮前1-2-3\n見本ビル")
        fields = dict(zip(("BillingState", "BillingCity", "BillingStreet"), address, strict=True))
        await self.salesforce.update("Account", found, {**fields, "BillingPostalCode": "150-0001"})
        mine = soql.select("Contact", "Id", "Email").where(soql.equals("AccountId", found))
        contact = await self.salesforce.query_one(mine)
        person = {"LastName": "山田", "FirstName": "花子", "Birthdate": "1990-04-01", "Email": "hanako@example.jp"}
        await self.salesforce.update("Contact", contact["Id"], person)
        return found

    async def note(self, account_id) -> str:
        return (await self.salesforce.read("Account", account_id, ["Id_Verification_Note__c"]))[
            "Id_Verification_Note__c"
        ]


@pytest.fixture
def fake_org():
    return FakeOrg()


@pytest.fixture
def salesforce_org(salesforce, sandbox):
    return SalesforceOrg(salesforce)


@pytest.fixture(params=["fake", "salesforce"])
def org(request):
    return request.getfixturevalue(f"{request.param}_org")


async def test_a_person_is_read_by_mailbox_without_the_building(org) -> None:
    account_id = await org.account_id()
    assert await org.verifications.person(account_id, "hanako@example.jp") == HANAKO


async def test_proven_is_written_and_read_back(org) -> None:  # R198
    account_id = await org.account_id()
    await org.verifications.mark_pending(account_id, AT)
    for _ in range(2):
        await org.verifications.mark_proven(account_id, AT, "Verified by ekyc.example.jp")
    assert await org.verifications.read(account_id) == VerificationOnFile("verified", None, AT, "")


async def test_refuted_is_written_and_read_back(org) -> None:  # R199
    account_id = await org.account_id()
    for _ in range(2):
        await org.verifications.mark_refuted(account_id, "一致しません", "Not alike (name)")
    found = await org.verifications.read(account_id)
    assert (found.status, found.rejection) == ("rejected", "一致しません")


async def test_what_agents_noted_stays_under_ours(salesforce_org) -> None:  # R200
    account_id = await salesforce_org.account_id()
    await salesforce_org.salesforce.update("Account", account_id, {"Id_Verification_Note__c": "写真と一致"})
    for _ in range(2):
        await salesforce_org.verifications.mark_proven(account_id, AT, "Verified by ekyc.example.jp")
    assert await salesforce_org.note(account_id) == "Verified by ekyc.example.jp\n写真と一致"


async def test_nobody_has_this_mailbox(salesforce_org) -> None:
    account_id = await salesforce_org.account_id()
    found = await salesforce_org.verifications.person(account_id, "somebody@example.jp")
    assert (found.family_name, found.given_name, found.birth_date) == ("", "", None)
