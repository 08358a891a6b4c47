"""A document on its way: 5 MB and no byte more, refused before it is read (C41)."""

import pytest

from portal_contracts.identity_verification import MOST_BYTES, SubmitDocument

PATH = "/me/verification/internet/documents"


async def test_five_megabytes_are_passed_on_as_they_are(portal, browser):
    content = b"%PDF-" + bytes(MOST_BYTES - 5)
    assert (await browser.post(PATH, content=content)).status_code == 202
    (command,) = portal.asked(SubmitDocument)
    assert (command.commodity, command.content) == ("internet", content)


async def test_one_byte_more_is_refused_before_it_is_read(portal, browser):
    read = 0

    async def parts():
        nonlocal read
        for _ in range(MOST_BYTES // 65536 + 1):
            read += 1
            yield bytes(65536)

    headers = {"Content-Length": str(MOST_BYTES + 1)}
    answer = await browser.post(PATH, content=parts(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert answer.headers["connection"] == "close"
    assert read <= 1
    assert portal.asked(SubmitDocument) == []


async def test_a_body_that_grows_too_long_is_cut_off(portal, browser):
    async def parts():
        for _ in range(MOST_BYTES // 65536 + 2):
            yield bytes(65536)

    answer = await browser.post(PATH, content=parts())
    assert answer.status_code == 413
    assert portal.asked(SubmitDocument) == []


@pytest.mark.parametrize("commodity", ["gold", "..%2f", "SIM_VOICE"])
async def test_a_commodity_nobody_sells_is_not_found(portal, browser, commodity):
    answer = await browser.post(f"/me/verification/{commodity}/documents", content=b"%PDF-")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert portal.asked(SubmitDocument) == []
