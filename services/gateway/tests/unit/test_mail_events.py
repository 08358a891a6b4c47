"""What the mail provider posts reaches notifications as it came: the signature is over the raw bytes."""

import pytest

from portal_contracts.notifications import MAIL_EVENTS_LIMIT, TakeMailEvents
from portal_contracts.problems import Refused

HEADERS = {
    "X-Twilio-Email-Event-Webhook-Signature": "MEUCIQCexample==",
    "X-Twilio-Email-Event-Webhook-Timestamp": "1767225600",
    "Content-Type": "application/json",
}


@pytest.mark.parametrize("body", [b'[{"event": "delivered"}]\n', b"[\r\n]", b"\xff\x00not json", b"", b" " * 200_000])
async def test_the_bytes_arrive_unchanged_whatever_they_are(portal, visitor, body) -> None:
    answer = await visitor.post("/hooks/sendgrid", content=body, headers=HEADERS)
    assert answer.status_code == 202
    (command,) = portal.asked(TakeMailEvents)
    assert (command.body, command.timestamp) == (body, "1767225600")
    assert command.signature == "MEUCIQCexample=="


async def test_a_posting_beyond_the_limit_is_refused(portal, visitor) -> None:
    answer = await visitor.post("/hooks/sendgrid", content=b" " * (MAIL_EVENTS_LIMIT + 1), headers=HEADERS)
    assert (answer.status_code, answer.headers["connection"], portal.asked(TakeMailEvents)) == (413, "close", [])


@pytest.mark.parametrize("name", list(HEADERS)[:2])
@pytest.mark.parametrize("value", [None, "", "no signature and no time", "-1", "0", "1" * 16 + "x" * 300])
async def test_a_posting_without_its_headers_names_the_one_that_is_wrong(portal, visitor, name, value) -> None:
    headers = {one: text for one, text in HEADERS.items() if one != name}
    answer = await visitor.post("/hooks/sendgrid", content=b"[]", headers=headers | ({name: value} if value else {}))
    assert answer.status_code == 400
    assert (answer.json()["code"], portal.asked(TakeMailEvents)) == ("SIGNATURE_MALFORMED", [])
    assert name in answer.text


async def test_what_notifications_refuses_is_refused(portal, visitor) -> None:
    portal.bus.reply(TakeMailEvents, Refused("SIGNATURE_INVALID"))
    answer = await visitor.post("/hooks/sendgrid", content=b"[]", headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGNATURE_INVALID")
