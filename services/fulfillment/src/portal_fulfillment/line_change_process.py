"""A customer's change of a line as a durable process: done once, told, and charged once (C18).

    operate ─ finish ─ charge
       └ refused ─ give_up

The operator's yes is the pivot: what is charged has been added, and nothing is charged that was not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from pydantic import BaseModel

from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Effect, Fail, NeedsHuman, Next, Outcome, ProcessDefinition, Run, Step, Wait
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import LineChanged, LineChangeKind, LineChangeState
from portal_fulfillment.kept_lines import KeptChange, LineChanges
from portal_fulfillment.line_changes import ChangeNetwork, ChangeVoiceOptions, LineChange, ReissueEsim, TopUpLine
from portal_fulfillment.operate_on_line import OperateOnLine
from portal_fulfillment.ports import Charges, Lines, Sims
from portal_fulfillment.sim import EsimReissue, VoiceOptions

KIND: Final = "line_change"
"""Its key is the change's id, which also stands for the request at the operator."""
REFUSED: Final = "LINE_CHANGE_REFUSED"
UNCLEAR: Final = "LINE_CHANGE_UNCLEAR"
ATTEMPT: Final = 1
_SHORTEST_WAIT: Final = timedelta(seconds=1)
_LONGEST_WAIT: Final = timedelta(minutes=15)


class LineChangeWork(BaseModel):
    """What is to be done to which line. Numbers are personal data: forgotten when nothing needs them any more."""

    kind: LineChangeKind
    line: str
    service_id: int
    order_id: str
    account_id: str
    whmcs_client_id: int
    asked_on: date
    megabytes: int = 0
    price: int = 0
    network: Literal["", "4G", "5G"] = ""
    options: dict[str, bool | None] = {}
    new_eid: str = ""
    old_eid: str = ""
    old_iccid: str = ""
    old_card: str = ""

    def forget_person(self) -> None:
        """Drop the line's number and what carries it."""
        self.line = self.new_eid = self.old_eid = self.old_iccid = self.old_card = ""


_CHANGES: Final[Mapping[LineChangeKind, Callable[[LineChangeWork, str], LineChange]]] = {
    "top_up": lambda work, change_id: TopUpLine(work.line, work.megabytes, f"topup-{change_id}", work.asked_on),
    "change_voice_options": lambda work, _: ChangeVoiceOptions(work.line, VoiceOptions(**work.options)),
    "change_network": lambda work, _: ChangeNetwork(work.line, work.network),
    "reissue": lambda work, _: ReissueEsim(
        EsimReissue(work.line, work.new_eid, work.old_eid, work.old_card), work.old_iccid
    ),
}


def change_of(work: LineChangeWork, change_id: str) -> LineChange:
    """Give what is asked of the operator."""
    return _CHANGES[work.kind](work, change_id)


def told(change: KeptChange, state: LineChangeState, code: str | None, clock: BusinessClock) -> LineChanged:
    """Give the event that says how a change stands now."""
    return LineChanged(
        change_id=change.change_id,
        order_id=change.order_id,
        account_id=change.account_id,
        kind=change.kind,
        state=state,
        code=code,
        megabytes=change.megabytes,
        occurred_at=clock.now(),
    )


@dataclass(frozen=True, slots=True)
class LineChangeProcess:
    """The steps. `recheck`: how often a change nobody can tell the end of is looked at again."""

    operate_on_line: OperateOnLine
    sims: Sims
    lines: Lines
    changes: LineChanges
    charges: Charges
    recheck: timedelta

    def definition(self) -> ProcessDefinition[LineChangeWork]:
        """Give the process as a list."""
        steps = (
            Step("operate", self.operate),
            Step("finish", self.finish),
            Step("charge", self.charge),
            Step("give_up", self.give_up),
        )
        return ProcessDefinition(KIND, LineChangeWork, steps, on_failure="give_up")

    async def operate(self, run: Run[LineChangeWork]) -> Outcome:
        """Ask the operator once and look until it shows. What nobody can tell holds the line until somebody can."""
        change = change_of(run.state, run.key)
        try:
            return await self.operate_on_line(run, change, ATTEMPT)
        except Refused as no:
            if no.code == change.unconfirmed:
                facts = {"kind": run.state.kind}
                return NeedsHuman(UNCLEAR, facts, recheck=self.recheck, effects=(self._moved(run, "unclear", UNCLEAR),))
            if no.code == "SIM_REFUSED":
                raise Refused(REFUSED, facts=no.facts) from no
            raise

    async def finish(self, run: Run[LineChangeWork]) -> Outcome:
        """Tell that it is done; a new profile's code is kept to be shown once (D11)."""
        effects = [self._moved(run, "done", None)]
        line = await self.sims.line(run.state.line) if run.state.kind == "reissue" else None
        if line is not None:

            async def renew(transaction: Transaction) -> None:
                await self.lines.renew(transaction, line)

            effects.append(renew)
        run.state.forget_person()
        return Next(effects=tuple(effects))

    async def charge(self, run: Run[LineChangeWork]) -> Outcome:
        """Have what was added invoiced; a refusal is a person's turn, because there is no way back."""
        work = run.state
        if not work.price:
            return Done()
        try:
            state = await self.charges.charge(
                f"topup-{run.key}",
                work.whmcs_client_id,
                work.service_id,
                work.price,
                f"データ追加 {work.megabytes}MB / Data top-up {work.megabytes} MB",
            )
        except Refused as no:
            parked = (self._charge_parked(run.key, no.code),)
            return NeedsHuman(no.code, no.facts, recheck=self.recheck, effects=parked)
        if state.state == "done":
            return Done(effects=(self._charge_parked(run.key, None),))
        wanted = state.again_at - run.clock.now() if state.again_at is not None else _SHORTEST_WAIT
        return Wait(after=min(max(wanted, _SHORTEST_WAIT), _LONGEST_WAIT), because="billing is working")

    async def give_up(self, run: Run[LineChangeWork]) -> Outcome:
        """End with the operator's refusal; an operator who found that nothing happened brings it here as well."""
        code = run.failure.code if run.failure is not None else REFUSED
        run.state.forget_person()
        return Fail(code, run.failure.facts if run.failure else {}, effects=(self._moved(run, "refused", code),))

    def _charge_parked(self, change_id: str, code: str | None) -> Effect:
        async def parked(transaction: Transaction) -> None:
            await self.changes.park_charge(transaction, change_id, code)

        return parked

    def _moved(self, run: Run[LineChangeWork], state: LineChangeState, code: str | None) -> Effect:
        async def moved(transaction: Transaction) -> None:
            change = await self.changes.lock(transaction, run.key)
            at = run.clock.now()
            if change is not None and await self.changes.move(transaction, run.key, state, code=code, at=at):
                await transaction.record(told(change, state, code, run.clock))

        return moved
