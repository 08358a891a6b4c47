"""The event webhook: what became of a mail, signed and posted to SANDBOX_SENDGRID_EVENT_URL.

Without that address nothing is posted. Times are real ones: the signature is judged by the receiver's machine clock.
"""

import asyncio
import base64
import contextlib
import json
import secrets
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from portal_sandbox.core import Core
from portal_sandbox.sendgrid.mail import Mail, Recipients, arguments_of
from portal_sandbox.sendgrid.quirks import Quirks

_TIMEOUT_SECONDS = 2
# SendGrid goes on for a day; a test does not.
_PAUSES_SECONDS = (0.5, 2.0, 5.0)
_FURTHER_FIELDS = {
    "delivered": {"response": "250 OK"},
    "bounce": {"reason": "550 5.1.1 The email account does not exist", "status": "5.1.1", "type": "bounce"},
    "dropped": {"reason": "Bounced Address"},
}


class EventSender:
    """Posts `processed` and the last event of every mail in one batch, again when the receiver does not answer 2xx."""

    def __init__(self, core: Core, quirks: Quirks) -> None:
        self._core = core
        self._quirks = quirks
        self._running: set[asyncio.Task[None]] = set()
        self._key: ec.EllipticCurvePrivateKey | None = None

    async def public_key(self, _: Request) -> Response:
        """The verification key as SendGrid's settings show it: base64 of the DER form."""
        der = (
            self._private_key()
            .public_key()
            .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return JSONResponse({"publicKey": base64.b64encode(der).decode()})

    def announce(self, mail: Mail, message_id: str) -> None:
        """Starts the delivery of a mail's events and returns at once."""
        if not self._core.settings.sendgrid_event_url:
            return
        events = [
            event
            for one in mail.personalizations
            for address in one.to
            for event in self._events(mail, one, address.email, message_id)
        ]
        if events:
            task = asyncio.get_running_loop().create_task(self._deliver(json.dumps(events).encode()))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _events(self, mail: Mail, one: Recipients, email: str, message_id: str) -> list[dict[str, object]]:
        last = self._quirks.last_event_of(email)
        if last == "none":
            return []
        names = ["dropped"] if last == "dropped" else ["processed", last]
        return [
            {
                **arguments_of(mail, one),
                "email": email,
                "timestamp": int(time.time()),
                "event": name,
                "sg_event_id": secrets.token_urlsafe(16),
                "sg_message_id": f"{message_id}.filter0001",
                "smtp-id": f"<{message_id}@sandbox.invalid>",
                "category": list(mail.categories),
                **_FURTHER_FIELDS.get(name, {}),
            }
            for name in names
        ]

    async def _deliver(self, body: bytes) -> None:
        for _ in range(2 if self._quirks.duplicates_events else 1):
            for pause in (*_PAUSES_SECONDS, None):
                if await self._post(body) or pause is None:
                    break
                await asyncio.sleep(pause)

    async def _post(self, body: bytes) -> bool:
        timestamp = str(int(time.time()))
        signature = self._private_key().sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        headers = {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                answer = await self._core.post(self._core.settings.sendgrid_event_url, headers, body)
            return 200 <= answer.status < 300  # noqa: PLR2004 - HTTP's success range
        return False

    def _private_key(self) -> ec.EllipticCurvePrivateKey:
        """Made once per data directory, so that a receiver can be configured with it."""
        if self._key is None:
            path = self._core.settings.data_dir / "sendgrid-event.key"
            self._key = _read_key(path) if path.exists() else _make_key(path)
        return self._key


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path.name} holds no elliptic curve key")
    return key


def _make_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return key
