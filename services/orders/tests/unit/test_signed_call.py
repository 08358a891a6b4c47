"""The signed call on fakes: taken once, answered alike, and turned into a signal (R138-R142)."""

from datetime import timedelta

import pytest

from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import Refused, TryLater
from portal_contracts.provisioning_requests import ProvisionCallBody, RequestProvisioning


def call(world, order_id, number=1, **facts):
    """Give a call; each number has a nonce of its own."""
    return RequestProvisioning(
        **{
            "idempotency_key": "call-0001",
            "order_id": order_id,
            "body": ProvisionCallBody(requested_by="staff@example.jp", correlation_id="approval-0001"),
            "body_sha256": "0" * 64,
            "key_id": "example-key-1",
            "nonce": f"{number:032x}",
            "signed_at": world.clock.now(),
            **facts,
        }
    )


@pytest.fixture
async def approved(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    return order_id


async def code_of(action):
    with pytest.raises((Refused, TryLater)) as caught:
        await action
    return caught.value.code


async def test_a_call_asks_for_provisioning_in_its_callers_name(world, approved):
    accepted = await world.bus.call(call(world, approved))
    assert (accepted.order_id, accepted.request_id, accepted.state) == (approved, "call-0001", "accepted")
    assert world.hinted == 1
    await world.follow()
    request = world.recorded(ProvisionRequested)[0]
    assert (request.source, request.request_id) == ("signed_call", "call-0001")
    assert (request.requested_by, request.correlation_id) == ("staff@example.jp", "approval-0001")


async def test_a_call_is_taken_while_salesforce_is_away(world, approved):
    world.sales.away = True
    await world.bus.call(call(world, approved))
    with pytest.raises(TryLater):
        await world.follow()
    world.sales.away = False
    world.clock.advance(5)
    await world.follow()
    assert world.sources == ["signed_call"]


async def test_a_repeat_that_is_signed_anew_gets_the_stored_answer_and_has_no_effect(world, approved):
    """R142: nonce and time are no part of what a repeat has in common."""
    first = await world.bus.call(call(world, approved))
    world.clock.advance(60)
    assert await world.bus.call(call(world, approved, 2)) == first
    await world.follow()
    assert world.sources == ["signed_call"]


@pytest.mark.parametrize(
    "other", [{"order_id": "801000000000077AAA"}, {"body_sha256": "1" * 64}, {"key_id": "example-key-2"}]
)
async def test_one_key_for_something_else_is_refused(world, approved, other):
    await world.bus.call(call(world, approved))
    again = call(world, approved, 2).model_copy(update=other)
    assert await code_of(world.bus.call(again)) == "IDEMPOTENCY_KEY_REUSED"
    assert len(world.hints.kept) == 1


async def test_a_nonce_is_good_once_whatever_came_of_it(world, approved):
    """R141."""
    await world.bus.call(call(world, approved))
    assert await code_of(world.bus.call(call(world, approved))) == "NONCE_REPLAYED"
    reused = call(world, approved, 2, body_sha256="1" * 64)
    assert await code_of(world.bus.call(reused)) == "IDEMPOTENCY_KEY_REUSED"
    assert await code_of(world.bus.call(reused)) == "NONCE_REPLAYED"
    assert len(world.hints.kept) == 1


async def test_a_call_whose_key_is_being_worked_on_is_asked_to_wait(world, approved):
    world.signed_calls.entered_elsewhere.add("call-0001")
    assert await code_of(world.bus.call(call(world, approved))) == "IN_PROGRESS"
    assert not world.hints.kept


async def test_a_call_for_an_order_that_is_not_there_is_taken_and_given_up_after_a_minute(world):
    """The order may be ahead of its commit; Salesforce is not asked before the call is answered."""
    await world.bus.call(call(world, "801000000000077AAA"))
    await world.follow()
    assert len(world.hints.kept) == 1
    world.clock.advance(61)
    await world.follow()
    assert not world.hints.kept
    assert world.sources == []


async def test_a_call_for_an_order_known_to_be_deleted_is_refused(world, approved):
    world.sales.orders.pop(approved)
    world.clock.advance(timedelta(hours=1))
    await world.deliver_hint(approved)
    assert await code_of(world.bus.call(call(world, approved))) == "NOT_FOUND"
    assert not world.hints.kept


async def test_a_failed_transaction_leaves_neither_nonce_nor_hint(world, approved):
    """The caller heard nothing and signs anew; all of it is one transaction."""

    async def broken(*_):
        raise TryLater("DATABASE_UNAVAILABLE")

    kept = world.signed_calls.keep
    world.signed_calls.keep = broken
    await code_of(world.bus.call(call(world, approved)))
    world.signed_calls.keep = kept
    assert not world.signed_calls.nonces
    assert not world.hints.kept
    await world.bus.call(call(world, approved))
    assert len(world.hints.kept) == 1
