"""Live order pages: server-sent events, resumed by sequence, ended with the session (D12)."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from portal_contracts.catalog import LocalizedText
from portal_contracts.identity import SessionRevoked
from portal_contracts.orders import ReadTimeline, Timeline, TimelineEntry, TimelineGrew, WhoActs
from portal_contracts.problems import Refused, TryLater

ORDER = "801000000000001AAA"
PATH = f"/orders/{ORDER}/events"
SOON = 5.0


class Story:
    """An order's timeline as orders would tell it."""

    def __init__(self, length=0):
        self.length = length

    def tell(self, query: ReadTimeline):
        text = LocalizedText(en="something", ja="何か")
        entries = [
            TimelineEntry(
                sequence=number,
                at=datetime(2026, 4, 1, tzinfo=UTC),
                kind="order.placed",
                text=text,
                actor="portal",
                who_acts=WhoActs(owner="us", text=text, until=datetime(2026, 4, 2, tzinfo=UTC)),
            )
            for number in range(query.after + 1, self.length + 1)
        ]
        return Timeline(order_id=ORDER, entries=entries, last_sequence=self.length)


class Reader:
    """A browser that reads a stream: drives the ASGI app, since httpx's transport waits for the end."""

    def __init__(self, portal, path=PATH, method="GET", **headers):
        self.gone = asyncio.Event()
        self.chunks = asyncio.Queue()
        self.status = 0
        self.headers = {}
        self.ended = False
        path, _, query = path.partition("?")
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
            "client": ("192.0.2.7", 1),
            "server": ("127.0.0.1", 8080),
        }
        self.task = asyncio.create_task(portal.app(self._scope, self._receive, self._send))

    async def _receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, event):
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = {name.decode(): value.decode() for name, value in event["headers"]}
            return
        if event["body"]:
            await self.chunks.put(event["body"].decode())
        if not event.get("more_body", False):
            self.ended = True
            await self.chunks.put(None)

    async def next(self):
        """Give the next chunk, None at the end."""
        async with asyncio.timeout(SOON):
            return await self.chunks.get()

    async def sequences(self):
        """Give the ids of the next chunk's events."""
        chunk = await self.next()
        events = [event.splitlines() for event in chunk.split("\n\n") if event.startswith("id:")]
        for lines in events:
            assert lines[1] == "event: timeline"
            assert json.loads(lines[2].removeprefix("data: "))["sequence"] == int(lines[0].removeprefix("id: "))
        return [int(lines[0].removeprefix("id: ")) for lines in events]

    async def end(self):
        """Wait until the server has ended it."""
        async with asyncio.timeout(SOON):
            await self.task


@pytest.fixture
def story(portal):
    story = Story(2)
    portal.bus.reply(ReadTimeline, story.tell)
    return story


@asynccontextmanager
async def reading(portal, path=PATH, name="hanako", **headers):
    reader = Reader(portal, path, authorization=f"Bearer {portal.identity.open(name)}", **headers)
    yield reader
    reader.gone.set()
    await reader.end()
    assert portal.gateway.streams.count == 0


async def grew(portal, story, sequence):
    story.length = sequence
    await portal.bus.hint(TimelineGrew(order_id=ORDER, sequence=sequence))


async def test_a_reader_gets_what_happened_and_then_what_happens(portal, story):
    async with reading(portal) as reader:
        assert await reader.sequences() == [1, 2]
        assert (reader.status, reader.headers["content-type"]) == (200, "text/event-stream")
        assert reader.headers["cache-control"] == "no-store"
        assert reader.headers["x-accel-buffering"] == "no"
        await grew(portal, story, 3)
        assert await reader.sequences() == [3]
        await grew(portal, story, 5)
        assert await reader.sequences() == [4, 5]


async def test_a_reader_that_comes_back_goes_on_where_it_was(portal, story):
    async with reading(portal, last_event_id="1") as reader:
        assert await reader.sequences() == [2]
    async with reading(portal, f"{PATH}?after=1") as reader:
        assert await reader.sequences() == [2]
    async with reading(portal, f"{PATH}?after=1", last_event_id="2") as reader:
        assert await reader.sequences() == [], "what the browser saw last counts more than the address"
        await grew(portal, story, 3)
        assert await reader.sequences() == [3]


@pytest.mark.parametrize("seen", ["-1", "x", "1.5", "9" * 16, "١"])
async def test_a_last_event_id_that_is_no_sequence_is_refused(portal, story, seen):
    async with portal.browser() as client:
        answer = await client.get(PATH, headers=[(b"last-event-id", seen.encode())])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Last-Event-ID")
    assert portal.gateway.streams.count == 0


async def test_what_falls_between_the_first_look_and_the_stream_is_not_lost(portal, story):
    async def tell_and_grow(query):
        told = story.tell(query)
        if query.after == 0:
            await grew(portal, story, 3)
        return told

    portal.bus.reply(ReadTimeline, tell_and_grow)
    async with reading(portal) as reader:
        assert await reader.sequences() == [1, 2]
        assert await reader.sequences() == [3]


async def test_an_entry_says_who_must_act_and_until_when(portal, story):
    async with reading(portal) as reader:
        data = json.loads((await reader.next()).split("data: ")[1].split("\n")[0])
        assert data["whoActs"]["owner"] == "us"
        assert data["whoActs"]["until"] == "2026-04-02T00:00:00Z"


async def test_polling_tells_the_same_as_the_stream(portal, story):
    async with portal.browser() as client, reading(portal) as reader:
        assert await reader.sequences() == [1, 2]
        seen = 0
        for length in (2, 2, 5):
            story.length = length
            timeline = (await client.get(f"/orders/{ORDER}/timeline?after={seen}")).json()
            assert [entry["sequence"] for entry in timeline["entries"]] == list(range(seen + 1, length + 1))
            seen = timeline["lastSequence"]
        await grew(portal, story, 5)
        assert await reader.sequences() == [3, 4, 5]


async def test_a_page_that_has_seen_more_than_there_is_waits_for_what_is_newer(portal, story):
    async with reading(portal, last_event_id="7") as reader:  # orders was restored to an earlier moment
        assert await reader.sequences() == []
        await grew(portal, story, 3)
        assert await reader.sequences() == [3]


async def test_a_hint_about_another_order_asks_nothing(portal, story):
    async with reading(portal) as reader:
        await reader.next()
        await portal.bus.hint(TimelineGrew(order_id="801000000000002AAA", sequence=9))
        await asyncio.sleep(0)
        assert len(portal.asked(ReadTimeline)) == 1


async def test_after_a_lost_connection_it_looks_again(portal, story):
    async with reading(portal) as reader:
        await reader.next()
        story.length = 3  # the hint got lost
        await portal.bus.reconnect()
        assert await reader.sequences() == [3]
    assert portal.identity.asked == 2, "and asks whether the session still lives"


async def test_a_foreign_order_is_a_problem_not_a_stream(portal):
    portal.bus.reply(ReadTimeline, Refused("NOT_FOUND"))
    async with portal.browser() as client:
        answer = await client.get(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert portal.gateway.streams.count == 0


async def test_it_ends_when_the_session_is_revoked(portal, story):
    async with reading(portal) as reader, reading(portal, name="taro") as other:
        await reader.next()
        await other.next()
        await portal.bus.hint(SessionRevoked(session_id="session-hanako"))
        assert await reader.next() is None
        assert not other.ended


async def test_it_ends_when_the_session_turns_out_to_be_over(portal, story):
    async with reading(portal) as reader:
        await reader.next()
        portal.identity.sessions.clear()
        portal.clock.moved += 300
        await grew(portal, story, 3)
        assert await reader.next() is None


async def test_it_ends_with_the_server(portal, story):
    async with reading(portal) as reader:
        await reader.next()
        portal.gateway.streams.end_all()
        assert await reader.next() is None


async def test_a_quiet_stream_says_that_it_is_alive_and_uses_no_session(new_portal):
    portal = new_portal(stream_heartbeat_seconds=0.01)
    portal.bus.reply(ReadTimeline, Story(1).tell)
    async with reading(portal) as reader:
        assert await reader.sequences() == [1]
        for _ in range(3):
            assert await reader.next() == ": alive\n\n"
    assert (portal.identity.asked, len(portal.asked(ReadTimeline))) == (1, 1)


async def test_no_stream_lives_for_ever(new_portal):
    portal = new_portal(stream_heartbeat_seconds=0.01, stream_seconds=60)
    portal.bus.reply(ReadTimeline, Story(1).tell)
    async with reading(portal) as reader:
        await reader.next()
        portal.clock.moved += 61
        while await reader.next() is not None:
            pass


async def test_orders_being_away_only_delays(portal, story):
    portal.gateway.streams._again = 0.01
    async with reading(portal) as reader:
        await reader.next()
        portal.bus.reply(ReadTimeline, TryLater("SERVICE_UNAVAILABLE"))
        await grew(portal, story, 3)
        while len(portal.asked(ReadTimeline)) < 3:
            await asyncio.sleep(0.005)
        portal.bus.reply(ReadTimeline, story.tell)
        assert await reader.sequences() == [3]


async def test_a_session_may_have_only_so_many_open(new_portal):
    portal = new_portal(session_streams_at_once=1)
    portal.bus.reply(ReadTimeline, Story(1).tell)
    async with reading(portal) as first:
        await first.next()
        async with portal.browser() as client:
            answer = await client.get(PATH)
            assert (answer.status_code, answer.json()["code"]) == (503, "OVERLOADED")
        first.gone.set()
        await first.end()
        second = Reader(portal, authorization="Bearer session-token-of-hanako")
        assert await second.sequences() == [1]
        second.gone.set()
        await second.end()


async def test_asking_for_its_headers_opens_nothing(portal, story):
    async with portal.browser() as client:
        answer = await client.head(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert portal.gateway.streams.count == 0
