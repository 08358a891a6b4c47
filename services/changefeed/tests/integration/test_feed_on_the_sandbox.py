"""Salesforce's events become ours whatever happens to the connection (R152, R153, C24, C29)."""

import asyncio

import pytest

from portal_changefeed.ports import LeadershipLostError
from portal_changefeed.store import PostgresPositions
from portal_changefeed.topics import PROVISION_TOPIC, TOPICS
from portal_chassis.postgres import StoreUnavailable
from portal_salesforce.soql import equals, select
from portal_sandbox.salesforce.ids import STAFF_USER_ID
from portal_sandbox.salesforce.shared_org import org_of

ORDER_CHANGED = "changefeed.order.changed.v1"
PROVISION = "changefeed.provision_event.received.v1"
MISSED = "changefeed.events.missed.v1"
ORDERS = "/data/OrderChangeEvent"


def at_least(number):
    return lambda found: len(found) >= number


async def test_an_approval_and_the_changes_around_it_are_announced(world):
    """R143, R152."""
    async with world.feeding():
        order_id = await world.order()
        await world.salesforce.update("Order", order_id, {"Status": "Approved"})
        (event,) = await world.eventually(lambda: world.recorded(PROVISION))
        changes = await world.eventually(lambda: world.recorded(ORDER_CHANGED), at_least(2))
    assert event["orderId"] == order_id
    assert event["eventId"]
    assert event["idempotencyKey"].startswith(order_id)
    assert event["version"] == 1
    assert [change["change"] for change in changes] == ["created", "updated"]
    assert {change["recordId"] for change in changes} == {order_id}
    assert {"Status", "Activation_Status__c"} <= set(changes[1]["fields"])
    assert all(change["byUs"] for change in changes)
    assert "Approved" not in str(changes)


async def test_a_change_of_staff_is_not_ours(world):
    order_id = await world.order()
    org = org_of(world.sandbox)
    await org.execute(
        org.caller(STAFF_USER_ID),
        lambda transaction: transaction.update(org.schema.objects["Order"], order_id, {"Description": "by hand"}),
    )
    async with world.feeding():
        changes = await world.eventually(lambda: world.recorded(ORDER_CHANGED), at_least(2))
    assert [(change["byUs"], change["fields"][0]) for change in changes[1:]] == [(False, "Description")]


async def test_every_object_has_its_own_hint(world):
    """C24. Products and prices are written by staff: here the integration user may, too."""
    world.switch(rightsMistakes="Product2+edit,PricebookEntry+edit")
    async with world.feeding():
        account = await world.salesforce.query_one(select("Account", "Id"))
        product = await world.salesforce.query_one(select("Product2", "Id"))
        entry = await world.salesforce.query_one(
            select("PricebookEntry", "Id", "UnitPrice").where(
                equals("Pricebook2Id", world.salesforce.settings.require_pricebook()), equals("IsActive", value=True)
            )
        )
        await world.salesforce.update("Account", account["Id"], {"BillingCity": "Shibuya", "Phone": "03-0000-0000"})
        await world.salesforce.update("Product2", product["Id"], {"Description": "new"})
        await world.salesforce.update("PricebookEntry", entry["Id"], {"UnitPrice": entry["UnitPrice"] + 1})
        order_id = await world.order()
        item = {"OrderId": order_id, "PricebookEntryId": entry["Id"], "Quantity": 1, "UnitPrice": entry["UnitPrice"]}
        item_id, _ = await world.salesforce.upsert("OrderItem", "Portal_Item_Key__c", f"{order_id}#1", item)
        for subject, record_id in (
            ("changefeed.account.changed.v1", account["Id"]),
            ("changefeed.product.changed.v1", product["Id"]),
            ("changefeed.price.changed.v1", entry["Id"]),
            ("changefeed.order_item.changed.v1", item_id),
        ):
            assert record_id in await world.eventually(lambda subject=subject: world.hints(subject))


async def test_parts_of_an_address_are_named(world):
    async with world.feeding():
        account = await world.salesforce.query_one(select("Account", "Id"))
        await world.salesforce.update("Account", account["Id"], {"BillingCity": "Shibuya"})
        (change,) = await world.eventually(lambda: world.recorded("changefeed.account.changed.v1"))
    assert "BillingAddress.City" in change["fields"]


async def test_a_restart_goes_on_where_it_was_without_loss(world):
    """R153."""
    expected = [await world.order()]
    async with world.feeding():
        await world.eventually(world.hints)
    expected += [await world.order() for _ in range(5)]
    async with world.feeding():
        await world.eventually(world.hints, at_least(6))
    assert await world.hints() == expected


async def test_what_happened_before_the_first_start_is_not_lost(world):
    order_id = await world.order()
    await world.salesforce.update("Order", order_id, {"Status": "Approved"})
    async with world.feeding():
        assert [event["orderId"] for event in await world.eventually(lambda: world.recorded(PROVISION))] == [order_id]


async def test_an_idle_bus_still_moves_the_position(world):
    async with world.feeding():
        await world.eventually(world.all_positions, lambda count: count == len(TOPICS))
        first = await world.position()
        world.sandbox.clock.advance(3600)
        assert await world.eventually(world.position, lambda found: found != first)
        assert len(first) == 10


async def test_a_silent_connection_is_noticed_and_replaced(world):
    async with world.feeding(watchdog=1.0):
        await world.eventually(world.all_positions, lambda count: count == len(TOPICS))
        world.switch(silentStall=True)
        order_id = await world.order()
        world.switch(silentStall=False, streamGeneration=0)
        assert await world.eventually(world.hints) == [order_id]


async def test_a_stall_that_only_a_new_connection_cures_is_cured(world):
    async with world.feeding(watchdog=0.8):
        first = await world.order()
        await world.eventually(world.hints)
        opened = world.called("pubsub/Subscribe")
        world.switch(silentStall=True)

        async def reopened():
            return world.called("pubsub/Subscribe") > opened

        await world.eventually(reopened)
        second = await world.order()
        world.switch(silentStall=False)
        await world.eventually(world.hints, at_least(2))
    assert await world.hints() == [first, second]


async def test_killed_streams_come_back(world):
    async with world.feeding():
        expected = []
        for generation in range(1, 4):
            expected.append(await world.order())
            await world.eventually(world.hints, at_least(len(expected)))
            world.switch(streamGeneration=generation)
    assert await world.hints() == expected


async def test_an_outage_of_the_bus_only_delays(world):
    async with world.feeding():
        world.switch(pubsubUnavailable=True)
        expected = [await world.order(), await world.order()]
        world.switch(pubsubUnavailable=False)
        await world.eventually(world.hints, at_least(2))
    assert await world.hints() == expected


async def test_connections_that_break_at_once_only_delay(world):
    world.sandbox.faults.arm({"vendor": "salesforce", "call": "pubsub/Subscribe", "kind": "refused", "times": 12})
    world.sandbox.faults.arm({"vendor": "salesforce", "call": "pubsub/GetSchema", "kind": "refused", "times": 2})
    order_id = await world.order()
    async with world.feeding():
        assert await world.eventually(world.hints) == [order_id]


async def test_a_lost_position_is_announced_and_everything_comes_again(world):
    """C29: EARLIEST, never LATEST."""
    first = await world.order()
    async with world.feeding():
        await world.eventually(world.hints)
        await world.eventually(world.all_positions, lambda count: count == len(TOPICS))
    world.switch(replayGeneration=1)
    second = await world.order()
    async with world.feeding():
        missed = await world.eventually(lambda: world.recorded(MISSED), at_least(len(TOPICS)))
        await world.eventually(world.hints, lambda found: second in found)
    assert {(event["topic"], event["reason"]) for event in missed} == {
        (topic, "replay_position_lost") for topic in TOPICS
    }
    assert await world.hints() == [first, first, second]


async def test_a_position_older_than_the_bus_is_a_lost_one(world):
    """C29: pause 80 h, nothing is silently lost."""
    await world.order()
    async with world.feeding():
        await world.eventually(world.hints)
    world.sandbox.clock.advance(80 * 3600)
    late = await world.order()
    async with world.feeding():
        await world.eventually(
            lambda: world.recorded(MISSED), lambda found: ORDERS in {event["topic"] for event in found}
        )
        await world.eventually(world.hints, lambda found: late in found)


async def test_a_platform_event_delivered_again_is_passed_on_once(world):
    world.switch(duplicateDelivery=True)
    orders = []
    for _ in range(3):
        orders.append(await world.order())
        await world.salesforce.update("Order", orders[-1], {"Status": "Approved"})
    async with world.feeding():
        await world.eventually(lambda: world.recorded(PROVISION), at_least(3))
        await world.eventually(world.hints, at_least(12))
    assert [event["orderId"] for event in await world.recorded(PROVISION)] == orders


async def test_an_event_that_cannot_be_read_is_kept_raw_and_the_next_ones_arrive(world):
    world.switch(undecodableEvents=True)
    await world.order()
    world.switch(undecodableEvents=False)
    readable = await world.order()
    async with world.feeding():
        assert await world.eventually(world.hints) == [readable]
    (missed,) = await world.recorded(MISSED)
    assert (missed["topic"], missed["reason"]) == (ORDERS, "undecodable")
    row = await world.database.fetchrow("SELECT topic, payload, reason, schema_id FROM changefeed_undecodable_event")
    assert row["topic"] == ORDERS
    assert row["payload"]
    assert row["schema_id"]


async def test_gap_events_are_hints_and_a_warning(world):
    world.switch(changeGap="GAP_UPDATE")
    order_id = await world.order()
    async with world.feeding():
        (missed,) = await world.eventually(lambda: world.recorded(MISSED))
    assert missed["reason"] == "gap_event"
    assert [(hint["recordId"], hint["change"]) for hint in await world.recorded(ORDER_CHANGED)] == [
        (order_id, "updated")
    ]


async def test_the_end_of_a_session_costs_one_login(world):
    world.switch(pubsubTokenCheck="live")
    async with world.feeding():
        await world.eventually(world.all_positions, lambda count: count == len(TOPICS))
        logins = world.called("token")
        world.switch(tokenGeneration=1)
        await world.eventually(world.all_positions)
        order_id = await world.order()
        assert await world.eventually(world.hints) == [order_id]
        # one of the feed, one of this test's own connector
        assert world.called("token") - logins <= 2


async def test_an_app_that_issues_jwts_is_our_set_up_and_heals(world):
    world.switch(tokenFormat="jwt")
    async with world.feeding() as running:
        order_id = await world.order()
        assert not running.done()
        world.switch(tokenFormat="opaque", tokenGeneration=1)
    async with world.feeding():
        assert await world.eventually(world.hints) == [order_id]


async def test_more_events_than_the_demand_all_arrive(world):
    account = await world.salesforce.query_one(select("Account", "Id"))
    for number in range(260):
        await world.salesforce.update("Account", account["Id"], {"Phone": f"03-0000-{number:04}"})
    async with world.feeding():
        await world.eventually(lambda: world.hints("changefeed.account.changed.v1"), at_least(260), 20.0)
    assert len(await world.hints("changefeed.account.changed.v1")) == 260


async def test_two_instances_have_one_subscriber_and_the_other_takes_over(world):
    async with world.feeding() as first:
        await world.eventually(world.all_positions, lambda count: count == len(TOPICS))
        async with world.feeding():
            one = await world.order()
            await world.eventually(world.hints)
            assert world.called("pubsub/Subscribe") == len(TOPICS)
            first.cancel()
            two = await world.order()
            await world.eventually(world.hints, at_least(2))
            assert world.called("pubsub/Subscribe") == 2 * len(TOPICS)
    assert await world.hints() == [one, two]


async def test_a_leader_whose_lock_connection_dies_steps_down_and_stands_again(world):
    async with world.feeding():
        await world.eventually(world.all_positions, lambda count: count == len(TOPICS))
        await world.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
        order_id = await world.order()
        await world.eventually(world.hints)

        async def generation():
            return await world.database.fetchval("SELECT generation FROM changefeed_leadership")

        await world.eventually(generation, lambda found: found == 2)
    assert set(await world.hints()) == {order_id}


async def test_a_replaced_leader_can_write_nothing(world):
    """A leader that was paused while another took over is fenced by its generation."""
    await world.database.execute("UPDATE changefeed_leadership SET generation = 2")
    old, current = PostgresPositions(world.database, 1), PostgresPositions(world.database, 2)
    await current.take(PROVISION_TOPIC, [], b"new")
    with pytest.raises(LeadershipLostError):
        await old.take(PROVISION_TOPIC, [], b"old")
    assert await current.position(PROVISION_TOPIC) == b"new"
    assert await world.recorded() == []


async def test_a_database_that_was_away_costs_no_event(world, postgres_server):
    async with world.feeding():
        expected = [await world.order()]
        await world.eventually(world.hints)
        await asyncio.to_thread(postgres_server.kill)
        expected.append(await world.order())
        await asyncio.sleep(0.5)
        postgres_server.start()  # not in a worker thread: the server would end with it
        expected.append(await world.order())

        async def hints():
            try:
                return set(await world.hints())
            except StoreUnavailable:
                return set()

        assert await world.eventually(hints, lambda found: len(found) >= 3, 15.0) == set(expected)
