"""Customers who are deleted: what any service still keeps of them, and how far their deletion is (D17)."""

from datetime import timedelta
from typing import Any, Final

import asyncpg

from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack

FORGETTING_BY_THEMSELVES: Final = ("orders", "billing", "fulfillment", "support", "notifications")
TO_THINK_IT_OVER: Final = timedelta(days=14, minutes=1)
LOOK_SECONDS: Final = 600
"""Business time between two looks: a deletion that waits looks again after a quarter of an hour."""


async def with_something_to_forget(shopper: Shopper) -> tuple[str, str]:
    """Have a customer order, be served and ask support, so that every service knows them, and end the service.

    Gives the ids of order and case.
    """
    order_id = await shopper.order_esim()
    await shopper.journey.approve()
    disagreements = await shopper.finish()
    if disagreements:
        raise AssertionError("; ".join(disagreements))
    asked = {"title": "つながらない", "description": "昨日から", "orderId": order_id}
    case = await shopper.customer.post("/support/cases", asked)
    return order_id, str(case["caseId"])


async def end_service(shopper: Shopper) -> None:
    """Have staff end the ordered service in WHMCS."""
    (order,) = shopper.journey.orders
    await shopper.journey.systems.whmcs.call("UpdateClientProduct", serviceid=order.service_id, status="Terminated")


def words_of(shopper: Shopper) -> tuple[str, str, str]:
    """Give texts that name a served customer: mailbox, eSIM and phone number."""
    (order,) = shopper.journey.orders
    return shopper.person.email, shopper.person.eid, str(order.line)


async def rows_with(stack: PortalStack, word: str) -> dict[str, list[str]]:
    """Give every row of every database that a service keeps, as text, where a word stands in it."""
    found: dict[str, list[str]] = {}
    for service in ("identity", "catalog", "changefeed", *FORGETTING_BY_THEMSELVES):
        connection = await asyncpg.connect(stack.postgres.superuser_url(service))
        try:
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for (table,) in tables:
                statement = f'SELECT row::text AS text FROM "{table}" row WHERE position($1 IN row::text) > 0'  # noqa: S608 - the database's own names
                for row in await connection.fetch(statement, word):
                    found.setdefault(f"{service}.{table}", []).append(row["text"])
        finally:
            await connection.close()
    return found


async def deletion(stack: PortalStack, deletion_id: str) -> dict[str, Any]:
    """Let business time go on and give what operators see of a deletion."""
    await stack.sandbox.advance_clock(LOOK_SECONDS)
    listed = (await stack.operator.get("/operator/deletions"))["deletions"]
    found: dict[str, Any] = next(one for one in listed if one["deletionId"] == deletion_id)
    return found


def is_settled(found: dict[str, Any]) -> bool:
    """Whether every system has said what it did."""
    return all(one["state"] != "open" for one in found["systems"])
