"""Keys of signed calls: rotation with overlap, changes of the file while it runs, and no way to guess by the clock."""

import gc
import hmac
import json
import sys
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter_ns

import pytest

from portal_contracts.problems import Misconfigured, Refused
from portal_gateway.app import build_gateway
from portal_gateway.signed_call_keys import SignedCallKeys, read_keys

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
OLD, NEW = "an-obviously-fake-key-that-is-the-old-one", "an-obviously-fake-key-that-is-the-new-one"
KNOWN = "an-obviously-fake-key-of-32-bytes-or-more"
ROTATION = {
    "old": {"key": OLD, "notAfter": "2026-11-20T01:00:00Z"},
    "new": {"key": NEW, "notBefore": "2026-11-20T09:00:00+09:00"},  # an hour earlier, in Japan
}


@pytest.mark.parametrize(
    ("minutes", "key_id", "key", "status"),
    [
        (-90, "old", OLD, 202),
        (-90, "new", NEW, 401),  # not yet
        (-60, "new", NEW, 202),  # the overlap begins
        (-30, "old", OLD, 202),
        (-30, "new", NEW, 202),
        (-30, "old", NEW, 401),
        (-30, "new", OLD, 401),
        (0, "old", OLD, 401),  # its end is the first moment it does not count
        (0, "new", NEW, 202),
        (600, "new", NEW, 202),
        (600, "old", OLD, 401),
    ],
)
async def test_two_keys_are_good_while_one_replaces_the_other(signing, signed, minutes, key_id, key, status):
    gate = signing(ROTATION)
    gate.clock.stopped_at = NOW + timedelta(minutes=minutes)
    assert (await signed(key_id=key_id, key=key).send(gate)).status == status


async def test_a_changed_file_counts_at_once(signing, signed):
    gate = signing({"old": {"key": OLD}})
    path = gate.settings.signed_call_keys_path
    assert (await signed(key_id="new", key=NEW).send(gate)).status == 401
    path.write_text(json.dumps({"old": OLD, "new": NEW}))
    assert (await signed(key_id="new", key=NEW).send(gate)).status == 202
    replaced = path.with_suffix(".next")
    replaced.write_text(json.dumps({"new": NEW}))
    replaced.replace(path)
    assert (await signed(key_id="old", key=OLD).send(gate)).status == 401
    path.write_text("{}")
    assert (await signed(key_id="new", key=NEW).send(gate)).status == 401


@pytest.mark.parametrize("spoil", ['{"old": ', '{"old": "short"}', "[]", None])
async def test_a_spoilt_file_leaves_the_last_good_keys_in_force(signing, signed, spoil):
    gate = signing({"old": {"key": OLD}})
    path = gate.settings.signed_call_keys_path
    if spoil is None:
        path.unlink()
    else:
        path.write_text(spoil)
    for _ in range(2):
        assert (await signed(key_id="old", key=OLD).send(gate)).status == 202
    path.write_text(json.dumps({"new": NEW}))
    assert (await signed(key_id="new", key=NEW).send(gate)).status == 202
    assert (await signed(key_id="old", key=OLD).send(gate)).status == 401


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '"text"',
        json.dumps({"id": "too-short"}),
        json.dumps({"an id with spaces": OLD}),
        json.dumps({"": OLD}),
        json.dumps({"id": {"key": OLD, "not_after": "2026-11-20T01:00:00Z"}}),  # a name nobody knows would be no bound
        json.dumps({"id": {"key": OLD, "notAfter": "2026-11-20T01:00:00"}}),  # of which time zone?
        json.dumps({"id": {"notAfter": "2026-11-20T01:00:00Z"}}),
        json.dumps({"id": {"key": 7}}),
    ],
)
def test_a_file_of_another_form_ends_the_start_and_is_not_quoted(tmp_path, content):
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(Misconfigured) as caught:
        SignedCallKeys(path)
    assert caught.value.facts["setting"] == "PORTAL_SIGNED_CALL_KEYS_PATH"
    assert OLD not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_missing_file_ends_the_start(tmp_path):
    with pytest.raises(Misconfigured):
        SignedCallKeys(tmp_path / "nothing.json")


def test_keys_without_a_list_of_callers_end_the_start(signing):  # R267
    with pytest.raises(Misconfigured) as caught:
        signing(signed_callers="")
    assert caught.value.facts["setting"] == "PORTAL_SIGNED_CALLERS"


def test_a_key_is_not_shown(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"id": OLD}))
    assert OLD not in repr(read_keys(path))


def test_the_gateway_is_built_without_keys(portal):
    gateway = build_gateway(portal.bus, portal.settings, portal.verifier, portal.clock)
    assert gateway.signed_calls is None


# guessing by the clock

EXPIRING = {"example-key-1": {"key": KNOWN}, "over": {"key": OLD, "notAfter": "2026-01-01T00:00:00Z"}}


def wrong_at(place, right):
    """Give the MAC with another digit at a byte."""
    at = len("v1=") + 2 * place
    return right[:at] + ("0" if right[at] != "0" else "1") + right[at + 1 :]


@pytest.fixture
def guesses(signing, signed):
    """Give the judge and one call for each way a guess can be wrong."""
    gate = signing(EXPIRING)
    gate.clock.stopped_at = NOW
    right = signed().headers(NOW)["X-Signature"]
    calls = {
        f"byte {place}": signed(sent={"headers": {"X-Signature": wrong_at(place, right)}}) for place in (0, 16, 31)
    }
    calls["unknown key"] = signed(key_id="nobodys-key-1")
    calls["old key"] = signed(key_id="over", key=OLD)
    scopes = {name: (call.scope(NOW), call.body) for name, call in calls.items()}
    judge = gate.gateway.signed_calls
    for scope, body in scopes.values():  # once before anything is looked at: metrics' series come into being
        with pytest.raises(Refused):
            judge.verified(scope, body)
    return judge, scopes


def test_every_wrong_guess_does_the_same_work(guesses):
    judge, scopes = guesses

    def work_of(scope, body):
        done = []

        def look(frame, event, argument):
            if event == "call":
                done.append(frame.f_code.co_qualname)
            elif event == "c_call":
                done.append(argument.__qualname__)

        before = sys.getprofile()
        gc.collect()
        gc.disable()  # a collection in the middle would add the finalizers of other tests' leavings
        sys.setprofile(look)
        try:
            judge.verified(scope, body)
        except Refused:
            pass
        finally:
            sys.setprofile(before)
            gc.enable()
        return done

    works = {name: work_of(*scope) for name, scope in scopes.items()}
    assert works["byte 0"].count(hmac.compare_digest.__qualname__) == 1
    assert set(map(tuple, works.values())) == {tuple(works["byte 0"])}


def test_every_wrong_guess_takes_as_long(guesses):
    """Statistical, with a bound far above noise: an early return or a skipped MAC would cost a third and more."""
    judge, scopes = guesses
    taken = {name: [] for name in scopes}
    for _ in range(3000):  # turn by turn, so that what disturbs one disturbs all
        for name, (scope, body) in scopes.items():
            started = perf_counter_ns()
            try:
                judge.verified(scope, body)
            except Refused:
                taken[name].append(perf_counter_ns() - started)
    medians = {name: median(times) for name, times in taken.items()}
    assert max(medians.values()) < 1.3 * min(medians.values()), medians
