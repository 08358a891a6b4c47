"""Files of cases on a real NATS and the sandbox's Salesforce: they pass through and stay nowhere else (C41)."""

import json
import secrets
from base64 import b64encode

import pytest

from portal_contracts.problems import Refused, TryLater
from portal_contracts.support import OpenCase, ReadCase
from portal_contracts.support_files import MOST_BYTES, AttachFile, ReadCaseFile

JPEG = b"\xff\xd8\xff\xe0 a picture"
OPEN = OpenCase(request_id="request-0001", title="回線が遅い", description="夜だけ遅くなります。")


def attach(case_id, content, name="router.jpg"):
    sent = b64encode(content).decode()
    return AttachFile(request_id="attach-0001", case_id=case_id, file_name=name, content=sent)


async def test_five_megabytes_go_to_salesforce_and_come_back_as_they_were(customers, database) -> None:  # C41
    hanako, taro = customers
    case_id = (await hanako.ask(OPEN)).case_id
    content = b"%PDF-1.4\n" + secrets.token_bytes(MOST_BYTES - 9)
    case = await hanako.ask(attach(case_id, content, "明細.exe"), timeout=20.0)
    (file,) = case.files
    assert (file.name, file.size, file.by) == ("明細.pdf", MOST_BYTES, "customer")
    wanted = ReadCaseFile(case_id=case_id, file_id=file.file_id)
    found = await hanako.ask(wanted, timeout=20.0)
    assert found.content == content
    assert (found.name, found.media_type) == ("明細.pdf", "application/pdf")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await taro.ask(wanted)
    kept = await database.fetchval("SELECT sum(pg_column_size(w.*))::int FROM case_write w")
    assert kept < 2000, "nothing of a file stays with the portal"


async def test_a_file_whose_answer_was_lost_is_there_once_after_the_repeat(customers, sandbox) -> None:
    hanako, _ = customers
    case_id = (await hanako.ask(OPEN)).case_id
    sandbox.faults.arm({"vendor": "salesforce", "call": "POST ContentVersion", "kind": "after_effect", "times": 1})
    with pytest.raises(TryLater):
        await hanako.ask(attach(case_id, JPEG))
    assert len((await hanako.ask(attach(case_id, JPEG))).files) == 1


async def test_only_files_that_staff_opened_to_customers_are_shown(customers, staff) -> None:
    hanako, _ = customers
    case_id = (await hanako.ask(OPEN)).case_id
    for title, visibility in (("guide", "AllUsers"), ("notes", "InternalUsers")):
        fields = {"Title": title, "PathOnClient": f"{title}.txt", "VersionData": b64encode(title.encode()).decode()}
        version = await staff.create("ContentVersion", fields)
        document = (await staff.read("ContentVersion", version, ["ContentDocumentId"]))["ContentDocumentId"]
        link = {"ContentDocumentId": document, "LinkedEntityId": case_id, "ShareType": "V", "Visibility": visibility}
        await staff.create("ContentDocumentLink", link)
        hidden = document
    (shown,) = (await hanako.ask(ReadCase(case_id=case_id))).files
    assert (shown.name, shown.by) == ("guide.txt", "support")
    found = await hanako.ask(ReadCaseFile(case_id=case_id, file_id=shown.file_id))
    assert (found.media_type, found.content) == ("application/octet-stream", b"guide")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await hanako.ask(ReadCaseFile(case_id=case_id, file_id=hidden))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "CASE_NOT_TAKEN"),
        ("UNABLE_TO_LOCK_ROW", "SALESFORCE_UNAVAILABLE"),
    ],
)
async def test_a_file_that_salesforce_refuses_is_not_there(customers, sandbox, error, expected) -> None:
    hanako, _ = customers
    case_id = (await hanako.ask(OPEN)).case_id
    params = {"status": 400, "body": json.dumps([{"errorCode": error, "message": "Ask your boss.", "fields": []}])}
    fault = {"vendor": "salesforce", "call": "POST ContentVersion", "kind": "status", "times": 3}
    sandbox.faults.arm({**fault, "params": params})
    with pytest.raises((Refused, TryLater)) as caught:
        await hanako.ask(attach(case_id, JPEG), timeout=2.0)
    assert caught.value.code == expected
    assert (await hanako.ask(ReadCase(case_id=case_id))).files == []
