"""One operation at a time on a line in service: claim, intent, request, look until definite, settle (freebit.md §5)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from portal_chassis.clocks import TOKYO
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Effect, JournalEntry, Next, Outcome, Run, Wait
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_fulfillment.line_changes import LineChange, Seen
from portal_fulfillment.ports import OperationKind, Operations, OperationState, Sims, Unclear
from portal_fulfillment.provisioning_state import NOT_SENT, fingerprint, next_look, possible_effects

MOST_REQUESTS: Final = 2
"""Requests without a trace after which a person decides."""
SPACED: Final[tuple[OperationKind, ...]] = (
    "voice_options",
    "change_voice_options",
    "change_plan",
    "change_network",
    "cancel_line",
)
"""Kinds that keep a distance from one another on a line."""
BUSY_SECONDS: Final = 600
"""Pause while another operation of the line is open here."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OperateOnLine:
    """A use case for the step of any process: call it until it gives Next.

    `quiet`: how long a request whose end is unknown may still land. `spacing`: the pause between changes of `SPACED`
    kinds. The journal of the process is what it remembers; `attempt` tells requests of one process apart.
    """

    sims: Sims
    operations: Operations
    quiet: timedelta
    spacing: timedelta

    async def __call__(self, run: Run[Any], change: LineChange, attempt: int = 1) -> Outcome:
        """Ask for the change unless it was asked for; then look. Next: it is there.

        TryLater LINE_BUSY while another operation of the line is open or was made too short a time ago, without a call
        to the operator; Refused when the operator says no, or with the change's code when nobody can tell.
        """
        sent = possible_effects(await run.journal(change.kind), attempt)
        if not sent:
            return await self._begin(run, change, attempt)
        seen = await change.look(self.sims, run.clock.now())
        if seen is Seen.DONE or (seen is Seen.UNDER_WAY and _is_to_come(change, sent[-1].at)):
            return Next(effects=(self._settled(run, change, attempt, "confirmed"),))
        return await self._wait(run, change, attempt, sent, seen)

    async def _begin(self, run: Run[Any], change: LineChange, attempt: int) -> Outcome:
        if not await self.operations.claim(change.kind, run.key, attempt, change.account):
            raise TryLater("LINE_BUSY", retry_after=BUSY_SECONDS)
        await self._keep_distance(run, change, attempt)
        if change.looks_first:
            seen = await change.look(self.sims, run.clock.now())
            if seen is Seen.DONE:
                return Next(effects=(self._settled(run, change, attempt, "confirmed"),))
            if seen is Seen.UNDER_WAY:
                raise TryLater("LINE_BUSY", retry_after=BUSY_SECONDS)  # somebody else's: we have not asked yet
        return await self._ask(run, change, attempt, sent=[])

    async def _keep_distance(self, run: Run[Any], change: LineChange, attempt: int) -> None:
        if change.kind not in SPACED:
            return
        last = await self.operations.last_sent(change.account, SPACED, (change.kind, run.key, attempt))
        left = last + self.spacing - run.clock.now() if last is not None else timedelta()
        if left > timedelta():
            raise TryLater("LINE_BUSY", retry_after=round(left.total_seconds()) + 1)

    async def _ask(self, run: Run[Any], change: LineChange, attempt: int, sent: list[JournalEntry]) -> Outcome:
        await self.operations.note_sent(change.kind, run.key, attempt, run.clock.now())
        try:
            async with run.outside(change.kind, fingerprint=fingerprint(attempt)) as intent:
                try:
                    await change.ask(self.sims)
                except (TryLater, Misconfigured):
                    intent.evidence["sent"] = NOT_SENT
                    raise
        except Unclear:
            _log.warning("it is unclear whether a line was changed", kind=change.kind, process=run.key)
            return Wait(after=timedelta(), because="it is unclear whether the operator was asked")
        except Refused:
            if sent and await change.look(self.sims, run.clock.now()) is not Seen.NOTHING:
                return Wait(after=timedelta(), because="an earlier request has landed after all")
            await self.operations.give_up(change.kind, run.key, attempt)
            raise
        first = min(self.sims.looks_after(change.kind), default=0.0) if change.takes_time else 0.0
        return Wait(after=timedelta(seconds=first), because="the operator is working")

    async def _wait(
        self, run: Run[Any], change: LineChange, attempt: int, sent: list[JournalEntry], seen: Seen
    ) -> Outcome:
        """Look again, ask once more where that is right, or hand over to a person."""
        newest, now = sent[-1], run.clock.now()
        look = next_look(newest.at, self.sims.looks_after(change.kind), now)
        said_yes = newest.state == "succeeded"
        if not said_yes and seen is Seen.NOTHING:
            quiet_until = newest.at + self.quiet
            if now < quiet_until:
                until = min(look or quiet_until, quiet_until)
                return Wait(until=until, because="the operator shows nothing of the change yet")
        elif look is not None:
            return Wait(until=look, because="the operator is working")
        may_repeat = seen is Seen.NOTHING and (not said_yes or change.is_repeatable)
        if may_repeat and len(sent) < MOST_REQUESTS:
            return await self._ask(run, change, attempt, sent)
        raise Refused(change.unconfirmed)

    def _settled(self, run: Run[Any], change: LineChange, attempt: int, state: OperationState) -> Effect:
        async def settled(transaction: Transaction) -> None:
            await self.operations.settle(transaction, change.kind, run.key, attempt, state)

        return settled


def _is_to_come(change: LineChange, since: datetime) -> bool:
    """Whether the operator was asked for a day to come: then that it holds the request is all there is to see."""
    return change.run_on is not None and change.run_on > since.astimezone(TOKYO).date()
