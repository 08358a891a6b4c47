"""Signed calls with anything in them: whatever comes is accepted unchanged or refused in words, and never our fault."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal_contracts.problems import Refused
from portal_gateway.signed_call_headers import FORMS, signed_call_headers

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
MANY = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = st.sampled_from([name.lower().encode() for name in FORMS] + [b"content-encoding", b"x-other"])
GOOD = {
    b"idempotency-key": b"wish-0000001",
    b"x-timestamp": b"1790000000",
    b"x-nonce": b"0" * 32,
    b"x-key-id": b"example-key-1",
    b"x-signature": b"v1=" + b"0" * 64,
}
SIGNATURES = [b"v1=" + b"0" * digits for digits in (0, 63, 64, 65)]
ALMOST = st.sampled_from(list(GOOD.values())) | st.lists(st.sampled_from(SIGNATURES), max_size=10).map(b",".join)


def read_or_refused(lines):
    try:
        return signed_call_headers(lines)
    except Refused as problem:
        return problem


@MANY
@given(st.lists(st.tuples(NAMES, st.binary(max_size=100) | ALMOST), max_size=9))
def test_no_headers_break_the_parser(lines):
    read = read_or_refused(lines)
    if isinstance(read, Refused):
        assert read.code in {"SIGNATURE_MALFORMED", "UNSUPPORTED_MEDIA_TYPE"}
    else:
        assert Counter(name for name, _ in lines if name in GOOD) == Counter(GOOD)
        assert 1 <= len(read.signatures) <= 8


@MANY
@given(st.sampled_from(sorted(GOOD)), st.binary(max_size=80) | ALMOST)
def test_one_header_of_another_form_is_refused_and_named(name, value):
    form = {known.lower().encode(): (known, form) for known, form in FORMS.items()}
    known, pattern = form[name]
    read = read_or_refused({**GOOD, name: value}.items())
    assert isinstance(read, Refused) == (pattern.fullmatch(value) is None)
    if isinstance(read, Refused):
        assert read.facts == {"header": known}


def test_a_call_with_one_byte_changed_is_never_accepted(signing, signed):
    gate = signing()
    gate.clock.stopped_at = NOW

    @MANY
    @given(st.sampled_from(["path", "query", "body", "headers"]), st.integers(0, 10_000), st.integers(0, 255))
    def fuzz(part, place, other):
        gate.bus.asked.clear()
        call = signed(query="a=1")
        headers = call.headers(NOW)
        sent = {"path": call.path.encode(), "query": b"a=1", "body": call.body}
        if part == "headers":
            name = sorted(headers)[place % len(headers)]
            before = headers[name].encode()
            changed = _with_byte(before, place, other)
            call.sent = {"headers": {name: changed.decode("latin-1")}}
        else:
            before = sent[part]
            changed = _with_byte(before, place, other)
            call.sent = {part: changed if part == "body" else changed.decode("latin-1")}
        answer = asyncio.run(call.send(gate))
        same = changed == before
        assert answer.status in ({202} if same else {400, 401, 404, 405}), answer
        assert len(gate.bus.asked) == same

    fuzz()


def test_anything_signed_or_not_is_answered_without_a_fault_of_ours(signing, signed):
    gate = signing(trusted_proxies="192.0.2.0/24")

    @MANY
    @given(
        st.lists(st.tuples(NAMES | st.just(b"x-forwarded-for"), st.binary(max_size=60)), max_size=6),
        st.binary(max_size=200),
        st.text(max_size=40),
    )
    def fuzz(lines, body, peer):
        more = [(name.decode(), value.decode("latin-1")) for name, value in lines]
        answer = asyncio.run(signed(body=body, peer=peer, sent={"more": more}).send(gate))
        assert answer.status < 500

    fuzz()


def _with_byte(value, place, other):
    place %= len(value)
    return value[:place] + bytes([other]) + value[place + 1 :]
