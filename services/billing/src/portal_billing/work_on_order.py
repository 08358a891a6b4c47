"""How a command reaches the order process: put on the desk, process woken, run inline while the caller waits."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from portal_billing.order_desk import OrderDesk
from portal_billing.order_process import WHMCS_ORDER
from portal_billing.order_progress import OrderProgress, answer
from portal_billing.ports import Copies, OrderBook
from portal_chassis.clocks import BusinessClock
from portal_chassis.deadline import Deadline
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_chassis.telemetry import current_traceparent
from portal_contracts.billing import OrderProtocolState

Transactions: TypeAlias = Callable[[], AbstractAsyncContextManager[Transaction]]
"""Opens a transaction on the service's database."""

ANSWER_BEFORE_MS: Final = 250
"""How long before the caller's deadline the answer leaves."""


@dataclass(frozen=True, slots=True)
class WorkOnOrder:
    """Brings an order nearer to a goal. Repeating is harmless: a repeat only looks how far it is."""

    transaction: Transactions
    book: OrderBook
    processes: ProcessEngine
    clock: BusinessClock
    copies: Copies

    async def __call__(self, wanted: OrderDesk, deadline: Deadline) -> OrderProtocolState:
        """Work until the goal is reached, something has to be waited for, or the caller's time is up."""
        asked_at = self.clock.now()
        async with self.transaction() as transaction:
            desk = await self.book.want(transaction, replace(wanted, asked_at=asked_at))
            started = await self.processes.start(
                transaction,
                WHMCS_ORDER,
                desk.order_id,
                OrderProgress(),
                traceparent=current_traceparent(),
                inline=True,
            )
            if not started:
                await self.processes.wake(transaction, WHMCS_ORDER, desk.order_id, patient=True)
        view = await self.processes.run_inline(WHMCS_ORDER, desk.order_id, until=before(deadline))
        reply = answer(desk.goal, desk.ask, view, asked_at, self.clock.now())
        if reply.state == "done":  # new services and invoices, or their end (R173, R243)
            await self.copies.clear(desk.client_id)
        return reply


def before(deadline: Deadline) -> Deadline:
    """Give a deadline that leaves time for the answer to travel."""
    return Deadline(deadline.at_ms - ANSWER_BEFORE_MS)
