"""What becomes visible as provisioning goes on: the ledger's row and the event, in the transaction of the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from portal_chassis.postgres import Transaction
from portal_chassis.process import Effect, Run
from portal_contracts.fulfillment import OrderActivated, PreflightFailed, ProvisioningProgressed, ProvisioningStage
from portal_contracts.problems import Fact
from portal_fulfillment.attempt import AttemptState
from portal_fulfillment.ports import Attempts
from portal_fulfillment.provisioning_metrics import attempt_ended, order_activated
from portal_fulfillment.provisioning_state import ProvisioningState


@dataclass(frozen=True, slots=True)
class Progress:
    """Makes the effects of outcomes."""

    attempts: Attempts

    def reached(
        self,
        run: Run[ProvisioningState],
        stage: ProvisioningStage,
        code: str | None = None,
        facts: Mapping[str, Fact] | None = None,
        *,
        until: datetime | None = None,
    ) -> Effect:
        """Record that the attempt reached a stage (R171, R175); `until`: when it looks again or starts."""
        event = self._progressed(run, stage, code, facts, until)
        scheduled_at = run.state.schedule.start if run.state.schedule is not None else None

        async def effect(transaction: Transaction) -> None:
            await self.attempts.reached(
                transaction, run.key, event.attempt, stage, code=code, at=event.occurred_at, scheduled_at=scheduled_at
            )
            await transaction.record(event)

        return effect

    def missing(self, run: Run[ProvisioningState], account_id: str, code: str, facts: Mapping[str, Fact]) -> Effect:
        """Record that a scheduled order will not start as it stands, for the customer's mail too (R165, R263)."""
        schedule = run.state.schedule
        if schedule is None:
            raise LookupError("only a scheduled order has a preflight")
        stage = self.reached(run, "preflight_failed", code, facts, until=schedule.start)
        event = PreflightFailed(
            order_id=run.key,
            account_id=account_id,
            code=code,
            facts=dict(facts),
            scheduled_at=schedule.start,
            occurred_at=run.clock.now(),
        )

        async def effect(transaction: Transaction) -> None:
            await stage(transaction)
            await transaction.record(event)

        return effect

    def belongs(self, run: Run[ProvisioningState], account_id: str) -> Effect:
        """Note in the ledger whose order it is."""
        attempt = run.state.attempt

        async def effect(transaction: Transaction) -> None:
            await self.attempts.belongs(transaction, run.key, attempt, account_id)

        return effect

    def ended(
        self,
        run: Run[ProvisioningState],
        state: AttemptState,
        stage: ProvisioningStage,
        code: str | None,
        facts: Mapping[str, Fact],
    ) -> Effect:
        """End the attempt without success and record the stage it ended with."""
        event = self._progressed(run, stage, code, facts)

        async def effect(transaction: Transaction) -> None:
            at = event.occurred_at
            await self.attempts.reached(transaction, run.key, event.attempt, stage, code=code, at=at)
            await self.attempts.end(transaction, run.key, event.attempt, state, code=code, at=at)
            await transaction.record(event)
            transaction.after_commit(lambda: attempt_ended(state, code))

        return effect

    def activated(self, run: Run[ProvisioningState], event: OrderActivated) -> Effect:
        """End the attempt with success and announce it."""
        attempt, waited = run.state.attempt, dict(run.state.waited.seconds)

        async def effect(transaction: Transaction) -> None:
            await self.attempts.end(transaction, run.key, attempt, "activated", code=None, at=event.occurred_at)
            await transaction.record(event)
            transaction.after_commit(lambda: order_activated(waited))

        return effect

    @staticmethod
    def _progressed(
        run: Run[ProvisioningState],
        stage: ProvisioningStage,
        code: str | None,
        facts: Mapping[str, Fact] | None,
        until: datetime | None = None,
    ) -> ProvisioningProgressed:
        return ProvisioningProgressed(
            order_id=run.key,
            attempt=run.state.attempt,
            stage=stage,
            code=code,
            facts=dict(facts or {}),
            requested_by=(run.state.cancelled_by or "") if stage == "cancelled" else "",
            correlation_id=run.state.correlation_id,
            until=until,
            occurred_at=run.clock.now(),
        )
