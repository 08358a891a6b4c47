"""The fake tells what the real bus tells, where a test can notice."""

from typing import ClassVar

import pytest

from portal_chassis.call import Encoded
from portal_chassis.testing import FakeBus, InMemoryTransaction
from portal_contracts.message import Event, Message, ServiceQuery
from portal_contracts.problems import ProblemReply, Refused, TryLater


class Price(Message):
    yen: int


class ReadPrice(ServiceQuery[Price]):
    subject: ClassVar[str] = "till.price.read.v1"
    thing: str


class Paid(Event):
    subject: ClassVar[str] = "till.thing.paid.v1"
    yen: int


async def test_it_answers_as_told_and_remembers_what_was_asked():
    bus = FakeBus()
    with pytest.raises(TryLater, match="SERVICE_UNAVAILABLE"):
        await bus.ask(ReadPrice(thing="a"))
    bus.reply(ReadPrice, Price(yen=1))
    assert (await bus.ask(ReadPrice(thing="b"), actor="token")).yen == 1
    bus.reply(ReadPrice, lambda message: Price(yen=len(message.thing)))
    assert (await bus.ask(ReadPrice(thing="four"))).yen == 4
    bus.reply(ReadPrice, Refused("NOT_FOUND"))
    with pytest.raises(Refused, match="NOT_FOUND"):
        await bus.ask(ReadPrice(thing="c"))
    raw = await bus.ask_bytes(ReadPrice, b'{"thing":"d"}')
    assert raw.problem == "NOT_FOUND"
    assert ProblemReply.model_validate_json(raw.body).code == "NOT_FOUND"
    assert [message.thing for message in bus.asked_of(ReadPrice)] == ["a", "b", "four", "c", "d"]
    assert bus.asked[1].actor == "token"


async def test_it_runs_handlers_consumers_and_watchers():
    bus, heard = FakeBus(), []

    @bus.answers(ReadPrice, at_once=1)
    async def price(message, call):
        return Encoded(b'{"yen":7}') if message.thing == "encoded" else Price(yen=8)

    @bus.consumes(Paid)
    async def paid(event, delivery):
        await delivery.transaction.record(event)

    @bus.watches(Paid)
    async def hint(event):
        heard.append(event.yen)

    @bus.on_reconnect
    async def reread():
        heard.append("reread")

    assert (await bus.call(ReadPrice(thing="encoded"))).yen == 7
    assert (await bus.call(ReadPrice(thing="model"))).yen == 8
    transaction = InMemoryTransaction()
    await bus.deliver(Paid(yen=3), transaction)
    assert transaction.events == [Paid(yen=3)]
    await bus.hint(Paid(yen=4))
    await bus.reconnect()
    assert heard == [4, "reread"]
