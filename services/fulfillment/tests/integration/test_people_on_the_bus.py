"""Operators and customers over the real bus: their tokens, the commands' traces in the database, the eSIM code."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.actor import Actor
from portal_chassis.testing import operator_actor
from portal_contracts.operators import list_operator_actions
from portal_contracts.problems import Refused
from portal_contracts.provisioning import (
    ActivateNow,
    CancelProvisioning,
    ListProvisioning,
    ReadProvisioning,
    RetryProvisioning,
    RevealEsimCode,
)

OPERATOR = operator_actor()
VIEWER = operator_actor(roles=("operator_viewer",))


def customer(account="001000000000001AAA"):
    return Actor("user-1", 42, account, ("customer",), "session-1", datetime.now(UTC), "ja")


def command(of, order_id, request_id="request-1", *, dry_run=False):
    return of(order_id=order_id, request_id=request_id, dry_run=dry_run, reason="The customer called")


async def test_an_operator_cancels_a_blocked_order_and_a_retry_brings_it_to_its_end(portal, new_order, order_id):
    portal.billing.payment_method = False
    portal.orders.put(new_order())
    await portal.signal()
    await portal.until("blocked")
    found = await portal.ask(ListProvisioning(status="blocked"), VIEWER)
    assert [(one.order_id, one.owner) for one in found.processes] == [(order_id, "customer")]
    with pytest.raises(Refused, match="OPERATOR_FORBIDDEN"):
        await portal.ask(command(CancelProvisioning, order_id), VIEWER)
    shown = await portal.ask(command(CancelProvisioning, order_id, dry_run=True), OPERATOR)
    assert not shown.carried_out
    done = await portal.ask(command(CancelProvisioning, order_id), OPERATOR)
    assert (done.carried_out, done.changes) == (True, shown.changes)
    assert await portal.until("failed") == ("failed", "PROVISIONING_CANCELLED")
    portal.billing.payment_method = True
    await portal.ask(command(RetryProvisioning, order_id, "request-2"), OPERATOR)
    await portal.until("done")
    file = await portal.ask(ReadProvisioning(order_id=order_id), VIEWER)
    assert [one.state for one in file.attempts] == ["failed", "activated"]
    assert [entry.state for entry in file.journal] == ["succeeded", "succeeded"]
    actions = await portal.ask(list_operator_actions("fulfillment")(target=order_id), OPERATOR)
    assert [(one.action.split(".")[2], one.carried_out) for one in actions.actions] == [
        ("retry", True),
        ("cancel", True),
        ("cancel", False),
    ]


async def test_activate_now_over_the_bus(portal, new_order, order_id):
    start = datetime.now(UTC) + timedelta(days=30)
    portal.orders.put(new_order(activation_type="scheduled", scheduled_at=start))
    await portal.signal()
    await portal.until("waiting")
    await portal.ask(command(ActivateNow, order_id), OPERATOR)
    await portal.until("done")


async def test_a_customer_sees_the_code_once_and_nobody_else_does(portal, new_order, order_id):  # D11
    portal.orders.put(new_order())
    await portal.signal()
    await portal.until("done")
    with pytest.raises(Refused, match="NOT_FOUND"):
        await portal.ask(RevealEsimCode(request_id="request-1", order_id=order_id), customer("001000000000002AAA"))
    first = await portal.ask(RevealEsimCode(request_id="request-1", order_id=order_id), customer())
    again = await portal.ask(RevealEsimCode(request_id="request-1", order_id=order_id), customer())
    assert first == again
    assert first.activation_code.startswith("LPA:1$")
    with pytest.raises(Refused, match="ESIM_CODE_ALREADY_SHOWN"):
        await portal.ask(RevealEsimCode(request_id="request-2", order_id=order_id), customer())
    (row,) = await portal.rows("SELECT code_shown_to, code_request_id FROM sim_line")
    assert tuple(row) == ("user-1", "request-1")
    await portal.rows("UPDATE sim_line SET code_shown_at = clock_timestamp() - interval '11 minutes'")
    async with asyncio.timeout(30):  # the next round erases it
        while await portal.rows("SELECT FROM sim_line WHERE activation_code IS NOT NULL"):
            await asyncio.sleep(0.2)
