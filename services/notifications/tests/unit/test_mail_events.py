"""The provider's postings: verified from raw bytes, each event once, no address kept (reference sendgrid.md 6)."""

import base64
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from portal_contracts.notifications import MailRecord, TakeMailEvents
from portal_contracts.problems import Misconfigured, Refused
from portal_notifications.sendgrid_events import EventKeys, read_events
from portal_notifications.take_mail_events import TakeEvents
from portal_notifications.testing import InMemoryMailBook

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
MAIL = MailRecord(id=1, mail_id="welcome:001000000000001AAA", template="welcome", standing="sent", caused_at=NOW)


class Clock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


class SendGrid:
    """Signs as SendGrid does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        encoding, shape = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(self._key.public_key().public_bytes(encoding, shape)).decode()

    def posting(self, events: Any, at: datetime = NOW) -> TakeMailEvents:
        return self.signed(json.dumps(events).encode(), str(int(at.timestamp())))

    def signed(self, body: bytes, timestamp: str) -> TakeMailEvents:
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return posting(body, timestamp, base64.b64encode(signature).decode())


def posting(body: bytes, timestamp: str, signature: str) -> TakeMailEvents:
    return TakeMailEvents(timestamp=timestamp, signature=signature, body=base64.urlsafe_b64encode(body))


def event(kind: str = "delivered", **more: Any) -> dict[str, Any]:
    return {
        "email": "hanako@example.jp",
        "timestamp": int(NOW.timestamp()),
        "event": kind,
        "sg_event_id": f"event-{kind}",
        "sg_message_id": "abc.filter0001",
        "portal_message_id": MAIL.mail_id,
    } | more


@pytest.fixture
def sendgrid() -> SendGrid:
    return SendGrid()


@pytest.fixture
def book() -> InMemoryMailBook:
    return InMemoryMailBook(MAIL)


@pytest.fixture
def take(sendgrid: SendGrid, book: InMemoryMailBook) -> TakeEvents:
    return TakeEvents(EventKeys([sendgrid.public_key]), book, Clock())


async def test_a_genuine_posting_is_kept_and_a_repeat_changes_nothing(
    take: TakeEvents, sendgrid: SendGrid, book: InMemoryMailBook
) -> None:
    for _ in range(3):
        await take(sendgrid.posting([event("processed"), event("delivered", response="250 OK")]))
    assert {one.report: one.words for one in book.events.values()} == {"processed": "", "delivered": "250 OK"}


async def test_foreign_mails_and_events_that_tell_no_end_are_left_out(
    take: TakeEvents, sendgrid: SendGrid, book: InMemoryMailBook
) -> None:
    strange = [
        event(portal_message_id="welcome:somebody-elses"),
        event("open"),
        event("click"),
        event("newer than us"),
        {"event": "bounce"},
        event("bounce", timestamp="soon"),
        event("bounce", portal_message_id=None),
        event("bounce", sg_event_id="x" * 201),
    ]
    await take(sendgrid.posting([*strange, event("dropped", reason="Bounced Address")]))
    assert [one.report for one in book.events.values()] == ["dropped"]


async def test_the_receiving_servers_words_are_kept_without_addresses_and_controls(
    take: TakeEvents, sendgrid: SendGrid, book: InMemoryMailBook
) -> None:
    reason = (
        "550 5.1.1 <hanako@example.jp>: no such user\r\n(in reply to RCPT TO 'Hanako+x@mail.example.co.jp') \x1b[31m"
        + "x" * 500
    )
    await take(sendgrid.posting([event("bounce", reason=reason, status="5.1.1", type="bounce")]))
    (kept,) = book.events.values()
    assert kept.words.startswith("5.1.1 550 5.1.1 <…>: no such user (in reply to RCPT TO '…')")
    assert kept.words.isprintable()
    assert len(kept.words) <= 200
    assert "hanako" not in kept.words.casefold()


def forged() -> dict[str, Any]:
    """Ways to have a posting taken that SendGrid did not sign; each gets the genuine one and gives its own."""

    def but(**changed: Any) -> Any:
        return lambda genuine: genuine.model_copy(update=changed)

    other = SendGrid()
    return {
        "somebody else's key": lambda genuine: other.signed(genuine.body, genuine.timestamp),
        "another body": but(body=b"[]"),
        "a byte more": lambda genuine: genuine.model_copy(update={"body": genuine.body + b" "}),
        "a bit flipped": lambda genuine: genuine.model_copy(
            update={"body": bytes([genuine.body[0] ^ 1]) + genuine.body[1:]}
        ),
        "another time": lambda genuine: genuine.model_copy(update={"timestamp": str(int(genuine.timestamp) + 1)}),
        "no signature": but(signature="AAAAAAAA"),
        "half a signature": lambda genuine: genuine.model_copy(update={"signature": genuine.signature[:40]}),
        "padding alone": but(signature="AAAAAAAAA="),
        "zeros": but(signature=base64.b64encode(bytes.fromhex("3006020100020100")).decode()),
        "time moved into the body": lambda genuine: genuine.model_copy(
            update={"timestamp": genuine.timestamp[:-1], "body": genuine.timestamp[-1:].encode() + genuine.body}
        ),
    }


@pytest.mark.parametrize("way", forged())
async def test_a_forged_posting_is_refused_and_nothing_is_kept(
    way: str, take: TakeEvents, sendgrid: SendGrid, book: InMemoryMailBook
) -> None:
    with pytest.raises(Refused) as refused:
        await take(forged()[way](sendgrid.posting([event("bounce")])))
    assert refused.value.code in {"SIGNATURE_INVALID", "SIGNED_CALL_EXPIRED"}
    assert book.events == {}


@pytest.mark.parametrize(("seconds", "taken"), [(-601, False), (-600, True), (0, True), (600, True), (601, False)])
async def test_only_what_was_signed_within_ten_minutes_counts(
    seconds: int, *, taken: bool, take: TakeEvents, sendgrid: SendGrid, book: InMemoryMailBook
) -> None:
    command = sendgrid.posting([event()], NOW + timedelta(seconds=seconds))
    if taken:
        await take(command)
    else:
        with pytest.raises(Refused, match="SIGNED_CALL_EXPIRED"):
            await take(command)
    assert bool(book.events) == taken


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[1]", b'["x"]', b"[", b"\xff", b'[{"event":'])
async def test_a_genuine_posting_of_something_else_is_refused_by_its_shape(
    body: bytes, take: TakeEvents, sendgrid: SendGrid
) -> None:
    with pytest.raises(Refused, match="BAD_REQUEST"):
        await take(sendgrid.signed(body, str(int(NOW.timestamp()))))


async def test_two_keys_count_while_one_is_replaced_and_without_any_there_is_no_such_place(
    sendgrid: SendGrid, book: InMemoryMailBook
) -> None:
    later = SendGrid()
    both = TakeEvents(EventKeys([sendgrid.public_key, later.public_key]), book, Clock())
    for key in (sendgrid, later):
        await both(key.posting([event("delivered", sg_event_id=key.public_key[-20:])]))
    assert len(book.events) == 2
    with pytest.raises(Refused, match="NOT_FOUND"):
        await TakeEvents(EventKeys([]), book, Clock())(sendgrid.posting([event()]))


def test_a_key_that_is_none_stops_the_start() -> None:
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    encoding, shape = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    for text in ("", "not base64", "AAAA", base64.b64encode(other.public_bytes(encoding, shape)).decode()):
        with pytest.raises(Misconfigured, match="MAIL_MISCONFIGURED"):
            EventKeys([text])


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_posted_is_read_or_refused(body: bytes) -> None:
    with suppress(Refused):
        assert read_events(body) == []
