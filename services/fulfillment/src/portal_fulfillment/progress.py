"""What becomes visible as provisioning goes on: the ledger's row and the event, in the transaction of the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass

from portal_chassis.postgres import Transaction
from portal_chassis.process import Effect, Run
from portal_contracts.fulfillment import OrderActivated, ProvisioningProgressed, ProvisioningStage
from portal_contracts.problems import Fact
from portal_fulfillment.attempt import AttemptState, Stage
from portal_fulfillment.ports import Attempts
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
    ) -> Effect:
        """Record that the attempt reached a stage (R171, R175)."""
        event = self._progressed(run, stage, code, facts)

        async def effect(transaction: Transaction) -> None:
            await self.attempts.reached(transaction, run.key, event.attempt, stage, code=code, at=event.occurred_at)
            await transaction.record(event)

        return effect

    def noted(self, run: Run[ProvisioningState], stage: Stage) -> Effect:
        """Note a stage in the ledger alone: nobody else needs to hear of it."""
        attempt, at = run.state.attempt, run.clock.now()

        async def effect(transaction: Transaction) -> None:
            await self.attempts.reached(transaction, run.key, attempt, stage, code=None, at=at)

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
            await self.attempts.end(transaction, run.key, event.attempt, state, code=code, at=event.occurred_at)
            await transaction.record(event)

        return effect

    def activated(self, run: Run[ProvisioningState], event: OrderActivated) -> Effect:
        """End the attempt with success and announce it."""
        attempt = run.state.attempt

        async def effect(transaction: Transaction) -> None:
            await self.attempts.end(transaction, run.key, attempt, "activated", code=None, at=event.occurred_at)
            await transaction.record(event)

        return effect

    @staticmethod
    def _progressed(
        run: Run[ProvisioningState],
        stage: ProvisioningStage,
        code: str | None,
        facts: Mapping[str, Fact] | None,
    ) -> ProvisioningProgressed:
        return ProvisioningProgressed(
            order_id=run.key,
            attempt=run.state.attempt,
            stage=stage,
            code=code,
            facts=dict(facts or {}),
            source=run.state.source if stage == "absorbed" else None,
            occurred_at=run.clock.now(),
        )
