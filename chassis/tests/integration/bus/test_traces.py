"""One trace across request, handler, outbox, stream and consumer; an unsampled one costs nothing (architecture §10)."""

import pytest

from portal_chassis import telemetry
from portal_chassis.testing import SpanCollector


@pytest.fixture
def collector():
    collected = SpanCollector()
    telemetry.record_into(collected, ratio=1.0)
    yield collected
    telemetry.record_into(None, ratio=0.0)


async def test_a_request_and_the_event_it_causes_are_one_tree(
    running, names, database, second_database, provision, eventually, collector
):
    await provision()
    headers = []

    def wire_desk(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            with telemetry.span("inside"):
                return names.Greeting(text="hello")

        @bus.consumes(names.ThingSold)
        async def sold(event, delivery):
            headers.append(delivery.traceparent)

    await running("desk", wire_desk, database=database)
    shop = await running("shop", database=second_database)
    with telemetry.span("the journey"):
        await shop.ask(names.Greet(name="Aoi"))
        async with second_database.transaction() as transaction:
            await transaction.record(names.ThingSold(number=1))
    await eventually(lambda: any(span.name == "consume shop.thing.sold.v1" for span in collector.spans))
    spans = {(span.name, span.kind): span for span in collector.spans}
    root = spans["the journey", "internal"]
    assert {span.trace_id for span in spans.values()} == {root.trace_id}
    parents = [
        (("desk.greeting.read.v1", "client"), ("the journey", "internal")),
        (("desk.greeting.read.v1", "server"), ("desk.greeting.read.v1", "client")),
        (("inside", "internal"), ("desk.greeting.read.v1", "server")),
        (("publish shop.thing.sold.v1", "producer"), ("the journey", "internal")),
        (("consume shop.thing.sold.v1", "consumer"), ("publish shop.thing.sold.v1", "producer")),
    ]
    for child, parent in parents:
        assert spans[child].parent_id == spans[parent].span_id, child
    assert headers[0].split("-")[1] == root.trace_id


async def test_an_unsampled_trace_records_nothing_and_still_travels(running, names, collector):
    seen = []
    telemetry.record_into(collector, ratio=0.0)

    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            seen.append((call.headers.get("traceparent"), telemetry.current_traceparent()))
            return names.Greeting(text="hello")

    await running("desk", wire)
    shop = await running("shop")
    with telemetry.span("the journey"):
        mine = telemetry.current_traceparent()
        await shop.ask(names.Greet(name="Aoi"))
    assert seen == [(mine, mine)]
    assert mine.endswith("-00")
    assert collector.spans == []
