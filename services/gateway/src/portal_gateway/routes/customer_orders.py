"""Eligibility checks, withdrawing an order, and carts from before signing up."""

from typing import Final

from portal_contracts import eligibility, orders_of_customers
from portal_gateway.exchange import Exchange
from portal_gateway.operation import Operation, send_command, without
from portal_gateway.reply import Reply, message_reply

EligibilityBody: Final = without(eligibility.RequestEligibility, "request_id")
DisputeBody: Final = without(eligibility.DisputeEligibility, "request_id")
CartBody: Final = without(orders_of_customers.KeepCart, "cart_id")


async def keep_cart(exchange: Exchange) -> Reply:
    """Keep the cart in the body under the id in the path; the id itself makes a repeat harmless."""
    body = await exchange.body(CartBody)
    cart: orders_of_customers.KeptCart = await exchange.ask(exchange.completed(**dict(body)))
    return message_reply(cart, 200)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/eligibility",
        message=eligibility.ReadEligibility,
        replies={200: "How the check stands, and the plans its result allows"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="POST",
        path="/eligibility",
        message=eligibility.RequestEligibility,
        answer=send_command,
        body=EligibilityBody,
        replies={202: "Asked for: staff check the address"},
        idempotency_key=True,
        problems=("ELIGIBILITY_ALREADY_CHECKED", "ADDRESS_NOT_CONFIRMED", "NOT_FOUND", "IDEMPOTENCY_KEY_REUSED"),
        vendors=("SALESFORCE_UNAVAILABLE", "WHMCS_UNAVAILABLE"),
    ),
    Operation(
        method="POST",
        path="/eligibility/dispute",
        message=eligibility.DisputeEligibility,
        answer=send_command,
        body=DisputeBody,
        replies={202: "Taken: a supervisor looks at the result"},
        idempotency_key=True,
        problems=("ELIGIBILITY_NO_RESULT", "NOT_FOUND", "IDEMPOTENCY_KEY_REUSED"),
    ),
    Operation(
        method="POST",
        path="/orders/{orderId}/withdraw",
        message=orders_of_customers.WithdrawOrder,
        answer=send_command,
        replies={200: "Withdrawn: order and opportunity are closed"},
        idempotency_key=True,
        problems=("NOT_FOUND", "ORDER_NOT_WITHDRAWABLE", "IDEMPOTENCY_KEY_REUSED"),
    ),
    Operation(
        method="PUT",
        path="/carts/{cartId}",
        message=orders_of_customers.KeepCart,
        call_group="carts",
        answer=keep_cart,
        body=CartBody,
        replies={200: "Kept: send the id along with the sign-up form"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/cart",
        message=orders_of_customers.ReadKeptCart,
        replies={200: "The cart from before signing up; an empty one when none waits"},
    ),
)
