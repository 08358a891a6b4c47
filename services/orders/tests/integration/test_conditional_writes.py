"""Writes of an order on a condition, by the fake and by the adapter on the sandbox's Salesforce, in both wordings."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal_orders.ports import OrderMoved


@pytest.mark.parametrize("call", ["activating", "not_started", "failure", "activated", "again", "service"])
async def test_a_write_holds_only_while_the_order_is_as_it_was_read(org, call):
    """One that is given up and arrives minutes later finds an order that went on, and changes nothing."""
    order = await org.placed()
    await org.set_status(order.order_id, "approved")
    now = await org.port.write_activating(await org.read(order.order_id))
    stale = replace(now, changed_at=now.changed_at - timedelta(seconds=2))
    writes = {
        "activating": lambda: org.port.write_activating(stale),
        "not_started": lambda: org.port.write_not_started(stale),
        "failure": lambda: org.port.write_failure(stale, "SIM_REFUSED", "SIM_REFUSED: no", datetime.now(UTC)),
        "activated": lambda: org.port.write_activated(stale, 7, 8),
        "again": lambda: org.port.write_activation_again(stale),
        "service": lambda: org.port.write_service(stale, 7, 8),
    }
    with pytest.raises(OrderMoved):
        await writes[call]()
    assert await org.read(order.order_id) == now
    assert await org.stage(order.opportunity_id) == "post_processing"


async def test_that_an_order_is_active_is_written_again(org):
    order = await org.placed()
    await org.set_status(order.order_id, "approved")
    done = await org.port.write_activated(await org.read(order.order_id), 7, 8)
    await org.set_activation(order.order_id, "activating")
    again = await org.port.write_activation_again(await org.read(order.order_id))
    assert replace(again, changed_at=done.changed_at) == done


async def test_a_write_whose_effect_comes_late_finds_an_order_that_went_on(sales, staff, sandbox_org):
    """Found by the fault matrix: a mark that was given up set the finished order back to Activating."""
    org = sandbox_org(sales)
    order = await org.placed()
    await org.set_status(order.order_id, "approved")
    read = await org.read(order.order_id)
    staff.fault("composite", "late", contains="Activating", params={"seconds": 0.8})
    marked = await sales.write_activating(read)  # the connector's second try
    done = await sales.write_activated(marked, 7, 8)
    await asyncio.sleep(1.2)  # the first one arrives
    assert await org.read(order.order_id) == done
