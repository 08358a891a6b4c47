"""The signed call "provision this order" (R136-R142): nonce, stored answer and hint in one transaction.

The order itself is read afterwards, by the follower: the call is cheap and is taken while Salesforce is away. What
comes of it is in the order's timeline.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.telemetry import current_traceparent
from portal_contracts.orders import ProvisionRequested
from portal_contracts.problems import PortalProblem, Refused, TryLater
from portal_contracts.provisioning_requests import ProvisionCallAccepted, RequestProvisioning
from portal_orders.ports import Hint, Hints, OrderBook, SignedCalls, StoredCall, Transactions


def fingerprint(command: RequestProvisioning) -> str:
    """Give what a repeat has in common with its first call: it is signed anew, so nonce and time differ."""
    content = f"{command.order_id}\n{command.body_sha256}\n{command.key_id}"
    return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TakeSignedCall:
    """Takes a call once. `early`: how long the order may not be approved, or not be there, yet."""

    transactions: Transactions
    calls: SignedCalls
    hints: Hints
    book: OrderBook
    clock: BusinessClock
    early: timedelta
    hinted: Callable[[], None]

    async def __call__(self, command: RequestProvisioning) -> ProvisionCallAccepted:
        """Refused or slowed as `RequestProvisioning` says. The nonce is used up whatever the answer is."""
        kept = await self.book.read(command.order_id)  # before: whoever waits for a nonce holds a connection
        async with self.transactions() as transaction:
            problem = await self._take(transaction, command, gone=kept is not None and kept.gone)
        if problem is not None:
            raise problem
        return ProvisionCallAccepted(order_id=command.order_id, request_id=command.idempotency_key)

    async def _take(
        self, transaction: Transaction, command: RequestProvisioning, *, gone: bool
    ) -> PortalProblem | None:
        """Give the problem instead of raising it: what was written before it has to stay."""
        if not await self.calls.take_nonce(transaction, command.nonce):
            return Refused("NONCE_REPLAYED")
        key = command.idempotency_key
        if not await self.calls.enter(transaction, key):
            return TryLater("IN_PROGRESS")
        mine = StoredCall(fingerprint(command))
        stored = await self.calls.find(transaction, key)
        if stored is not None:
            return None if stored == mine else Refused("IDEMPOTENCY_KEY_REUSED")
        if gone:
            return Refused("NOT_FOUND")
        await self.calls.keep(transaction, key, mine)
        await self.hints.add(transaction, self._hint(command))
        transaction.after_commit(self.hinted)
        return None

    def _hint(self, command: RequestProvisioning) -> Hint:
        now = self.clock.now()
        signal = ProvisionRequested(
            order_id=command.order_id,
            source="signed_call",
            request_id=command.idempotency_key,
            requested_by=command.body.requested_by,
            correlation_id=command.body.correlation_id,
            occurred_at=now,
        )
        trace = current_traceparent()
        return Hint(command.order_id, now, signal=signal, give_up_at=now + self.early, traceparent=trace)
