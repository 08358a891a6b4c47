"""What customers ask of their lines, on fakes and virtual time; workers may die."""

from datetime import timedelta
from itertools import count

import pytest

from portal_chassis.actor import Actor
from portal_chassis.deadline import Deadline
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.testing import (
    InMemoryOperatorDesk,
    ManualClock,
    MortalDesk,
    MortalStore,
    engine,
    operator_call,
    work_for,
)
from portal_contracts.sim_lines import (
    ChangeLineNetwork,
    ChangeLineVoiceOptions,
    CloseLineChange,
    LineChanged,
    LineVoiceOptions,
    ReissueEsim,
    TopUpSim,
)
from portal_fulfillment.change_line import ChangeLine, LineTerms
from portal_fulfillment.close_line_change import CloseStandingChange
from portal_fulfillment.kept_lines import OwnedLine
from portal_fulfillment.line_change_process import LineChangeProcess
from portal_fulfillment.operate_on_line import OperateOnLine
from portal_fulfillment.show_line import ShowLine
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.sim_plans import SimPlans
from portal_fulfillment.testing import InMemoryLines, InMemoryOperations
from portal_fulfillment.testing_lines import FakeCharges, InMemoryLineChanges, InMemoryOwnedLines
from portal_fulfillment.testing_neighbours import FakeBilling
from portal_fulfillment.testing_operator import FakeSims

NUMBER, ORDER, ACCOUNT = "07000006001", "801000000000001AAA", "001000000000001AAA"
SOMEBODY_ELSE = "001000000000002AAA"
EID, OTHER_EID = "89049032000000000000000000000163", "89049032000000000000000000000357"
SERVICE = 7001
PAUSE = timedelta(hours=24)
PLANS = SimPlans(top_ups={1000: 1100, 100: 0})
LINE = Line(
    NUMBER,
    LineState.ACTIVE,
    "active",
    plan_code="PASI_20G",
    eid=EID,
    iccid="8981030000000000015",
    network="5G",
    carries_voice=True,
    activation_code="LPA:1$smdp.example.jp$EXAMPLE",
)
CALLS = {
    "top_up": "sims.top_up",
    "reissue": "sims.reissue_esim",
    "change_voice_options": "sims.change_voice_options",
    "change_network": "sims.change_network",
}


class Lines(MortalDesk):
    """The use cases on fakes and virtual time; workers may die."""

    def __init__(self):
        self.clock = ManualClock()
        self.store = InMemoryProcessStore(self.clock)
        self.sims, self.billing, self.charges = FakeSims(self.clock), FakeBilling(self.clock), FakeCharges()
        self.operations, self.kept, self.changes = InMemoryOperations(), InMemoryLines(), InMemoryLineChanges()
        self.owned = InMemoryOwnedLines([OwnedLine(NUMBER, ORDER, ACCOUNT, SERVICE, self.clock.now())])
        self.sims.put(LINE)
        self.desk = InMemoryOperatorDesk(self.store.database)
        self.ids = (f"{number:032x}" for number in count(1))
        self.new_worker()

    def new_worker(self, *, dies_at=10**9, after_effect=False):
        operate = OperateOnLine(self.sims, self.operations, timedelta(minutes=15), timedelta(minutes=30))
        process = LineChangeProcess(
            operate, self.sims, self.kept, self.changes, self.charges, recheck=timedelta(minutes=15)
        )
        self.mortal = MortalStore(self.store, dies_at=dies_at, after_effect=after_effect)
        self.engine = engine(process.definition(), clock=self.clock, store=self.mortal)
        for neighbour in (self.sims, self.charges):
            neighbour.kill = self.kill
        self.change = ChangeLine(
            self.store.database.transaction,
            self.owned,
            self.changes,
            self.sims,
            self.billing,
            PLANS,
            self.engine,
            self.clock,
            self.clock,
            LineTerms(0.6, PAUSE),
            new_id=lambda: next(self.ids),
        )
        self.close = CloseStandingChange(self.desk, self.changes, self.operations, self.engine)
        self.show = ShowLine(self.owned, self.changes, self.sims, PLANS, self.clock, PAUSE)

    def actor(self, account=ACCOUNT, minutes=0):
        at = self.clock.now() - timedelta(minutes=minutes)
        return Actor("user-1", 42, account, ("customer",), "session-1", at, "ja")

    async def asks(self, what, request_id="request-1", actor=None, **facts):
        command, use = {
            "top_up": (TopUpSim, self.change.top_up),
            "reissue": (ReissueEsim, self.change.reissue),
            "change_voice_options": (ChangeLineVoiceOptions, self.change.change_options),
            "change_network": (ChangeLineNetwork, self.change.change_network),
        }[what]
        usual = {
            "top_up": {"megabytes": 1000},
            "reissue": {"confirmed": True},
            "change_voice_options": {"options": LineVoiceOptions(voice_mail=True)},
            "change_network": {"network": "4G"},
        }[what]
        made = command(**{"request_id": request_id, "service_id": SERVICE, **usual, **facts})
        return await use(made, actor or self.actor(), Deadline.after(1.1))

    async def run(self, by):
        await work_for(by, self.clock, self.store, lambda: self.engine, self.revive)
        self.sims.settle()

    def fail(self, what, fault, times=1):
        """Let the next calls go wrong: those a kind of change makes, or the one named."""
        call, left = CALLS.get(what, what), [fault] * times
        self.sims.faults = lambda asked: left.pop() if asked == call and left else None

    def made(self, kind):
        return self.sims.changed.count((kind, NUMBER))

    @property
    def told(self):
        return [event.state for event in self.store.database.events if isinstance(event, LineChanged)]

    @property
    def newest(self):
        return max(self.changes.rows.values(), key=lambda one: one.change_id)

    async def closes(self, *, happened, change_id=f"{1:032x}", request_id="closing-1", dry_run=False):
        command = CloseLineChange(
            change_id=change_id, happened=happened, request_id=request_id, reason="looked it up", dry_run=dry_run
        )
        return await self.close.close(command, operator_call())


@pytest.fixture
def lines():
    return Lines()


@pytest.fixture
def new_lines():
    return Lines
