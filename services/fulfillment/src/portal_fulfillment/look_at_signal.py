"""A signal says "look at this order"; whether it opens an attempt, wakes one or is absorbed is decided here (§2.1)."""

from dataclasses import dataclass, replace
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.fulfillment import ProvisioningProgressed, ProvisioningStage
from portal_contracts.orders import ProvisionRequested
from portal_fulfillment.attempt import Attempt, Verdict, signal_key, starts_early, weigh
from portal_fulfillment.ports import Attempts
from portal_fulfillment.provisioning_metrics import ATTEMPTS, SIGNALS
from portal_fulfillment.provisioning_state import PROVISIONING, ProvisioningState

FIRST_STEP: Final = "read_order"
_STANDING: Final = frozenset({"blocked", "needs_human"})

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LookAtSignal:
    """Local work only: ledger, process and event in the transaction that holds the inbox row."""

    attempts: Attempts
    processes: ProcessEngine
    clock: BusinessClock

    async def __call__(
        self,
        signal: ProvisionRequested,
        transaction: Transaction,
        traceparent: str | None = None,
        *,
        activate_now: bool = False,
    ) -> Verdict:
        """Do what the signal calls for and say what that was. A signal seen before does nothing at all.

        `activate_now`: it is an operator's Activate Now.
        """
        latest, stands = await self.latest(transaction, signal.order_id)
        verdict = weigh(latest, signal, stands=stands)
        early = latest is not None and (activate_now or starts_early(latest, signal))
        verdict = Verdict.WAKE if early else verdict
        key = signal_key(latest, signal, verdict)
        number = latest.number if latest is not None else 0
        number += verdict is Verdict.OPEN
        is_new = await self.attempts.note_signal(
            transaction, signal, key, verdict=verdict, number=number, seen_at=self.clock.now()
        )
        if not is_new:
            return Verdict.ABSORB
        transaction.after_commit(lambda: SIGNALS.labels(signal.source, verdict.value).inc())
        if verdict is Verdict.OPEN:
            await self._open(transaction, number, signal, traceparent)
        elif latest is not None:
            if verdict is Verdict.WAKE:
                await self._wake(transaction, latest, early=early)
            await transaction.record(self._progressed(signal, number, "absorbed"))
        return verdict

    async def latest(self, transaction: Transaction, order_id: str) -> tuple[Attempt | None, bool]:
        """Lock the ledger and give the latest attempt and whether it stands still; a cancelled process has failed."""
        latest = await self.attempts.lock(transaction, order_id)
        if latest is None or latest.state != "open":
            return latest, False
        view = await self.processes.read(PROVISIONING, order_id)
        if view is not None and view.status == "cancelled":
            at = view.updated_at
            await self.attempts.end(transaction, order_id, latest.number, "failed", code=view.code, at=at)
            return replace(latest, state="failed", ended_at=at), False
        return latest, latest.waits_for_its_time or (view is not None and view.status in _STANDING)

    async def cancel(self, transaction: Transaction, latest: Attempt, operator: str) -> None:
        """Let the open attempt go the way back as soon as it looks, which it does at once."""
        await self.attempts.request_cancel(transaction, latest.order_id, latest.number, operator)
        await self.processes.wake(transaction, PROVISIONING, latest.order_id)

    async def _wake(self, transaction: Transaction, latest: Attempt, *, early: bool) -> None:
        if early:
            await self.attempts.start_early(transaction, latest.order_id, latest.number)
        await self.processes.wake(transaction, PROVISIONING, latest.order_id)

    async def _open(
        self, transaction: Transaction, number: int, signal: ProvisionRequested, traceparent: str | None
    ) -> None:
        await self.attempts.open(transaction, number, signal, self.clock.now())
        state = ProvisioningState(attempt=number, source=signal.source, correlation_id=signal.correlation_id)
        key = signal.order_id
        if number == 1:
            opened = await self.processes.start(transaction, PROVISIONING, key, state, traceparent=traceparent)
        else:
            opened = await self.processes.reopen(transaction, PROVISIONING, key, state, FIRST_STEP)
        if not opened:
            raise LookupError(f"ledger and process of {key} disagree on attempt {number}")
        await transaction.record(self._progressed(signal, number, "started"))
        transaction.after_commit(lambda: ATTEMPTS.labels(signal.source).inc())
        _log.info("provisioning starts", order=key, attempt=number, source=signal.source)

    def _progressed(self, signal: ProvisionRequested, attempt: int, stage: ProvisioningStage) -> ProvisioningProgressed:
        return ProvisioningProgressed(
            order_id=signal.order_id,
            attempt=attempt,
            stage=stage,
            source=signal.source,
            request_id=signal.request_id,
            requested_by=signal.requested_by,
            correlation_id=signal.correlation_id,
            occurred_at=self.clock.now(),
        )
