"""SendGrid on a real port: faults around the send, and the signed event webhook at a real receiver."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from portal_sandbox.http_server import HttpServer, bind
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

MAIL = {
    "personalizations": [{"to": [{"email": "a@example.com"}], "custom_args": {"portal_message_id": "message-1"}}],
    "from": {"email": "no-reply@example.jp"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "Hello"}],
}
AUTHORIZED = {"Authorization": "Bearer SG.sandbox-key"}


@asynccontextmanager
async def running(tmp_path, **settings):
    built = build_sandbox(
        Settings(data_dir=tmp_path, control_port=0, sendgrid_port=0, **settings), vendors=["sendgrid"]
    )
    async with (
        built.running() as addresses,
        httpx.AsyncClient(base_url=addresses["sendgrid"], headers=AUTHORIZED, timeout=10) as http,
    ):
        yield built, http


class Receiver:
    """Answers 503 first as often as told, 204 afterwards; keeps every delivery."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.accepted: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()

    async def __call__(self, request):
        if self.refusals:
            self.refusals -= 1
            return Response(status_code=503)
        self.accepted.put_nowait((await request.body(), dict(request.headers)))
        return Response(status_code=204)


@asynccontextmanager
async def listening(receiver):
    bound = bind("127.0.0.1", 0)
    server = HttpServer(Starlette(routes=[Route("/events", receiver.__call__, methods=["POST"])]), bound, None)
    await server.start()
    try:
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/events"
    finally:
        await server.stop()


@pytest.mark.parametrize(("kind", "kept"), [("refused", 0), ("after_effect", 1), ("malformed", 1)])
async def test_a_broken_send_keeps_the_mail_or_not(tmp_path, kind, kept):
    async with running(tmp_path) as (sandbox, http):
        sandbox.core.faults.arm({"vendor": "sendgrid", "call": "mail/send", "kind": kind})
        if kind == "malformed":
            await http.post("/v3/mail/send", json=MAIL)
        else:
            with pytest.raises(httpx.HTTPError):
                await http.post("/v3/mail/send", json=MAIL)
        assert len((await http.get("/_sim/messages")).json()["messages"]) == kept


async def test_events_are_posted_signed_and_again_until_they_are_taken(tmp_path):
    receiver = Receiver(refusals=1)
    async with listening(receiver) as address, running(tmp_path, sendgrid_event_url=address) as (_, http):
        sent = await http.post("/v3/mail/send", json=MAIL)
        body, headers = await asyncio.wait_for(receiver.accepted.get(), 10)
        shown = (await http.get("/_sim/event-public-key")).json()["publicKey"]
    key = serialization.load_der_public_key(base64.b64decode(shown))
    signature = base64.b64decode(headers["x-twilio-email-event-webhook-signature"])
    signed = headers["x-twilio-email-event-webhook-timestamp"].encode() + body
    key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    events = json.loads(body)
    assert [event["event"] for event in events] == ["processed", "delivered"]
    assert events[0]["portal_message_id"] == "message-1"
    assert events[0]["sg_message_id"].startswith(sent.headers["x-message-id"])
    assert events[0]["sg_event_id"] != events[1]["sg_event_id"]


async def test_a_bounce_names_its_reason(tmp_path):
    receiver = Receiver(refusals=0)
    switches = {"sendgrid": {"bounceFor": "a@example.com", "duplicateEvents": True}}
    async with (
        listening(receiver) as address,
        running(tmp_path, sendgrid_event_url=address, switches=switches) as (_, http),
    ):
        await http.post("/v3/mail/send", json=MAIL)
        first, _ = await asyncio.wait_for(receiver.accepted.get(), 10)
        second, _ = await asyncio.wait_for(receiver.accepted.get(), 10)
    assert first == second
    assert json.loads(first)[-1]["type"] == "bounce"


async def test_the_signing_key_stays_the_same_over_a_restart(tmp_path):
    shown = []
    for _ in range(2):
        async with running(tmp_path) as (_, http):
            shown.append((await http.get("/_sim/event-public-key")).text)
    assert shown[0] == shown[1]
