"""Requests and their answers on a real NATS (architecture §4)."""

import asyncio

import nats
import pytest

from portal_chassis.bus import Encoded
from portal_chassis.deadline import Deadline, current_deadline, within
from portal_contracts.problems import CATALOGUE, Misconfigured, ProblemReply, Refused, TryLater


async def test_a_request_is_answered_with_its_model(running, names):
    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            return names.Greeting(text=f"hello {message.name}")

    await running("desk", wire)
    shop = await running("shop")
    assert await shop.ask(names.Greet(name="Aoi")) == names.Greeting(text="hello Aoi")


async def test_a_prebuilt_reply_passes_through_as_bytes(running, names):
    body = b'{"text" : "as it is", "extra": 1}'

    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            return Encoded(body)

    await running("desk", wire)
    shop = await running("shop")
    raw = await shop.ask_bytes(names.Greet, b'{"name":"Aoi"}', timeout=2, actor=None)
    assert raw.body == body
    assert raw.problem is None


@pytest.mark.parametrize(
    "problem", [Refused("NOT_FOUND"), TryLater("OVERLOADED"), Misconfigured("WHMCS_MISCONFIGURED")]
)
async def test_a_problem_reaches_the_caller_as_the_same_exception(running, names, problem):
    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            raise type(problem)(problem.code, facts={"limit": 3}, retry_after=7)

    await running("desk", wire)
    shop = await running("shop")
    with pytest.raises(type(problem)) as caught:
        await shop.ask(names.Greet(name="Aoi"))
    assert caught.value.code == problem.code
    assert caught.value.facts == {"limit": 3}
    assert caught.value.retry_after == 7


async def test_a_bug_in_a_handler_is_told_at_once_and_without_details(running, names):
    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            raise ZeroDivisionError("secret detail")

    await running("desk", wire)
    shop = await running("shop")
    raw = await shop.ask_bytes(names.Greet, b'{"name":"Aoi"}', timeout=2, actor=None)
    assert raw.problem == "INTERNAL_ERROR"
    assert b"secret" not in raw.body


async def test_an_answer_of_the_wrong_type_is_an_internal_error(running, names):
    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            return {"text": "no model"}

    await running("desk", wire)
    shop = await running("shop")
    with pytest.raises(Misconfigured, match="INTERNAL_ERROR"):
        await shop.ask(names.Greet(name="Aoi"))


async def test_bad_fields_are_named_as_on_the_wire(running, names):
    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            return names.Greeting(text="never")

    await running("desk", wire)
    shop = await running("shop")
    raw = await shop.ask_bytes(names.Greet, b'{"name":"' + b"x" * 30 + b'","timesSaid":"often"}', timeout=2, actor=None)
    problem = ProblemReply.model_validate_json(raw.body)
    assert problem.code == "BAD_REQUEST"
    assert {(field.field, field.code) for field in problem.fields} == {
        ("name", "FIELD_TOO_LONG"),
        ("timesSaid", "FIELD_INVALID"),
    }
    assert all(field.code in CATALOGUE for field in problem.fields)
    missing = ProblemReply.model_validate_json((await shop.ask_bytes(names.Greet, b"{}", timeout=2, actor=None)).body)
    assert [(field.field, field.code) for field in missing.fields] == [("name", "FIELD_MISSING")]


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"[1,2]", b"null"])
async def test_bytes_that_are_no_message_are_refused(running, names, body):
    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            return names.Greeting(text="never")

    await running("desk", wire)
    shop = await running("shop")
    raw = await shop.ask_bytes(names.Greet, body, timeout=2, actor=None)
    assert raw.problem == "BAD_REQUEST"


async def test_nobody_there_means_try_later(running, names):
    shop = await running("shop")
    with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await shop.ask(names.Greet(name="Aoi"))


async def test_no_answer_in_time_means_try_later(running, names):
    def wire(bus):
        @bus.answers(names.Slow)
        async def slow(message, call):
            await asyncio.sleep(message.seconds)
            return names.Greeting(text="late")

    await running("desk", wire)
    shop = await running("shop")
    with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await shop.ask(names.Slow(seconds=0.5), timeout=0.1)


async def test_an_ask_never_outlives_the_current_deadline(running, names):
    seen = []

    def wire(bus):
        @bus.answers(names.Slow)
        async def slow(message, call):
            seen.append((call.deadline, current_deadline()))
            return names.Greeting(text="ok")

    await running("desk", wire)
    shop = await running("shop")
    outer = Deadline.after(1.5)
    with within(outer):
        await shop.ask(names.Slow(), timeout=60)
    assert seen == [(outer, outer)]
    with within(Deadline.after(-1)), pytest.raises(TryLater, match="DEADLINE_PASSED"):
        await shop.ask(names.Slow())


async def test_a_late_request_is_refused_before_its_handler(running, names, nats_url):
    handled = []

    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            handled.append(message)
            return names.Greeting(text="late")

    await running("desk", wire)
    client = await nats.connect(nats_url)
    late = {"Portal-Deadline": str(Deadline.after(-0.5).at_ms)}
    reply = await client.request(names.Greet.subject, b'{"name":"Aoi"}', timeout=2, headers=late)
    nonsense = await client.request(
        names.Greet.subject, b'{"name":"Aoi"}', timeout=2, headers={"Portal-Deadline": "soon"}
    )
    await client.close()
    assert reply.headers["Portal-Problem"] == "DEADLINE_PASSED"
    assert nonsense.headers["Portal-Problem"] == "BAD_REQUEST"
    assert handled == []


async def test_a_slow_handler_does_not_block_others(running, names, eventually):
    """libraries.md §1.8: FastStream's core subscribers answer one at a time."""
    release = asyncio.Event()
    waiting = 0

    def wire(bus):
        @bus.answers(names.Slow)
        async def slow(message, call):
            nonlocal waiting
            if message.seconds:
                waiting += 1
                await release.wait()
            return names.Greeting(text="done")

    await running("desk", wire)
    shop = await running("shop")
    slow = [asyncio.create_task(shop.ask(names.Slow(seconds=1))) for _ in range(20)]
    await eventually(lambda: waiting == 20)
    assert await shop.ask(names.Slow()) == names.Greeting(text="done")
    release.set()
    assert len(await asyncio.gather(*slow)) == 20


async def test_beyond_its_bounds_a_service_says_try_later_at_once(running, names, eventually):
    release = asyncio.Event()
    started = 0

    def wire(bus):
        @bus.answers(names.Slow, at_once=2, waiting=3)
        async def slow(message, call):
            nonlocal started
            started += 1
            await release.wait()
            return names.Greeting(text="done")

    await running("desk", wire)
    shop = await running("shop")
    asks = [asyncio.create_task(shop.ask(names.Slow())) for _ in range(9)]
    await eventually(lambda: sum(ask.done() for ask in asks) == 4)
    done = [ask for ask in asks if ask.done()]
    assert all(isinstance(ask.exception(), TryLater) and ask.exception().code == "OVERLOADED" for ask in done)
    assert started == 2
    release.set()
    results = await asyncio.gather(*asks, return_exceptions=True)
    assert sum(isinstance(result, names.Greeting) for result in results) == 5
    assert started == 5


async def test_an_answer_too_large_for_the_bus_is_an_internal_error(running, names):
    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            return Encoded(b"x" * (9 * 1024 * 1024))

    await running("desk", wire)
    shop = await running("shop")
    with pytest.raises(Misconfigured, match="INTERNAL_ERROR"):
        await shop.ask(names.Greet(name="Aoi"))


async def test_a_request_too_large_for_the_bus_is_refused(running, names):
    shop = await running("shop")
    with pytest.raises(Refused, match="PAYLOAD_TOO_LARGE"):
        await shop.ask_bytes(names.Greet, b"x" * (9 * 1024 * 1024), timeout=1, actor=None)


async def test_what_the_topology_does_not_list_is_refused_where_it_is_registered(running, names, database):
    desk = await running("desk", database=database)
    with pytest.raises(TypeError, match="does not serve Unlisted"):
        desk.answers(names.Unlisted)(None)
    with pytest.raises(TypeError, match="does not consume ThingSeen"):
        desk.consumes(names.ThingSeen)(None)
    with pytest.raises(TypeError, match="does not watch ThingSold"):
        desk.watches(names.ThingSold)(None)
    with pytest.raises(TypeError, match="does not ask Greet"):
        await desk.ask(names.Greet(name="Aoi"))
    async with database.transaction() as transaction:
        with pytest.raises(TypeError, match="does not record ThingSold"):
            await transaction.record(names.ThingSold(number=1))


async def test_a_message_has_one_handler(running, names):
    async def greet(message, call):
        return names.Greeting(text="one")

    def wire(bus):
        bus.answers(names.Greet)(greet)
        with pytest.raises(TypeError, match="two handlers"):
            bus.answers(names.Greet)(greet)

    await running("desk", wire)


async def test_a_cancellation_that_meets_the_answer_is_not_swallowed(running, names):
    """Python 3.11's `wait_for` returns the result and forgets the cancellation; a loop of asks could not be ended."""

    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            return names.Greeting(text="hello")

    await running("desk", wire)
    shop = await running("shop")

    async def endless():
        while True:
            await shop.ask(names.Greet(name="Aoi"))

    for number in range(200):
        task = asyncio.create_task(endless())
        for _ in range(number % 40):
            await asyncio.sleep(0)
        task.cancel()
        _, alive = await asyncio.wait({task}, timeout=2)
        assert not alive


async def test_a_message_that_names_no_inbox_is_no_question(running, names, nats_url):
    """The bus checks nobody's reply subject: answers and deliveries could be steered onto a command's subject."""
    asked = []

    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            asked.append(message.name)
            return names.Greeting(text="hello")

    await running("desk", wire)
    shop = await running("shop")
    stranger = await nats.connect(nats_url)
    heard = await stranger.subscribe(names.Put.subject)
    for reply in ("", names.Put.subject, "$JS.ACK.PORTAL_SHOP.desk.1.1.1.1.1", "_INBOXES.a", "$JS.API.STREAM.PURGE.X"):
        await stranger.publish(names.Greet.subject, b'{"name": "Mallory"}', reply=reply)
    await stranger.flush()
    await shop.ask(names.Greet(name="Aoi"))
    assert asked == ["Aoi"]
    assert heard.pending_msgs == 0
    await stranger.close()
