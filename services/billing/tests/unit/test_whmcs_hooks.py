"""Events that WHMCS posts: only genuine ones count, each once, and they only clear copies (C28, R243, R246)."""

import base64
import hashlib
import hmac
import json

import pytest

from portal_billing import consumers
from portal_billing.hook_metrics import HOOKS
from portal_billing.take_hook import TakeHook
from portal_chassis.testing.fake_bus import FakeBus
from portal_contracts.billing_hooks import TakeWhmcsHook
from portal_contracts.problems import Refused, TryLater

CLIENT = 5011
SECRET = "fake-hook-secret"
EVENT = "0f6f1c1e-6b1f-4f0e-9d8e-0a1b2c3d4e5f"


def event(**more):
    held = {"id": EVENT, "event": "InvoicePaid", "occurred_at": "2026-01-01T09:00:00+09:00", "client_id": CLIENT}
    return json.dumps({**held, "data": {"invoice_id": 7}, **more}).encode()


def signed(body, at, *, secret=SECRET, event_id=EVENT, timestamp=None, signed_timestamp=None):
    timestamp = timestamp or str(int(at.timestamp()))
    text = (signed_timestamp or timestamp).encode() + b"." + body
    mac = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return TakeWhmcsHook(
        event_id=event_id, timestamp=timestamp, signature=f"v1={mac}", body=base64.urlsafe_b64encode(body)
    )


class Copies:
    """Says which clients were cleared."""

    def __init__(self):
        self.cleared = []
        self.away = False

    async def clear(self, client_id):
        self.cleared.append(client_id)

    async def drop(self, client_id):
        if self.away:
            raise TryLater("SERVICE_UNAVAILABLE")
        self.cleared.append(client_id)


@pytest.fixture
def copies():
    return Copies()


@pytest.fixture
def take(world, copies):
    secrets = world.whmcs_settings.hook_secrets()
    return TakeHook(secrets, world.reads, copies, world.commands, world.clock)


def outcomes(name):
    return HOOKS.labels(name)._value.get()


async def test_a_genuine_event_clears_the_clients_copies_once(take, world, copies):
    for _ in range(3):
        await take(signed(event(), world.clock.now()))
    assert copies.cleared == [CLIENT]


async def test_a_repeat_that_is_signed_anew_is_still_a_repeat(take, world, copies):
    await take(signed(event(), world.clock.now()))
    world.clock.advance(120)
    await take(signed(event(), world.clock.now()))
    assert copies.cleared == [CLIENT]


async def test_an_id_that_comes_with_other_content_is_refused(take, world, copies):
    await take(signed(event(), world.clock.now()))
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await take(signed(event(client_id=5012), world.clock.now()))
    assert copies.cleared == [CLIENT]


async def test_an_event_without_a_client_is_about_the_owner_of_its_invoice(take, world, copies, owned_invoice):
    world.reads.all_invoices[7] = owned_invoice(5012)
    await take(signed(event(client_id=None), world.clock.now()))
    assert copies.cleared == [5012]


@pytest.mark.parametrize(
    "more",
    [
        {"client_id": None, "data": {}},
        {"client_id": None, "data": {"invoice_id": 999}},
        {"client_id": None, "event": "ProductEdit", "data": {"product_id": 202}},
    ],
)
async def test_an_event_about_nobody_is_taken_and_changes_nothing(take, world, copies, more):
    before = outcomes("ignored")
    await take(signed(event(**more), world.clock.now()))
    assert copies.cleared == []
    assert outcomes("ignored") == before + 1


async def test_copies_that_could_not_be_cleared_leave_the_event_with_its_sender(take, world, copies):
    copies.away = True
    with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await take(signed(event(), world.clock.now()))
    copies.away = False
    await take(signed(event(), world.clock.now()))
    assert copies.cleared == [CLIENT]


@pytest.mark.parametrize("seconds", [-300, -1, 0, 60, 300])
async def test_five_minutes_of_age_or_of_wrong_clocks_are_taken(take, world, copies, seconds):
    at = str(int(world.clock.now().timestamp()) + seconds)
    await take(signed(event(), world.clock.now(), timestamp=at))
    assert copies.cleared == [CLIENT]


@pytest.mark.parametrize("seconds", [-100_000, -301, 301, 10**13])
async def test_older_or_newer_events_are_refused(take, world, copies, seconds):
    at = str(max(1, int(world.clock.now().timestamp()) + seconds))
    with pytest.raises(Refused, match="SIGNED_CALL_EXPIRED"):
        await take(signed(event(), world.clock.now(), timestamp=at))
    assert copies.cleared == []


def flipped(body):
    return bytes([body[0] ^ 1]) + body[1:]


FORGERIES = {
    "another secret": lambda now: signed(event(), now, secret="another-secret"),
    "no secret": lambda now: signed(event(), now, secret=""),
    "secret with a blank": lambda now: signed(event(), now, secret=f"{SECRET} "),
    "one bit of the body": lambda now: _with_body(signed(event(), now), flipped(event())),
    "white space added": lambda now: _with_body(signed(event(), now), event() + b" "),
    "trailing line feed": lambda now: _with_body(signed(event(), now), event() + b"\n"),
    "body cut off": lambda now: _with_body(signed(event(), now), event()[:-1]),
    "empty body": lambda now: _with_body(signed(event(), now), b""),
    "another client": lambda now: _with_body(signed(event(), now), event(client_id=5012)),
    "keys in another order": lambda now: _with_body(
        signed(event(), now), json.dumps(dict(reversed(json.loads(event()).items()))).encode()
    ),
    "another timestamp": lambda now: signed(event(), now, signed_timestamp=str(int(now.timestamp()) - 1)),
    "timestamp moved into the body": lambda now: signed(b"." + event(), now).model_copy(update={"body": event()}),
    "another event id": lambda now: signed(event(), now, event_id="another-event-id"),
    "signature of zeros": lambda now: signed(event(), now).model_copy(update={"signature": "v1=" + "0" * 64}),
    "last digit": lambda now: _with_last_digit(signed(event(), now)),
    "of the body alone": lambda now: signed(event(), now).model_copy(
        update={"signature": "v1=" + hmac.new(SECRET.encode(), event(), hashlib.sha256).hexdigest()}
    ),
    "a plain hash": lambda now: signed(event(), now).model_copy(
        update={"signature": "v1=" + hashlib.sha256(event()).hexdigest()}
    ),
    "not UTF-8": lambda now: _with_body(signed(event(), now), b"\xff\xfe" + event()),
}


def _with_body(command, body):
    return command.model_copy(update={"body": body})


def _with_last_digit(command):
    other = "0" if command.signature[-1] != "0" else "1"
    return command.model_copy(update={"signature": command.signature[:-1] + other})


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_changes_nothing_and_leaves_no_trace(take, world, copies, forgery):
    before = outcomes("signature_invalid")
    with pytest.raises(Refused, match="SIGNATURE_INVALID"):
        await take(FORGERIES[forgery](world.clock.now()))
    assert copies.cleared == []
    assert world.commands.commands == {}
    assert outcomes("signature_invalid") == before + 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"<html>",
        b"a:1:{i:0;O:8:stdClass:0:{}}",
        event(client_id=0),
        event(client_id=-1),
        event(client_id=2**31),
        event(client_id="5011 OR 1=1"),
        event(client_id=[CLIENT]),
        event(client_id=1.5),
        event(data=[]),
        event(data={"invoice_id": "x"}),
        event(event="x" * 81),
        event(id=7),
        b"[" * 5000,
    ],
)
async def test_signed_nonsense_is_refused_and_harmless(take, world, copies, body):
    with pytest.raises(Refused, match="BAD_REQUEST"):
        await take(signed(body, world.clock.now()))
    assert copies.cleared == []


async def test_both_secrets_count_while_one_is_exchanged(world, copies):
    settings = world.whmcs_settings.model_copy(update={"hook_secret_before": world.whmcs_settings.hook_secret})
    settings = settings.model_copy(update={"hook_secret": type(settings.hook_secret)("the-new-one")})
    take = TakeHook(settings.hook_secrets(), world.reads, copies, world.commands, world.clock)
    await take(signed(event(), world.clock.now()))
    await take(signed(event(id="second-event"), world.clock.now(), secret="the-new-one", event_id="second-event"))
    assert copies.cleared == [CLIENT, CLIENT]


async def test_without_a_secret_nothing_is_taken(world, copies):
    take = TakeHook((), world.reads, copies, world.commands, world.clock)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await take(signed(event(), world.clock.now(), secret=""))


def test_the_signature_is_the_one_the_hook_file_makes(world):  # the vector of whmcs.md 7.2
    body = b'{"event":"InvoicePaid"}'
    expected = "v1=c8600aa2cf57710fa3fc0c4942279b54d81df3b61a30f1f11c9a9d42fb44a735"
    assert signed(body, world.clock.now(), secret="topsecret", timestamp="1767225600").signature == expected


async def test_it_is_reached_over_the_bus(world):
    bus = FakeBus()
    consumers.register(bus, world.use)
    await bus.call(signed(event(), world.clock.now()))
    assert len(world.commands.commands) == 1
