"""Turns signals about an order into a request for provisioning, or tells why not; the order's facts decide (C01)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.telemetry import continue_from, current_traceparent
from portal_contracts.orders import ProvisionRequested
from portal_orders import timeline
from portal_orders.metrics import SIGNALS
from portal_orders.order import BEFORE_APPROVAL, KeptOrder, SalesOrder
from portal_orders.ports import Hint, Hints, OrderBook
from portal_orders.take_reading import TakeReading

EARLY_AGAIN: Final = timedelta(seconds=1)
"""Pause between two looks at an order whose approval is announced and not there yet."""
_EXPLICIT: Final = frozenset({"platform_event", "signed_call", "operator"})
"""Sources that say so on purpose, so that the timeline tells when nothing comes of it."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PassSignals:
    """Works off the signals among an order's hints, in the transaction that takes its reading."""

    hints: Hints
    book: OrderBook
    take_reading: TakeReading
    clock: BusinessClock

    async def __call__(
        self,
        transaction: Transaction,
        hints: Sequence[Hint],
        reading: SalesOrder,
        kept: KeptOrder | None,
        *,
        known: bool,
    ) -> None:
        """Drop or postpone every hint. `kept` is the row before the reading; `known`: a customer's order."""
        early = [hint for hint in hints if self._waits_for_approval(hint, reading)]
        due = [hint for hint in hints if hint not in early]
        if early:
            await self.hints.postpone(transaction, early, self.clock.now() + EARLY_AGAIN)
        if due:
            await self.hints.drop(transaction, due)
        for hint, signal in _each_once(due):
            with continue_from(hint.traceparent or current_traceparent()):
                outcome = await self._pass(
                    transaction, hint, _named(signal, reading), reading=reading, kept=kept, known=known
                )
            SIGNALS.labels(signal.source, outcome).inc()

    async def _pass(
        self,
        transaction: Transaction,
        hint: Hint,
        signal: ProvisionRequested,
        *,
        reading: SalesOrder,
        kept: KeptOrder | None,
        known: bool,
    ) -> str:
        """Do what one signal calls for and say what that was."""
        if reading.state == "approved":
            forwarded = _forwarded(hint, signal, reading, kept, known=known)
            if forwarded is None:
                return "held_back"
            await transaction.record(forwarded)
            await self.book.requested(transaction, reading.order_id, self.clock.now())
            return "forwarded"
        if reading.state == "completed" and known:
            await self.take_reading.tell(transaction, reading.order_id, timeline.came_late(signal))
            return "absorbed"
        if known and signal.source in _EXPLICIT:
            await self.take_reading.tell(transaction, reading.order_id, timeline.came_in_vain(signal))
        _log.info("a signal for an order that is not approved", source=signal.source, state=reading.state)
        return "not_approved"

    def _waits_for_approval(self, hint: Hint, reading: SalesOrder) -> bool:
        """Whether an event may be ahead of the approval it announces."""
        return hint.signal is not None and is_early(hint, self.clock) and reading.state in BEFORE_APPROVAL


def is_early(hint: Hint, clock: BusinessClock) -> bool:
    """Whether a hint may still be ahead of what it announces."""
    return hint.give_up_at is not None and clock.now() < hint.give_up_at


def _each_once(hints: Sequence[Hint]) -> Iterator[tuple[Hint, ProvisionRequested]]:
    """Give each signal once, however many copies came together."""
    seen: set[tuple[str, str]] = set()
    for hint in hints:
        signal = hint.signal
        if signal is not None and (signal.source, signal.request_id) not in seen:
            seen.add((signal.source, signal.request_id))
            yield hint, signal


def _named(signal: ProvisionRequested, reading: SalesOrder) -> ProvisionRequested:
    """Name the order: an item's change was kept under the item's id."""
    if signal.order_id == reading.order_id:
        return signal
    return signal.model_copy(update={"order_id": reading.order_id})


def _forwarded(
    hint: Hint, signal: ProvisionRequested, reading: SalesOrder, kept: KeptOrder | None, *, known: bool
) -> ProvisionRequested | None:
    """Give the signal to record; None for one that must not start anything.

    What only wakes is nothing to an attempt that has ended (§2.1).
    """
    ended = kept is not None and kept.progress is not None and kept.progress.ended
    if signal.source == "sweeper":
        return _sweepers(signal, reading, kept) if known else None
    return None if hint.only_wakes and ended else signal


def _sweepers(signal: ProvisionRequested, reading: SalesOrder, kept: KeptOrder | None) -> ProvisionRequested | None:
    """The sweeper asks for the portal's customers alone, never again after a failure.

    A failed order that reads Activating was retried by staff, and the change that said so was missed: the sweeper
    speaks for it (R144, R176). One that only waits reads Failed too (C04): fulfillment may have lost it.
    """
    if reading.activation == "failed":
        waits = kept is not None and kept.progress is not None and not kept.progress.ended
        return signal if waits else None
    if kept is not None and kept.activation == "failed":
        return signal.model_copy(update={"source": "change_event"})
    return signal
