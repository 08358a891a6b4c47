"""What SendGrid's Event Webhook posts: its signature and its words (reference sendgrid.md 6)."""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from portal_chassis.validation import refused_field
from portal_contracts.notifications import TakeMailEvents
from portal_contracts.problems import Misconfigured, Refused
from portal_notifications.ports import MailEvent, Report

WINDOW_SECONDS: Final = 600
"""How far a signature's time may be from ours; a repeat of an event is signed anew."""
_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
_LONGEST_WORDS: Final = 200
_REPORTS: Final[dict[str, Report]] = {
    "processed": "processed",
    "deferred": "deferred",
    "delivered": "delivered",
    "bounce": "bounce",
    "dropped": "dropped",
    "spamreport": "spamreport",
}


class _Event(BaseModel):
    """The fields we read; everything else, the address first of all, is left where it is."""

    event: str = Field(max_length=80)
    sg_event_id: str = Field(pattern=r"^[!-~]{1,200}$")
    timestamp: int = Field(ge=0, le=253_402_300_799)
    portal_message_id: str = Field(pattern=r"^[!-~]{1,200}$")
    reason: str = ""
    response: str = ""
    status: str = ""


_EVENTS: Final = TypeAdapter(list[dict[str, Any]])


class EventKeys:
    """The public keys SendGrid's settings show; two while one is being replaced."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take each as base64 of its DER form. Misconfigured MAIL_MISCONFIGURED when one is something else."""
        self._keys = [_read_key(key) for key in keys]

    def __bool__(self) -> bool:
        """Whether any is set up."""
        return bool(self._keys)

    def check(self, command: TakeMailEvents, now: datetime) -> None:
        """Refused SIGNED_CALL_EXPIRED or SIGNATURE_INVALID unless SendGrid signed this posting just now."""
        if abs(int(now.timestamp()) - int(command.timestamp)) > WINDOW_SECONDS:
            raise Refused("SIGNED_CALL_EXPIRED")
        try:
            signature = base64.b64decode(command.signature, validate=True)
        except (binascii.Error, ValueError):
            raise Refused("SIGNATURE_INVALID") from None
        signed = command.timestamp.encode() + command.body
        if not any(_signed_by(key, signature, signed) for key in self._keys):
            raise Refused("SIGNATURE_INVALID")


def _signed_by(key: ec.EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _read_key(text: str) -> ec.EllipticCurvePublicKey:
    try:
        key = serialization.load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise Misconfigured("MAIL_MISCONFIGURED", facts={"message": "SENDGRID_EVENT_PUBLIC_KEY is no such key"})
    return key


def read_events(body: bytes) -> list[MailEvent]:
    """Give the events that tell what became of a mail of ours; others (opens, clicks, foreign mails) are left out.

    Refused BAD_REQUEST for anything but an array of objects: a genuine posting is never that.
    """
    try:
        objects = _EVENTS.validate_json(body)
    except ValidationError:
        raise refused_field("body", "an array of events is expected") from None
    return [event for one in objects if (event := _read(one)) is not None]


def _read(one: dict[str, Any]) -> MailEvent | None:
    try:
        event = _Event.model_validate(one)
    except ValidationError:
        return None
    report = _REPORTS.get(event.event)
    if report is None:
        return None
    at = datetime.fromtimestamp(event.timestamp, UTC)
    return MailEvent(event.sg_event_id, event.portal_message_id, report, at, _words(event))


def _words(event: _Event) -> str:
    """The receiving server's words often quote the address."""
    text = " ".join(part for part in (event.status, event.reason or event.response) if part)
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return _ADDRESS.sub("…", " ".join(printable.split()))[:_LONGEST_WORDS]
