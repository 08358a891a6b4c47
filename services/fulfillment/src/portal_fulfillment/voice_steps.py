"""A voice line's options: registered once, after the order is accepted and before the customer is told it is active.

After, because an option that Freebit refuses must not keep the line itself from being billed (decided here; freebit.md
3.6 asks for "right after activation"); before, because "active" promises what was ordered, and never turns back.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from portal_chassis.postgres import Transaction
from portal_chassis.process import Effect, Next, Outcome, Run, Wait
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_fulfillment.obstacles import Obstacles
from portal_fulfillment.ports import Operations, Sims, Unclear
from portal_fulfillment.provisioning_state import NOT_SENT, ProvisioningState, fingerprint, next_look, possible_effects
from portal_fulfillment.sim import Line, VoiceOptions
from portal_fulfillment.sim_plans import SimPlans
from portal_fulfillment.sim_steps import LOOK_AGAIN

REGISTER: Final = "register_voice_options"
MOST_REQUESTS: Final = 2


@dataclass(frozen=True, slots=True)
class VoiceSteps:
    """Register, confirm."""

    sims: Sims
    operations: Operations
    plans: SimPlans
    obstacles: Obstacles

    async def register(self, run: Run[ProvisioningState]) -> Outcome:
        """Have the ordered options on the line; a line without voice has none."""
        order, own = run.state.known_order(), run.state.line
        if own is None or not order.voice:
            return Next()
        wanted = self.plans.options_of(order)
        sent = possible_effects(await run.journal(REGISTER), run.state.attempt)
        if not sent:
            return await self._send(run, own.account, wanted)
        since = sent[-1].at
        line = await self.sims.line(own.account)
        if line is not None and shows(line, wanted):
            return Next(effects=(self._settled(run),))
        look = next_look(since, self.sims.looks_after_options, run.clock.now())
        if look is not None:
            return Wait(until=look, because="the operator sets voice options")
        if len(sent) < MOST_REQUESTS:
            return await self._send(run, own.account, wanted)
        return await self.obstacles.park(run, "VOICE_OPTIONS_UNCONFIRMED", {})

    async def _send(self, run: Run[ProvisioningState], account: str, wanted: VoiceOptions) -> Outcome:
        """Ask for the options. A repeat after an unclear end is harmless: it asks for the same."""
        if not await self.operations.claim("voice_options", run.key, run.state.attempt, account):
            raise TryLater("FREEBIT_UNAVAILABLE", retry_after=60)
        try:
            async with run.outside(REGISTER, fingerprint=fingerprint(run.state.attempt)) as intent:
                try:
                    await self.sims.register_voice_options(account, wanted)
                except (TryLater, Misconfigured):
                    intent.evidence["sent"] = NOT_SENT
                    raise
        except Unclear:
            return Wait(after=LOOK_AGAIN, because="it is unclear whether voice options were asked for")
        except Refused as no:
            raise Refused(no.code, facts={**no.facts, "what": "voice options"}) from no
        first = min(self.sims.looks_after_options, default=0.0) if any(asdict(wanted).values()) else 0.0
        return Wait(after=timedelta(seconds=first), because="the operator sets voice options")

    def _settled(self, run: Run[ProvisioningState]) -> Effect:
        attempt = run.state.attempt

        async def settled(transaction: Transaction) -> None:
            await self.operations.settle(transaction, "voice_options", run.key, attempt, "confirmed")

        return settled


def shows(line: Line, wanted: VoiceOptions) -> bool:
    """Whether a line has the options that were asked for; one it does not show is off."""
    present = asdict(line.voice_options)
    return all(bool(present[name]) is on for name, on in asdict(wanted).items() if on is not None)
