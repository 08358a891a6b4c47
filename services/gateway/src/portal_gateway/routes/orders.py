"""Checkout, orders and their timelines."""

from typing import Final

from portal_chassis.deadline import Deadline, within
from portal_chassis.validation import refused_field
from portal_contracts import orders
from portal_gateway.exchange import Exchange
from portal_gateway.operation import Operation, without
from portal_gateway.reply import NO_STORE, Receive, Reply, Send, StreamReply, message_reply

CheckOutBody: Final = without(orders.CheckOut, "idempotency_key")
_LONGEST_SEQUENCE: Final = 15
"""Digits of a Last-Event-ID."""


async def check_out(exchange: Exchange) -> Reply:
    """Order a cart: 201 with its orders, or 202 and a place to look while any worker goes on (C16)."""
    body = await exchange.body(CheckOutBody)
    checkout = await exchange.ask(orders.CheckOut(**dict(body), idempotency_key=exchange.idempotency_key()))
    location = (b"location", f"/checkouts/{checkout.checkout_id}".encode())
    if checkout.state == "placed":
        return message_reply(checkout, 201, location)
    return message_reply(checkout, 202, location, (b"retry-after", b"2"))


async def follow_timeline(exchange: Exchange) -> StreamReply:
    """Send the entries after Last-Event-ID and then every new one, as server-sent events (D12)."""
    query = orders.ReadTimeline.model_validate_json(exchange.message())
    after = _resumed_after(exchange, query.after)
    caller = exchange.signed_in()
    gateway = exchange.gateway
    stream = gateway.streams.open(query.order_id, caller.actor.session_id)

    async def read(sequence: int) -> orders.Timeline:
        session = await gateway.sessions.signed_in(caller.token)
        with within(Deadline.after(gateway.settings.request_seconds)):
            return await gateway.bus.ask(
                orders.ReadTimeline(order_id=query.order_id, after=sequence),
                timeout=gateway.settings.request_seconds,
                actor=session.actor_token,
            )

    try:
        first = await read(after)
    except BaseException:
        gateway.streams.close(stream)
        raise

    async def run(receive: Receive, send: Send) -> None:
        await gateway.streams.run(stream, first, read, receive, send)

    headers = [(b"content-type", b"text/event-stream"), NO_STORE, (b"x-accel-buffering", b"no")]
    return StreamReply(headers, run, close=lambda: gateway.streams.close(stream))


def _resumed_after(exchange: Exchange, asked: int) -> int:
    """Give the sequence to go on after: what the browser saw last, else what the address says."""
    header = exchange.headers.get(b"last-event-id", b"").strip()
    if not header:
        return asked
    if not header.isdigit() or len(header) > _LONGEST_SEQUENCE:
        raise refused_field("Last-Event-ID", "a sequence number is expected")
    return int(header)


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/orders",
        message=orders.CheckOut,
        answer=check_out,
        body=CheckOutBody,
        replies={201: "Ordered", 202: "Still being worked on: look at Location"},
        idempotency_key=True,
        problems=(
            "CART_EMPTY",
            "CART_INVALID",
            "ADDRESS_NOT_CONFIRMED",
            "PAYMENT_METHOD_MISSING",
            "INTERNET_ALREADY_ORDERED",
            "NOT_ELIGIBLE",
            "PORTING_DATA_MISSING",
            "PORTING_TOO_SHORT",
            "PORTING_NOT_OFFERED",
            "SCHEDULE_INVALID",
            "IDEMPOTENCY_KEY_REUSED",
            "IN_PROGRESS",
            "STEP_UP_REQUIRED",
        ),
        reply_headers={"Location": "The checkout"},
    ),
    Operation(
        method="GET",
        path="/checkouts/{checkoutId}",
        message=orders.ReadCheckout,
        replies={200: "How far the checkout is"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="GET", path="/orders", message=orders.ListOrders, replies={200: "A page of the orders, newest first"}
    ),
    Operation(
        method="GET",
        path="/orders/{orderId}",
        message=orders.ReadOrder,
        replies={200: "The order"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/orders/{orderId}/timeline",
        message=orders.ReadTimeline,
        replies={200: "The entries after `after`, oldest first"},
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/orders/{orderId}/events",
        message=orders.ReadTimeline,
        answer=follow_timeline,
        reply=orders.TimelineEntry,
        replies={200: "Events named `timeline`; the id is the sequence, the data an entry"},
        media_type="text/event-stream",
        problems=("NOT_FOUND",),
        summary="Follow what happens to one of the caller's orders, live.",
        operation_id="followTimeline",
    ),
)
