"""A signal says "look at this order"; whether it opens an attempt, wakes one or is absorbed is decided here (§2.1)."""

from dataclasses import dataclass, replace
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.fulfillment import ProvisioningProgressed, ProvisioningStage
from portal_contracts.orders import ProvisionRequested
from portal_fulfillment.attempt import SWEEPER, Attempt, Verdict, signal_key, starts_early, weigh
from portal_fulfillment.ports import Attempts
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
        self, signal: ProvisionRequested, transaction: Transaction, traceparent: str | None = None
    ) -> Verdict:
        """Do what the signal calls for and say what that was. A signal seen before does nothing at all."""
        latest, stands = await self._latest(transaction, signal.order_id)
        verdict = weigh(latest, signal, stands=stands)
        is_new = await self.attempts.is_new(transaction, signal.order_id, signal_key(latest, signal))
        if not is_new and not (signal.source == SWEEPER and verdict is Verdict.OPEN):
            return Verdict.ABSORB
        if verdict is Verdict.OPEN:
            number = latest.number + 1 if latest is not None else 1
            await self._open(transaction, number, signal, traceparent)
            return verdict
        if latest is not None:
            await self._wake(transaction, latest, signal, verdict)
            await transaction.record(self._progressed(signal, latest.number, "absorbed"))
        return verdict

    async def _latest(self, transaction: Transaction, order_id: str) -> tuple[Attempt | None, bool]:
        """Give the latest attempt and whether it stands still. One that an operator cancelled has failed."""
        latest = await self.attempts.lock(transaction, order_id)
        if latest is None or latest.state != "open":
            return latest, False
        view = await self.processes.read(PROVISIONING, order_id)
        if view is not None and view.status == "cancelled":
            at = view.updated_at
            await self.attempts.end(transaction, order_id, latest.number, "failed", code=view.code, at=at)
            return replace(latest, state="failed", ended_at=at), False
        return latest, latest.stage == "scheduled" or (view is not None and view.status in _STANDING)

    async def _open(
        self, transaction: Transaction, number: int, signal: ProvisionRequested, traceparent: str | None
    ) -> None:
        await self.attempts.open(transaction, number, signal, self.clock.now())
        state = ProvisioningState(attempt=number, source=signal.source)
        key = signal.order_id
        if number == 1:
            opened = await self.processes.start(transaction, PROVISIONING, key, state, traceparent=traceparent)
        else:
            opened = await self.processes.reopen(transaction, PROVISIONING, key, state, FIRST_STEP)
        if not opened:
            raise LookupError(f"ledger and process of {key} disagree on attempt {number}")
        await transaction.record(self._progressed(signal, number, "started"))
        _log.info("provisioning starts", order=key, attempt=number, source=signal.source)

    async def _wake(
        self, transaction: Transaction, latest: Attempt, signal: ProvisionRequested, verdict: Verdict
    ) -> None:
        early = starts_early(latest, signal)
        if early:
            await self.attempts.start_early(transaction, latest.order_id, latest.number)
        if early or verdict is Verdict.WAKE:
            await self.processes.wake(transaction, PROVISIONING, latest.order_id)

    def _progressed(self, signal: ProvisionRequested, attempt: int, stage: ProvisioningStage) -> ProvisioningProgressed:
        return ProvisioningProgressed(
            order_id=signal.order_id,
            attempt=attempt,
            stage=stage,
            source=signal.source,
            occurred_at=self.clock.now(),
        )
