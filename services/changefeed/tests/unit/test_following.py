"""The policy of following a topic, against a scripted event bus."""

from datetime import UTC, datetime

import pytest

from portal_changefeed.failures import Reaction, StreamFailed, rule_for
from portal_changefeed.follow_topic import DEMAND, LONG_WAIT, FollowTopic, Patience
from portal_changefeed.ports import Batch, LeadershipLostError, RawEvent
from portal_changefeed.testing import PositionsInMemory, ScriptedPubSub
from portal_changefeed.topics import PROVISION_TOPIC, TOPICS
from portal_contracts.changefeed import EventsMissed, OrderChanged, ProvisionEventReceived
from portal_contracts.problems import Misconfigured, TryLater

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ORDERS = "/data/OrderChangeEvent"
CORRUPTED = StreamFailed("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")


class Bench:
    """One topic with its scripts; `run` plays them to the end."""

    def __init__(self, events, *scripts, topic=ORDERS, position=None):
        schemas = {"change": events.change_schema(), "provision": events.provision_schema()}
        self.pubsub = ScriptedPubSub(schemas, *scripts)
        self.positions = PositionsInMemory(position)
        self.pauses = []
        self.follow = FollowTopic(topic, self.pubsub, self.positions, lambda: NOW, Patience(5.0, self._sleep))

    async def _sleep(self, seconds):
        self.pauses.append(seconds)

    async def run(self):
        with pytest.raises(LeadershipLostError):
            await self.follow.run()
        return self


@pytest.fixture
def order_change(events):
    schema = events.change_schema()

    def make(number, payload=None, **header):
        payload = events.encode(schema, events.change(**header)) if payload is None else payload
        return RawEvent(f"id-{number}", "change", payload, f"place-{number}".encode())

    return make


@pytest.fixture
def provision(events):
    schema = events.provision_schema()

    def make(number, **fields):
        payload = events.encode(schema, events.provision(**fields))
        return RawEvent(f"id-{number}", "provision", payload, f"place-{number}".encode())

    return make


def batch(*events):
    return Batch(tuple(events), events[-1].replay_id)


async def test_without_a_position_everything_there_is_comes(events):
    bench = await Bench(events, []).run()
    assert bench.pubsub.opened == [None]


async def test_events_and_position_are_kept_together_and_the_next_stream_goes_on_from_there(events, order_change):
    bench = await Bench(events, [batch(order_change(1), order_change(2)), None], [batch(order_change(3))]).run()
    assert bench.pubsub.opened == [None, b"place-2"]
    assert bench.positions.at == b"place-3"
    assert [type(event) for event in bench.positions.events] == [OrderChanged] * 3


async def test_a_sign_of_life_moves_the_position(events):
    bench = await Bench(events, [Batch((), b"later")], position=b"place-1").run()
    assert bench.positions.at == b"later"


async def test_a_sign_of_life_without_a_place_changes_nothing(events):
    bench = await Bench(events, [Batch((), b"")], position=b"place-1").run()
    assert bench.positions.at == b"place-1"


async def test_demand_never_runs_dry(events, order_change):
    steps = [batch(*(order_change(number) for number in range(30)))] * 4
    bench = await Bench(events, steps).run()
    assert bench.pubsub.streams[0].asked == [60, 60]


async def test_events_beyond_the_demand_do_not_make_us_ask_for_more_than_salesforce_owes(events, order_change):
    bench = await Bench(events, [batch(*(order_change(number) for number in range(250)))]).run()
    assert bench.pubsub.streams[0].asked == [DEMAND]


async def test_a_lost_position_is_announced_and_everything_comes_again(events):
    """C29: never LATEST."""
    bench = await Bench(events, [CORRUPTED], [], position=b"ancient").run()
    assert bench.pubsub.opened == [b"ancient", None]
    assert bench.positions.events == [EventsMissed(topic=ORDERS, reason="replay_position_lost", detected_at=NOW)]


async def test_an_event_that_cannot_be_read_is_kept_and_passed_by(events, order_change):
    poison = order_change(2, payload=b"\xff" * 40)
    bench = await Bench(events, [batch(order_change(1), poison, order_change(3))]).run()
    assert [type(event) for event in bench.positions.events] == [OrderChanged, EventsMissed, OrderChanged]
    assert bench.positions.events[1].reason == "undecodable"
    assert [one.raw.payload for one in bench.positions.raw] == [poison.payload]
    assert bench.positions.at == b"place-3"


async def test_bits_of_another_schema_are_kept_as_they_came(events, order_change):
    bench = await Bench(events, [batch(order_change(1, changedFields=["0x8000"]))]).run()
    assert [type(event) for event in bench.positions.events] == [EventsMissed]
    assert "no field 15" in bench.positions.raw[0].undecodable


async def test_the_same_platform_event_is_passed_on_once(events, provision):
    steps = [batch(provision(1), provision(1)), batch(provision(1)), batch(provision(2))]
    bench = await Bench(events, steps, topic=PROVISION_TOPIC).run()
    assert [type(event) for event in bench.positions.events] == [ProvisionEventReceived] * 2


async def test_platform_events_without_an_id_are_told_apart_by_their_place(events, provision):
    first, second = provision(1), provision(2)
    nameless = [RawEvent("", "provision", each.payload, each.replay_id) for each in (first, second, first)]
    bench = await Bench(events, [batch(*nameless)], topic=PROVISION_TOPIC).run()
    assert [event.event_id for event in bench.positions.events] == [b"place-1".hex(), b"place-2".hex()]


async def test_an_event_without_an_order_is_still_passed_on(events, provision):
    """R146, R150: orders buries it, with its reason."""
    bench = await Bench(events, [batch(provision(1, OrderId__c=None, Version__c=9.0))], topic=PROVISION_TOPIC).run()
    assert [(event.order_id, event.version) for event in bench.positions.events] == [("", 9)]


async def test_pauses_grow_and_shrink_only_after_an_answer(events, order_change):
    away = [StreamFailed("UNAVAILABLE")]
    bench = await Bench(events, *[away] * 8, [batch(order_change(1)), StreamFailed("UNAVAILABLE")]).run()
    grown, after_answer = bench.pauses[:8], bench.pauses[8]
    assert all(0.5 * 2**n <= pause <= 2.0**n for n, pause in enumerate(grown[:6]))
    assert all(30 <= pause <= 60 for pause in grown[6:])
    assert after_answer <= 1.0


async def test_a_refused_session_is_renewed_and_the_stream_opened_at_once(events, order_change):
    refused = [StreamFailed("UNAUTHENTICATED", "service.auth.error")]
    bench = await Bench(events, refused, [batch(order_change(1)), *refused], []).run()
    assert bench.pubsub.logins == 2
    assert bench.pauses == [0.0, 0.0]


async def test_a_session_that_stays_refused_is_not_renewed_in_a_hurry(events):
    bench = await Bench(events, *[[StreamFailed("UNAUTHENTICATED")]] * 4).run()
    assert bench.pubsub.logins == 4
    assert bench.pauses[0] == 0.0
    assert all(pause >= 0.5 for pause in bench.pauses[1:])


async def test_missing_rights_are_looked_at_again_after_a_long_while(events):
    bench = await Bench(events, [StreamFailed("NOT_FOUND", "topic.not.found")]).run()
    assert bench.pauses == [LONG_WAIT]


async def test_a_login_nobody_answers_or_that_is_refused_does_not_end_the_service(events):
    problems = (TryLater("SALESFORCE_UNAVAILABLE"), Misconfigured("SALESFORCE_MISCONFIGURED", facts={"message": "x"}))
    bench = await Bench(events, *[[problem] for problem in problems]).run()
    assert bench.pauses[0] <= 1.0
    assert bench.pauses[1] == 60.0


@pytest.mark.parametrize(
    ("failure", "reaction"),
    [
        (StreamFailed("INTERNAL", "service.unavailable"), Reaction.REOPEN),
        (StreamFailed("UNAVAILABLE", details="RST_STREAM closed stream"), Reaction.REOPEN),
        (StreamFailed("INTERNAL", details="Received RST_STREAM with code 0"), Reaction.REOPEN),
        (StreamFailed("CANCELLED"), Reaction.REOPEN),
        (StreamFailed("DEADLINE_EXCEEDED"), Reaction.REOPEN),
        (StreamFailed("UNKNOWN", "something.new"), Reaction.REOPEN),
        (StreamFailed("INTERNAL", "service.auth.error"), Reaction.LOG_IN),
        (StreamFailed("PERMISSION_DENIED"), Reaction.LOG_IN),
        (StreamFailed("PERMISSION_DENIED", "topic.meta.permission"), Reaction.WAIT_LONG),
        (CORRUPTED, Reaction.REPLAY_ALL),
        (StreamFailed("INVALID_ARGUMENT", "subscription.fetch.replayid.validation.failed"), Reaction.REPLAY_ALL),
        (StreamFailed("INVALID_ARGUMENT", details="The Replay ID validation failed."), Reaction.REPLAY_ALL),
        (StreamFailed("RESOURCE_EXHAUSTED", "subscription.limit.exceeded"), Reaction.WAIT_LONG),
        (StreamFailed("INVALID_ARGUMENT", "subscription.fetch.topic.mismatch"), Reaction.WAIT_LONG),
    ],
)
def test_the_error_code_decides(failure, reaction):
    """Reference 4.10."""
    assert rule_for(failure).reaction is reaction


def test_a_service_that_is_down_is_given_five_seconds():
    assert rule_for(StreamFailed("INTERNAL", "service.unavailable")).least == 5.0


def test_we_follow_the_platform_event_and_the_five_objects():
    """C24."""
    assert set(TOPICS) == {
        "/event/OrderProvisionRequested__e",
        "/data/AccountChangeEvent",
        "/data/OrderChangeEvent",
        "/data/OrderItemChangeEvent",
        "/data/PricebookEntryChangeEvent",
        "/data/Product2ChangeEvent",
    }
