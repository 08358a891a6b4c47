"""Durable processes: named steps that survive crashes, wait for days and never run twice at once (architecture §5).

    CHECKOUT = ProcessDefinition("checkout", CheckoutState, (Step("price", price), Step("place", place)))

    async def place(run: Run[CheckoutState]) -> Outcome:
        async with run.outside("upsert_order", fingerprint=run.state.fingerprint) as intent:
            intent.external_id = await orders.upsert(run.state.order)
        placed = OrderPlaced(order_id=intent.external_id)
        return Done(effects=(lambda transaction: transaction.record(placed),))

A step that raises TryLater, or anything unexpected, is retried on the ladder 5 s, 30 s, 2 min, 10 min, 1 h, 6 h for up
to 72 hours, then needs a human; Misconfigured blocks and is looked at every 15 minutes; Refused takes the way back.
"""

from portal_chassis.process_engine import ProcessEngine
from portal_chassis.process_model import (
    Block,
    Done,
    Effect,
    Fail,
    JournalEntry,
    NeedsHuman,
    Next,
    Outcome,
    ProcessDefinition,
    ProcessView,
    Proof,
    StaleLease,
    Status,
    Step,
    Wait,
)
from portal_chassis.process_run import Failure, Intent, Run

__all__ = [
    "Block",
    "Done",
    "Effect",
    "Fail",
    "Failure",
    "Intent",
    "JournalEntry",
    "NeedsHuman",
    "Next",
    "Outcome",
    "ProcessDefinition",
    "ProcessEngine",
    "ProcessView",
    "Proof",
    "Run",
    "StaleLease",
    "Status",
    "Step",
    "Wait",
]
