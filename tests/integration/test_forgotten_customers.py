"""A customer who asks to be deleted is forgotten by every service, with proof; nothing late brings them back (D17)."""

from datetime import timedelta
from typing import Any, Final

import asyncpg

from portal_local.demo.customer import eventually
from portal_local.demo.journey import ADDRESS
from portal_testing.operators import OperatorAtWork
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack
from portal_testing.subscribers import refusal

BY_THEMSELVES: Final = ("orders", "billing", "fulfillment", "support", "notifications")
TO_THINK_IT_OVER: Final = timedelta(days=14, minutes=1)
LOOK_SECONDS: Final = 600
"""Business time between two looks: a deletion that waits looks again after a quarter of an hour."""


async def rows_with(stack: PortalStack, word: str) -> dict[str, list[str]]:
    """Give every row of every database that a service keeps, as text, where a word stands in it."""
    found: dict[str, list[str]] = {}
    for service in ("identity", "catalog", "changefeed", *BY_THEMSELVES):
        connection = await asyncpg.connect(stack.postgres.superuser_url(service))
        try:
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for (table,) in tables:
                statement = f'SELECT row::text AS text FROM "{table}" row WHERE position($1 IN row::text) > 0'
                for row in await connection.fetch(statement, word):
                    found.setdefault(f"{service}.{table}", []).append(row["text"])
        finally:
            await connection.close()
    return found


async def deletion(stack: PortalStack, operator: OperatorAtWork, deletion_id: str) -> dict[str, Any]:
    """What operators see of a deletion."""
    await stack.sandbox.advance_clock(LOOK_SECONDS)
    listed = (await operator.get("/operator/deletions"))["deletions"]
    found: dict[str, Any] = next(one for one in listed if one["deletionId"] == deletion_id)
    return found


async def test_who_is_deleted_is_forgotten_everywhere_with_proof_and_stays_so(
    shopper: Shopper, portal_stack: PortalStack, operator: OperatorAtWork
) -> None:
    customer, whmcs = shopper.customer, shopper.journey.systems.whmcs
    me = await customer.get("/me")

    async def ask() -> Any:
        return await customer.post("/me/deletion", {})

    order_id = await shopper.order_esim()
    assert await refusal(ask()) == (409, "DELETION_ORDER_OPEN")
    await shopper.journey.approve()
    assert await shopper.finish() == []
    (order,) = shopper.journey.orders
    assert await refusal(ask()) == (409, "DELETION_NOT_POSSIBLE")
    case = await customer.post(
        "/support/cases", {"title": "つながらない", "description": "昨日から", "orderId": order_id}
    )
    words = (shopper.person.email, shopper.person.eid, str(order.line))
    assert all([await rows_with(portal_stack, word) for word in words]), "there is something to forget"
    await whmcs.call("UpdateClientProduct", serviceid=order.service_id, status="Terminated")

    asked = await ask()
    assert {one["state"] for one in asked["systems"]} == {"open"}
    await portal_stack.sandbox.advance_clock(int(TO_THINK_IT_OVER.total_seconds()))

    async def settled() -> dict[str, Any] | None:
        found = await deletion(portal_stack, operator, asked["deletionId"])
        return None if any(one["state"] == "open" for one in found["systems"]) else found

    systems = {one["system"]: one for one in (await eventually(settled, "every system to have forgotten"))["systems"]}
    assert {system: one["state"] for system, one in systems.items()} == {
        "portal": "done",
        "salesforce": "done",
        "whmcs": "kept",
        "orders": "kept",
        "billing": "kept",
        "fulfillment": "kept",
        "support": "done",
        "notifications": "done",
    }
    assert "1 orders" in systems["orders"]["reason"]
    assert "1 links" in systems["support"]["reason"]
    assert {word: await rows_with(portal_stack, word) for word in words} == {word: {} for word in words}

    await what_comes_late(shopper, portal_stack, order_id, case["caseId"])
    assert {word: await rows_with(portal_stack, word) for word in words} == {word: {} for word in words}
    about = await rows_with(portal_stack, me["accountId"])
    assert not [row for rows in about.values() for row in rows if ADDRESS["street"] in row]
    assert await refusal(customer.get("/me")) == (401, "SESSION_EXPIRED")


async def what_comes_late(shopper: Shopper, stack: PortalStack, order_id: str, case_id: str) -> None:
    """Staff touch order and case of somebody who is gone; wait until the portal has looked at both."""
    mails = len(await shopper.customer.mails(shopper.person.email))
    await shopper.salesforce.change("Order", order_id, {"Description": "a late word of staff"})
    await shopper.salesforce.change("Case", case_id, {"Status": "Closed"})
    changed_at = (await shopper.salesforce.read("Order", order_id))["SystemModstamp"][:19]

    async def looked() -> bool:
        await stack.sandbox.advance_clock(LOOK_SECONDS)
        seen = (await rows_with(stack, order_id)).get("orders.customer_order", [])
        return any(changed_at in row for row in seen)

    await eventually(looked, "the late change to be read")
    assert len(await shopper.customer.mails(shopper.person.email)) == mails, "nobody is told"
