"""Who the customer is: documents, what staff found, and what each commodity asks for (C26, C41, R197–R202)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from portal_chassis.deadline import Deadline
from portal_contracts.identity import LogIn, MintActor
from portal_contracts.identity_verification import MOST_BYTES, CheckVerification, SubmitDocument
from portal_contracts.problems import Refused, TryLater
from portal_identity.ports import VerificationOnFile
from portal_identity.salesforce_verification import SalesforceVerifications
from portal_identity.testing import ACCOUNT_ID, PASSPHRASE, InMemoryVerifications, form
from portal_salesforce import soql

PDF = b"%PDF-1.7\n" + bytes(range(256))
PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


@pytest.fixture
async def me(identity):
    await identity.confirm(await identity.request(form()))
    attempt = LogIn(request_id="request-0001", email="hanako@example.jp", password=PASSPHRASE, client_address="x")
    session = await identity.open_session(attempt)
    minted = await identity.mint_actor(MintActor(session_token=session.session_token))
    return identity.verifier.verify(minted.actor_token)


async def submit(identity, me, content=PDF, commodity="internet"):
    command = SubmitDocument.model_construct(request_id="request-0002", commodity=commodity, content=content)
    return await identity.verify.submit(me, command, Deadline.after(10))


async def test_a_document_waits_for_staff_who_get_a_case(identity, me) -> None:  # R197, R201
    assert (await identity.verify.read(me)).status == "not_submitted"
    answer = await submit(identity, me)
    assert (answer.status, answer.submitted_at) == ("pending", identity.clock.now())
    assert list(identity.verifications.documents.values()) == [PDF]
    await identity.processes.run_until_idle()
    assert list(identity.staff.kinds.values()) == ["id_verification"]


async def test_after_every_lost_answer_there_is_one_document_and_one_case(identity, me) -> None:
    identity.verifications.fails_with = [TryLater("SALESFORCE_UNAVAILABLE"), TryLater("SALESFORCE_UNAVAILABLE")]
    for _ in range(2):
        with pytest.raises(TryLater):
            await submit(identity, me)
    await identity.database.execute("UPDATE portal_process SET due_at = now() WHERE due_at IS NOT NULL")
    assert (await submit(identity, me)).status == "pending"
    await identity.processes.run_until_idle()
    assert (len(identity.verifications.documents), len(identity.staff.cases)) == (1, 1)


async def test_no_byte_of_a_document_stays_in_the_database(identity, me) -> None:  # C41
    content = b"%PDF-canary-of-a-document" * 3
    await submit(identity, me, content)
    for row in await identity.database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        rows = await identity.database.fetch(f"SELECT * FROM {row['tablename']}")
        assert "canary-of-a-document" not in str([dict(one) for one in rows]), row["tablename"]


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a...", b"<html>%PDF-", b"PK\x03\x04", "身分証".encode(), b"\xff\xd8", PNG + bytes(MOST_BYTES)],
    ids=["nothing", "gif", "page", "archive", "text", "torso", "too large"],
)
async def test_what_is_no_document_by_its_content_is_refused(identity, me, content) -> None:  # C41
    with pytest.raises(Refused, match="DOCUMENT_REFUSED"):
        await submit(identity, me, content)
    assert identity.verifications.documents == {}


async def test_five_megabytes_pass(identity, me) -> None:  # C41
    assert (await submit(identity, me, PNG + bytes(MOST_BYTES - len(PNG)))).status == "pending"


@pytest.mark.parametrize("problem", [Refused("FILE_INFECTED"), TryLater("VIRUS_SCANNER_UNAVAILABLE")])
async def test_what_the_scanner_lets_not_pass_reaches_nothing(identity, me, problem) -> None:  # C41, §5 item 6
    identity.scanner.fails_with = [problem]
    with pytest.raises(type(problem), match=problem.code):
        await submit(identity, me)
    assert identity.scanner.seen == [PDF], "every byte was looked at"
    assert identity.verifications.documents == {}
    assert (await identity.verify.read(me)).status == "not_submitted"
    assert await identity.database.fetchval("SELECT count(*) FROM portal_process WHERE kind = 'verification'") == 0
    assert (await submit(identity, me)).status == "pending", "nothing is held against the next one"


@pytest.mark.parametrize("commodity", ["sim_voice"])
async def test_where_staff_verify_documents_do_not_count(identity, me, commodity) -> None:  # C26
    with pytest.raises(Refused, match="VERIFICATION_NOT_POSSIBLE"):
        await submit(identity, me, commodity=commodity)
    assert identity.verifications.documents == {}


async def test_who_is_verified_needs_no_more_documents(identity, me) -> None:
    identity.verifications.by_account[me.account_id] = VerificationOnFile("verified", AT, AT)
    with pytest.raises(Refused, match="VERIFICATION_NOT_POSSIBLE"):
        await submit(identity, me)


async def test_a_rejection_shows_its_reason_and_another_document_clears_it(identity, me) -> None:  # R199
    rejected = VerificationOnFile("rejected", AT, None, "期限切れです")
    identity.verifications.by_account[me.account_id] = rejected
    assert (await identity.verify.read(me)).rejection == "期限切れです"
    answer = await submit(identity, me, PNG)
    assert (answer.status, answer.rejection) == ("pending", "")


async def test_a_reason_is_shown_with_a_rejection_only(identity, me) -> None:
    identity.verifications.by_account[me.account_id] = VerificationOnFile("pending", AT, None, "old reason")
    assert (await identity.verify.read(me)).rejection == ""


@pytest.mark.parametrize(
    ("commodity", "on_file", "passed"),
    [
        ("internet", VerificationOnFile("verified", AT, AT), True),
        ("internet", VerificationOnFile("verified", None, AT), True),
        ("internet", VerificationOnFile("pending", AT), False),
        ("sim_data", VerificationOnFile("rejected", AT), False),
        ("sim_voice", VerificationOnFile("verified", AT, AT), False),
        ("sim_voice", VerificationOnFile("verified", None, AT), True),
        ("vpn", VerificationOnFile("unknown"), False),
    ],
)
async def test_a_voice_line_wants_more_than_an_upload(identity, commodity, on_file, passed) -> None:  # C26
    identity.verifications.by_account[ACCOUNT_ID] = on_file
    judged = await identity.verify.check(CheckVerification(account_id=ACCOUNT_ID, commodity=commodity))
    assert (judged.passed, judged.status) == (passed, on_file.status)


# the port: one suite for the fake and for Salesforce


class FakeOrg:
    def __init__(self) -> None:
        self.verifications = InMemoryVerifications()

    async def account_id(self) -> str:
        return ACCOUNT_ID

    async def documents(self) -> int:
        return len(self.verifications.documents)


class SalesforceOrg:
    def __init__(self, salesforce) -> None:
        self.salesforce = salesforce
        self.verifications = SalesforceVerifications(salesforce)

    async def account_id(self) -> str:
        return await account_of(self.salesforce)

    async def documents(self) -> int:
        return len(await self.salesforce.query(soql.select("ContentVersion", "Id")))


async def account_of(salesforce) -> str:
    number = soql.equals("SF_Account_No__c", "SNX-10001")
    return (await salesforce.query_one(soql.select("Account", "Id").where(number)))["Id"]


@pytest.fixture
def fake_org():
    return FakeOrg()


@pytest.fixture
def salesforce_org(salesforce, sandbox):
    return SalesforceOrg(salesforce)


@pytest.fixture(params=["fake", "salesforce"])
def org(request):
    return request.getfixturevalue(f"{request.param}_org")


async def test_a_document_is_kept_once_for_its_title(org) -> None:
    before, account_id = await org.documents(), await org.account_id()
    for _ in range(2):
        await org.verifications.keep_document(account_id, "ID document 0001", "pdf", PDF)
    assert await org.documents() == before + 1


async def test_waiting_is_written_and_read_back(org) -> None:  # R197, R202
    account_id = await org.account_id()
    for _ in range(2):
        await org.verifications.mark_pending(account_id, AT)
    found = await org.verifications.read(account_id)
    assert replace(found, verified_at=None) == VerificationOnFile("pending", AT, None, "")


async def test_what_staff_wrote_is_read_and_their_note_is_not(salesforce, sandbox) -> None:  # R198–R200
    account_id = await account_of(salesforce)
    await salesforce.update(
        "Account",
        account_id,
        {
            "Id_Verification_Status__c": "Rejected",
            "Id_Verification_Rejection_Message__c": "写真が不鮮明です",
            "Id_Verification_Note__c": "canary-of-the-agents-note",
        },
    )
    found = await SalesforceVerifications(salesforce).read(account_id)
    assert (found.status, found.rejection) == ("rejected", "写真が不鮮明です")
    assert "canary" not in repr(found)


async def test_a_lost_answer_of_salesforce_leaves_one_document(salesforce, sandbox) -> None:
    account_id = await account_of(salesforce)
    verifications = SalesforceVerifications(salesforce)
    sandbox.faults.arm({"vendor": "salesforce", "call": "POST ContentVersion", "kind": "after_effect", "times": 1})
    with pytest.raises(TryLater):
        await verifications.keep_document(account_id, "ID document 0002", "png", PNG)
    await verifications.keep_document(account_id, "ID document 0002", "png", PNG)
    titled = soql.select("ContentVersion", "Id").where(soql.equals("Title", "ID document 0002"))
    assert len(await salesforce.query(titled)) == 1
