"""Events recorded in the caller's own transaction (architecture §4); `relay.py` publishes them afterwards.

`Transaction.record(event)` ends up in `Outbox.record`, which the bus hands to the database with `record_with`.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from portal_chassis.telemetry import current_traceparent
from portal_contracts.message import Event

if TYPE_CHECKING:
    from portal_chassis.postgres import Transaction

_INSERT: Final = "INSERT INTO portal_outbox (subject, body, traceparent) VALUES ($1, $2, $3)"


class NotOurEvent(TypeError):  # noqa: N818 - it reads as what happened
    """An event was recorded by a service that does not own it: only its owner may announce it (topology)."""


class Outbox:
    """Writes events next to their cause. One per process; the relay listens for commits."""

    def __init__(self, service: str, records: Iterable[type[Event]]) -> None:
        self._service = service
        self._records = frozenset(records)
        self._listener: Callable[[], None] | None = None

    async def record(self, transaction: "Transaction", event: Event, soon: bool) -> None:  # noqa: FBT001 - a Recorder
        """Insert the event with the current trace; it exists if and only if the transaction commits.

        Raises NotOurEvent when the topology does not list the event among what this service records.
        """
        if type(event) not in self._records:
            raise NotOurEvent(f"{self._service} does not record {type(event).__name__}; see portal_contracts.topology")
        body = event.__pydantic_serializer__.to_json(event)
        await transaction.execute(_INSERT, event.subject, body, current_traceparent())
        if soon and self._listener is not None:
            transaction.after_commit(self._listener)

    def listen(self, listener: Callable[[], None]) -> None:
        """Name the one to be called after a commit; the relay does. Without one events wait in their table."""
        self._listener = listener
