"""Scheduled activation started by Flows of the org (R155, R156, C15, C38)."""

from datetime import timedelta

import pytest

from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID, PORTAL_USER_ID, STAFF_USER_ID
from portal_sandbox.salesforce.seed import account_id, entry_id
from portal_sandbox.salesforce.wire_times import to_wire

NOT_STARTED = "Pending Review"


@pytest.fixture
def order(whole):
    """An approved order, its activation set back to not started by the portal, as C38 has it."""

    async def order(after=timedelta(days=10), kind="Scheduled"):
        async def change(user_id, **fields):
            await whole.org.execute(
                whole.org.caller(user_id), lambda t: t.update(t.schema.objects["Order"], order_id, fields)
            )

        def make(transaction):
            values = {"AccountId": account_id("SNX-10001"), "Status": "Draft", "EffectiveDate": "2026-11-21"}
            made = transaction.create(
                transaction.schema.objects["Order"],
                {**values, "Pricebook2Id": PORTAL_PRICEBOOK_ID, "Trace_Id__c": "trace-7"},
            )
            item = {"OrderId": made["Id"], "PricebookEntryId": entry_id("INT-HOME-1G"), "Quantity": 1}
            transaction.create(transaction.schema.objects["OrderItem"], item)
            return made["Id"]

        order_id = await whole.org.execute(whole.org.caller(PORTAL_USER_ID), make)
        at = to_wire(whole.core.clock.now() + after)
        await change(STAFF_USER_ID, Status="Approved", Activation_Type__c=kind, Activation_Scheduled_At__c=at)
        await change(PORTAL_USER_ID, Activation_Status__c=NOT_STARTED)
        return order_id, change

    return order


async def advance(whole, **time):
    whole.core.clock.advance(int(timedelta(**time).total_seconds()))
    await whole.quiet()


def keys(receiver):
    return [headers["Idempotency-Key"] for _, headers, _ in receiver.calls]


async def test_without_the_switches_nobody_calls(whole, receiver, order):
    await order()
    await advance(whole, days=11)
    assert receiver.calls == []


async def test_the_path_calls_once_at_the_date(whole, receiver, order):
    whole.switch("salesforce", optionAScheduledPath=True)
    order_id, _ = await order()
    await advance(whole, days=9, hours=23)
    assert receiver.calls == []
    await advance(whole, hours=1)
    await advance(whole, days=1)
    ((url, _, body),) = receiver.calls
    assert order_id in url
    assert b"trace-7" in body
    (entry,) = whole.entries("salesforce.callout.sent", key=order_id)
    assert entry.detail["source"] == "scheduled_path"


async def test_the_flow_calls_for_what_is_due_at_every_quarter_of_an_hour(whole, receiver, order):
    whole.switch("salesforce", optionAScheduledFlow=True)
    _, change = await order(after=timedelta(minutes=20))
    await advance(whole, minutes=15)
    assert receiver.calls == []
    await advance(whole, minutes=15)
    await advance(whole, minutes=5)
    assert len(receiver.calls) == 1
    await advance(whole, minutes=10)
    assert len(set(keys(receiver))) == 2
    await change(PORTAL_USER_ID, Activation_Status__c="Activating")
    await advance(whole, hours=1)
    assert len(receiver.calls) == 2


async def test_a_callout_that_failed_is_made_again_at_the_next_quarter(whole, receiver, order):
    whole.switch("salesforce", optionAScheduledPath=True)
    receiver.status = 503
    await order(after=timedelta(minutes=20))
    await advance(whole, minutes=20)
    receiver.status = 202
    await advance(whole, minutes=5)
    assert len(receiver.calls) == 1
    await advance(whole, minutes=5)
    await advance(whole, hours=1)
    first, second = keys(receiver)
    assert first == second
    assert [len(whole.entries(f"salesforce.callout.{end}")) for end in ("failed", "sent")] == [1, 1]


async def test_both_flows_call_and_the_portal_has_to_see_that_it_is_one_order(whole, receiver, order):
    """C15: both on, still one activation; that is the portal's part."""
    whole.switch("salesforce", optionAScheduledPath=True, optionAScheduledFlow=True)
    await order()
    await advance(whole, days=10)
    assert len(receiver.calls) == 2
    assert len({headers["X-Nonce"] for _, headers, _ in receiver.calls}) == 2


@pytest.mark.parametrize(("skew", "early"), [(300, True), (0, False), (-300, False)])
async def test_the_orgs_clock_can_be_wrong(whole, receiver, order, skew, early):
    """C15: five minutes either way."""
    whole.switch("salesforce", optionAScheduledPath=True, flowClockSkewSeconds=skew)
    await order(after=timedelta(minutes=20))
    await advance(whole, minutes=15)
    assert bool(receiver.calls) is early
    await advance(whole, minutes=5)
    assert bool(receiver.calls) is (skew >= 0)
    await advance(whole, minutes=5)
    assert len(receiver.calls) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"Status": "Cancelled"},
        {"Activation_Type__c": "Immediate"},
        {"Activation_Scheduled_At__c": None},
        {"Activation_Status__c": "Activating"},
    ],
)
async def test_an_order_that_is_no_longer_waiting_is_left_alone(whole, receiver, order, fields):
    whole.switch("salesforce", optionAScheduledPath=True, optionAScheduledFlow=True)
    _, change = await order()
    await change(STAFF_USER_ID, **fields)
    await advance(whole, days=11)
    assert receiver.calls == []


async def test_a_new_date_is_a_new_path(whole, receiver, order):
    whole.switch("salesforce", optionAScheduledPath=True)
    _, change = await order(after=timedelta(days=1))
    later = to_wire(whole.core.clock.now() + timedelta(days=3))
    await change(STAFF_USER_ID, Activation_Scheduled_At__c=later)
    await advance(whole, days=2)
    assert receiver.calls == []
    await advance(whole, days=1)
    assert len(receiver.calls) == 1


async def test_a_date_that_is_over_calls_at_once(whole, receiver, order):
    whole.switch("salesforce", optionAScheduledPath=True)
    await order(after=timedelta(hours=-1))
    await whole.quiet()
    assert len(receiver.calls) == 1
