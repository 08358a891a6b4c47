"""Mails on the whole portal: heard of from the provider's signed posting, and chosen by the customer."""

from typing import Any

from portal_local.demo.customer import eventually
from portal_testing.operators import OperatorAtWork
from portal_testing.shoppers import Shopper
from portal_testing.stack import PortalStack


async def standings(operator: OperatorAtWork, order_id: str) -> dict[str, str]:
    """How each mail about an order stands, by its template."""
    found = await operator.get("/operator/mails", orderId=order_id)
    return {mail["template"]: mail["standing"] for mail in found["mails"]}


async def stand(operator: OperatorAtWork, order_id: str, wanted: dict[str, str]) -> None:
    async def look() -> bool:
        return await standings(operator, order_id) == wanted

    await eventually(look, f"mails of {order_id} to be {wanted}")


async def test_a_delivered_mail_shows_so_to_staff_and_one_not_wanted_is_not_sent(
    shopper: Shopper, portal_stack: PortalStack, operator: OperatorAtWork
) -> None:
    """R261, R264: the provider's signed webhook, through the gateway, verified in notifications."""
    customer = shopper.customer
    before = await customer.get("/me/mail-preferences")
    assert all(one["wanted"] for one in before["preferences"])
    wish = {"preferences": [{"topic": "order_progress", "wanted": False}]}
    after: dict[str, Any] = await customer.put("/me/mail-preferences", wish)
    assert [one["topic"] for one in after["preferences"] if not one["wanted"]] == ["order_progress"]

    order_id = await shopper.order_vpn()
    await stand(operator, order_id, {"order_received": "delivered"})
    await shopper.journey.approve()
    assert await shopper.finish() == []
    await stand(
        operator,
        order_id,
        {"order_received": "delivered", "order_approved": "turned_off", "order_activated": "delivered"},
    )
    assert not (await customer.get("/me/mail-preferences"))["mailboxRefuses"]
    sent = [one["key"] for one in await portal_stack.sandbox.ledger(kind="sendgrid.mail.accepted")]
    assert sorted(str(key).partition(":")[0] for key in sent if order_id in str(key)) == [
        "order_activated",
        "order_received",
    ]
