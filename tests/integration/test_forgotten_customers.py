"""A customer who asks to be deleted is forgotten by every service, with proof; nothing late brings them back (D17)."""

from typing import Any

from portal_local.demo.customer import eventually
from portal_local.demo.journey import ADDRESS
from portal_testing.deleted_customers import (
    LOOK_SECONDS,
    TO_THINK_IT_OVER,
    deletion,
    end_service,
    is_settled,
    rows_with,
    words_of,
)
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack
from portal_testing.subscribers import refusal


async def test_who_is_deleted_is_forgotten_everywhere_with_proof_and_stays_so(
    shopper: Shopper, portal_stack: PortalStack
) -> None:
    customer = shopper.customer
    me = await customer.get("/me")

    async def ask() -> Any:
        return await customer.post("/me/deletion", {})

    order_id = await shopper.order_esim()
    assert await refusal(ask()) == (409, "DELETION_ORDER_OPEN")
    await shopper.journey.approve()
    assert await shopper.finish() == []
    assert await refusal(ask()) == (409, "DELETION_NOT_POSSIBLE")
    case = await customer.post(
        "/support/cases", {"title": "つながらない", "description": "昨日から", "orderId": order_id}
    )
    words = words_of(shopper)
    assert all([await rows_with(portal_stack, word) for word in words]), "there is something to forget"
    await end_service(shopper)

    asked = await ask()
    assert {one["state"] for one in asked["systems"]} == {"open"}
    await portal_stack.sandbox.advance_clock(int(TO_THINK_IT_OVER.total_seconds()))

    async def settled() -> dict[str, Any] | None:
        found = await deletion(portal_stack, asked["deletionId"])
        return found if is_settled(found) else None

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
