"""Files of cases pass through the gateway: sent within limits, given so that no browser opens them (C41)."""

import pytest

from portal_contracts.support_files import MOST_BYTES, AttachFile, CaseFileContent, ReadCaseFile

PATH = "/support/cases/500000000000001AAA/files"
JPEG = b"\xff\xd8\xff\xe0"


async def test_a_file_goes_to_support_as_it_is_with_its_name(portal, browser) -> None:
    answer = await browser.post(f"{PATH}?fileName=%E5%86%99%E7%9C%9F.jpg", content=JPEG)
    assert answer.status_code == 201, answer.text
    asked = portal.asked(AttachFile)[0]
    assert (asked.content, asked.file_name, asked.case_id) == (JPEG, "写真.jpg", "500000000000001AAA")


async def test_what_is_beside_the_name_in_the_address_decides_nothing(portal, browser) -> None:
    answer = await browser.post(f"{PATH}?content=AAAA&requestId=another-one&caseId=500000000000002AAA", content=JPEG)
    assert answer.status_code == 201, answer.text
    asked = portal.asked(AttachFile)[0]
    assert (asked.content, asked.case_id, asked.file_name) == (JPEG, "500000000000001AAA", "file")
    assert asked.request_id != "another-one"


@pytest.mark.parametrize("name", ["x" * 256, ""])
async def test_a_name_of_a_wrong_form_is_refused(portal, browser, name) -> None:
    answer = await browser.post(PATH, params={"fileName": name}, content=JPEG)
    assert (answer.status_code, answer.json()["code"]) == (422, "BAD_REQUEST")
    assert portal.asked(AttachFile) == []


async def test_a_byte_more_than_five_megabytes_is_refused_before_it_is_read(portal, browser) -> None:
    async def sent():
        yield b"x"
        raise AssertionError("it was read")

    headers = {"Content-Length": str(MOST_BYTES + 1)}
    answer = await browser.post(PATH, content=sent(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert portal.asked(AttachFile) == []


async def test_a_file_is_given_to_be_saved_and_never_opened(portal, browser) -> None:
    page = b"<html><script>alert(1)</script>"
    name = '写真";\r\nX: y.html'
    found = CaseFileContent.model_construct(name=name, media_type="application/octet-stream", content=page)
    portal.bus.reply(ReadCaseFile, found)
    answer = await browser.get(f"{PATH}/069000000000001AAA")
    assert answer.content == page
    told = answer.headers
    assert told["content-type"] == "application/octet-stream"
    expected = "attachment; filename=\"______X__y.html\"; filename*=UTF-8''%E5%86%99%E7%9C%9F%22%3B%0D%0AX%3A%20y.html"
    assert told["content-disposition"] == expected
    assert told["x-content-type-options"] == "nosniff"
    assert told["cache-control"] == "no-store"
    assert "sandbox" in told["content-security-policy"]
    assert "x" not in told
