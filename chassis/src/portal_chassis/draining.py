"""Leaves a subscription so that nothing is lost that the server has sent, or is about to send, to it."""

from typing import Any, Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from portal_chassis.logs import get_logger

_ROUND_TRIP_SECONDS: Final = 2

log = get_logger(__name__)


async def drain(connection: Client, subscription: Any) -> None:
    """Tell the server, wait until it knows, and let what has arrived reach the callback.

    nats-py's own drain asks for the round trip with a PING that overtakes the UNSUB still waiting to be written: what
    the server sends between the two is dropped, and a rolling deploy under load loses requests. Here a second round
    trip begins when the first one's answer proves that everything before it was written.
    """
    if not connection.is_connected:
        return
    try:
        await connection._send_unsubscribe(subscription._id)  # noqa: SLF001 - `unsubscribe` would drop what is queued
        for _ in range(2):
            await connection.flush(_ROUND_TRIP_SECONDS)
        await subscription.drain()
    except NatsError as error:
        log.warning("a subscription could not be drained", subject=subscription.subject, error=type(error).__name__)
