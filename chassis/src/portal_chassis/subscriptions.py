"""Whether a subscription can still hear anything."""

from typing import Any

from nats.aio.subscription import Subscription


def is_alive(subscription: Subscription) -> bool:
    """Whether it is neither closed nor without the task that hands its messages on.

    While the connection is down it is alive: the client subscribes again. nats-py has no words for either.
    """
    task: Any = subscription._wait_for_msgs_task  # noqa: SLF001 - the reason stands above
    known = subscription._conn._subs.get(subscription._id) is subscription  # noqa: SLF001 - the same
    return known and not subscription._closed and (task is None or not task.done())  # noqa: SLF001 - the same
