"""Calls to foreign systems: bounded, timed, refused while hopeless, counted."""

import asyncio

import pytest

from portal_chassis import deadline
from portal_chassis.circuit_breaker import CircuitBreaker
from portal_chassis.deadline import Deadline
from portal_chassis.metrics import VENDOR_CALLS
from portal_chassis.outbound import Outbound
from portal_chassis.testing import ManualClock, SpanCollector
from portal_contracts.problems import Refused, TryLater


def make(**more):
    clock = ManualClock()
    return Outbound("whmcs", at_once=more.pop("at_once", 2), clock=clock, **more), clock


async def fail(outbound, error=ConnectionResetError):
    with pytest.raises(error):
        async with outbound.call("GetInvoices", timeout=1):
            raise error


async def test_a_call_is_counted_and_makes_a_client_span():
    outbound, _ = make()
    collector = SpanCollector()
    counter = VENDOR_CALLS.labels("whmcs", "GetInvoice", "not_found")
    before = counter._value.get()
    with collector.recording():
        async with outbound.call("GetInvoice", timeout=1) as call:
            call.outcome("not_found")
    (span,) = collector.spans
    assert (span.name, span.kind, span.attributes["portal.outcome"]) == ("whmcs GetInvoice", "client", "not_found")
    assert counter._value.get() == before + 1


async def test_no_more_calls_run_than_allowed_and_the_rest_waits_its_turn():
    outbound, _ = make(at_once=2, longest_wait=5)
    inside, most = 0, 0

    async def one():
        nonlocal inside, most
        async with outbound.call("GetInvoices", timeout=1):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(10)))
    assert most == 2


async def test_when_the_queue_is_full_the_caller_is_told_at_once():
    outbound, _ = make(at_once=1, waiting=0)
    async with outbound.call("GetInvoices", timeout=1):
        with pytest.raises(TryLater) as caught:
            async with outbound.call("GetInvoices", timeout=1):
                pytest.fail("there was no room")
    assert caught.value.code == "WHMCS_UNAVAILABLE"
    assert 2 <= caught.value.retry_after <= 30
    async with outbound.call("GetInvoices", timeout=1):
        pass


async def test_waiting_for_a_turn_ends():
    outbound, _ = make(at_once=1, longest_wait=0.01)
    async with outbound.call("GetInvoices", timeout=1):
        with pytest.raises(TryLater):
            async with outbound.call("GetInvoices", timeout=1):
                pytest.fail("there was no room")


async def test_a_call_that_takes_too_long_is_cut_off():
    outbound, _ = make()
    with pytest.raises(TimeoutError):
        async with outbound.call("GetInvoices", timeout=0.01):
            await asyncio.sleep(5)


async def test_the_callers_deadline_cuts_a_longer_timeout():
    outbound, _ = make()
    with deadline.within(Deadline.after(0.02)), pytest.raises(TimeoutError):
        async with outbound.call("GetInvoices", timeout=60):
            await asyncio.sleep(5)


async def test_nothing_is_sent_for_a_caller_that_has_given_up():
    outbound, _ = make()
    with deadline.within(Deadline.after(-1)), pytest.raises(TryLater) as caught:
        async with outbound.call("GetInvoices", timeout=60):
            pytest.fail("too late")
    assert caught.value.code == "DEADLINE_PASSED"


async def test_after_many_failures_calls_are_refused_and_one_probe_finds_out():
    outbound, clock = make()
    for _ in range(20):
        await fail(outbound)
    with pytest.raises(TryLater):
        async with outbound.call("GetInvoices", timeout=1):
            pytest.fail("the breaker is open")
    clock.advance(5)
    async with outbound.call("GetInvoices", timeout=1):
        with pytest.raises(TryLater):
            async with outbound.call("GetInvoices", timeout=1):
                pytest.fail("only one probe")
    assert not outbound.breaker.is_open
    async with outbound.call("GetInvoices", timeout=1), outbound.call("GetInvoices", timeout=1):
        pass


async def test_a_failed_probe_keeps_the_breaker_open():
    outbound, clock = make()
    for _ in range(20):
        await fail(outbound)
    clock.advance(5)
    await fail(outbound)
    with pytest.raises(TryLater):
        async with outbound.call("GetInvoices", timeout=1):
            pytest.fail("still open")


@pytest.mark.parametrize("how_it_ends", ["succeeds", "fails", "is abandoned"])
async def test_a_call_from_before_it_opened_lets_no_second_probe_through(how_it_ends):
    outbound, clock = make(at_once=8)
    go_on = asyncio.Event()

    async def slow():
        async with outbound.call("GetInvoices", timeout=60):
            await go_on.wait()
            if how_it_ends == "fails":
                raise ConnectionResetError

    old = asyncio.create_task(slow())
    await asyncio.sleep(0)
    for _ in range(20):
        await fail(outbound)
    clock.advance(5)
    async with outbound.call("GetInvoices", timeout=1):
        if how_it_ends == "is abandoned":
            old.cancel()
        go_on.set()
        await asyncio.gather(old, return_exceptions=True)
        with pytest.raises(TryLater):
            async with outbound.call("GetInvoices", timeout=1):
                pytest.fail("a second probe")
    assert not outbound.breaker.is_open


async def test_refusals_are_answers_and_open_nothing():
    outbound, _ = make()
    for _ in range(40):
        with pytest.raises(Refused):
            async with outbound.call("GetInvoices", timeout=1):
                raise Refused("CART_EMPTY")
    assert not outbound.breaker.is_open


async def test_callers_that_go_away_count_for_nothing():
    outbound, _ = make(at_once=64)

    async def hang():
        async with outbound.call("GetInvoices", timeout=60):
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(hang()) for _ in range(40)]
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not outbound.breaker.is_open


async def test_repeats_are_a_tenth_of_the_calls_beside_a_few_saved_ones():
    outbound, _ = make()
    assert [outbound.may_repeat() for _ in range(11)] == [True] * 10 + [False]
    for _ in range(50):
        async with outbound.call("GetInvoices", timeout=1):
            pass
    assert [outbound.may_repeat() for _ in range(6)].count(True) in (4, 5)
    for _ in range(1000):
        async with outbound.call("GetInvoices", timeout=1):
            pass
    assert [outbound.may_repeat() for _ in range(11)] == [True] * 10 + [False]


def test_half_is_enough_and_old_failures_are_forgotten():
    clock = ManualClock()
    breaker = CircuitBreaker(clock)
    for _ in range(11):
        breaker.succeeded()
    for _ in range(10):
        breaker.failed()
    assert not breaker.is_open
    clock.advance(31)
    for _ in range(19):
        breaker.failed()
    assert not breaker.is_open
    breaker.failed()
    assert breaker.is_open


async def test_a_vendor_keeps_up_while_its_calls_are_answered_in_time():
    outbound, clock = make()
    assert outbound.keeps_up(0.7), "nobody has asked yet"
    async with outbound.call("GetInvoices", timeout=9):
        clock.advance(0.6)
        assert outbound.keeps_up(0.7)
        async with outbound.call("GetInvoice", timeout=9):
            clock.advance(0.2)
            assert not outbound.keeps_up(0.7), "the older one is overdue"
    assert not outbound.keeps_up(0.7), "the last one that ended was late"
    async with outbound.call("GetInvoices", timeout=9):
        clock.advance(0.1)
    assert outbound.keeps_up(0.7)


async def test_a_vendor_that_fails_does_not_keep_up_however_quickly_and_one_that_refuses_does():
    outbound, _ = make()
    await fail(outbound)
    assert not outbound.keeps_up(60)
    with pytest.raises(Refused):
        async with outbound.call("GetInvoice", timeout=1):
            raise Refused("NOT_FOUND")
    assert outbound.keeps_up(60)


def test_a_vendor_the_catalogue_does_not_know_is_noticed_at_start():
    with pytest.raises(KeyError):
        Outbound("acme", at_once=1)
    assert Outbound("sendgrid", at_once=1, code="MAIL_UNAVAILABLE").vendor == "sendgrid"
