import base64
from dataclasses import replace

import pytest

from portal_contracts.problems import Refused, TryLater
from portal_contracts.support_files import MOST_BYTES, MOST_FILES, AttachFile, ReadCaseFile
from portal_support.attachment import file_kind, media_type, safe_name

HANAKO = "001000000000001AAA"
TARO = "001000000000002AAA"
JPEG = b"\xff\xd8\xff\xe0 a picture"
PDF = b"%PDF-1.4\n"


@pytest.fixture
async def case_id(desk) -> str:
    return (await desk.opened()).case_id


def file(case_id: str, content: bytes = JPEG, name: str = "router.jpg", request_id: str = "attach-0001") -> AttachFile:
    sent = base64.b64encode(content).decode()
    return AttachFile(request_id=request_id, case_id=case_id, file_name=name, content=sent)


async def fetched(desk, case_id, file_id, account=HANAKO):
    return await desk.fetch(account, ReadCaseFile(case_id=case_id, file_id=file_id))


async def test_a_file_is_sent_shown_and_fetched_as_it_was(desk, case_id) -> None:  # C41
    case = await desk.attach(HANAKO, file(case_id))
    (one,) = case.files
    assert (one.name, one.size, one.by) == ("router.jpg", len(JPEG), "customer")
    found = await fetched(desk, case_id, one.file_id)
    assert (found.name, found.media_type, found.content) == ("router.jpg", "image/jpeg", JPEG)


async def test_the_content_decides_what_a_file_is_and_its_name_does_not(desk, case_id) -> None:  # C41
    case = await desk.attach(HANAKO, file(case_id, PDF, "C:\\evil\\..\\holiday.jpg.exe"))
    assert [one.name for one in case.files] == ["holiday.jpg.pdf"]
    found = await fetched(desk, case_id, case.files[0].file_id)
    assert found.media_type == "application/pdf"


@pytest.mark.parametrize("content", [b"", b"<html><script>", b"MZ\x90\x00", b"PK\x03\x04", b"GIF89a", b" %PDF-"])
async def test_what_is_no_picture_and_no_pdf_is_refused(desk, case_id, content) -> None:
    with pytest.raises(Refused, match="DOCUMENT_REFUSED"):
        await desk.attach(HANAKO, file(case_id, content, "router.jpg"))
    assert desk.files.by_path == {}


def test_five_megabytes_pass_and_a_byte_more_does_not() -> None:  # C41
    assert file_kind(PDF.ljust(MOST_BYTES, b"x")) == "pdf"
    with pytest.raises(Refused, match="DOCUMENT_REFUSED"):
        file_kind(PDF.ljust(MOST_BYTES + 1, b"x"))


async def test_the_same_content_is_kept_once_whatever_it_is_called(desk, case_id) -> None:
    await desk.attach(HANAKO, file(case_id))
    case = await desk.attach(HANAKO, file(case_id, name="again.jpg", request_id="attach-0002"))
    assert len(case.files) == 1


async def test_a_file_whose_answer_was_lost_is_there_once(desk, case_id) -> None:
    desk.files.answers_lost = 1
    with pytest.raises(TryLater):
        await desk.attach(HANAKO, file(case_id))
    assert len((await desk.attach(HANAKO, file(case_id))).files) == 1
    assert len(desk.files.by_path) == 1


async def test_a_case_takes_so_many_files_and_no_more(desk, case_id) -> None:
    for number in range(MOST_FILES):
        await desk.attach(HANAKO, file(case_id, JPEG + bytes([number])))
    with pytest.raises(Refused, match="CASE_FILES_FULL"):
        await desk.attach(HANAKO, file(case_id, PDF))
    case = await desk.attach(HANAKO, file(case_id, JPEG + bytes([0])))
    assert len(case.files) == MOST_FILES, "a repeat of one that is there is none too many"


async def test_nobody_sends_to_or_fetches_from_anothers_case(desk, case_id) -> None:  # R009
    with pytest.raises(Refused, match="NOT_FOUND"):
        await desk.attach(TARO, file(case_id))
    sent = (await desk.attach(HANAKO, file(case_id))).files[0].file_id
    for account, case, wanted in (
        (TARO, case_id, sent),
        (HANAKO, "500000000000999AAA", sent),
        (HANAKO, case_id, "069000000000999AAA"),
    ):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await fetched(desk, case, wanted, account)


async def test_a_file_that_is_too_large_to_travel_is_said_to_be(desk, case_id) -> None:
    sent = (await desk.attach(HANAKO, file(case_id))).files[0].file_id
    (path,) = desk.files.by_path
    desk.files.by_path[path] = PDF.ljust(MOST_BYTES + 1, b"x")
    with pytest.raises(Refused, match="CASE_FILE_TOO_LARGE"):
        await fetched(desk, case_id, sent)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("router.jpg", "router.jpg"),
        ("写真 1.JPG", "写真 1.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ('a"b\r\nSet-Cookie: x.png', "a_bSet-Cookie_ x.jpg"),
        ("invoice\u202egpj.exe", "invoicegpj.jpg"),
        (" ... ", "file.jpg"),
        ("x" * 200 + ".png", "x" * 80 + ".jpg"),
    ],
)
def test_a_name_loses_whatever_could_deceive(given, shown) -> None:
    assert safe_name(given, "jpg") == shown


def test_the_media_type_of_what_nobody_recognises_is_only_bytes() -> None:
    assert media_type(b"<svg onload=alert(1)>") == "application/octet-stream"


@pytest.mark.parametrize("problem", [Refused("FILE_INFECTED"), TryLater("VIRUS_SCANNER_UNAVAILABLE")])
async def test_what_the_scanner_lets_not_pass_is_not_kept_and_may_be_sent_again(desk, case_id, problem) -> None:
    class Doubting:
        async def check(self, _: bytes) -> None:
            raise problem

    attach = replace(desk.attach, scanner=Doubting())
    with pytest.raises(type(problem), match=problem.code):
        await attach(HANAKO, file(case_id))
    assert desk.files.by_path == {}
    assert len((await desk.attach(HANAKO, file(case_id))).files) == 1, "nothing is held for the repeat"
