"""An operator of mobile lines for tests, and what makes any fake go wrong. Nothing outside of tests imports this."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from portal_chassis.clocks import BusinessClock
from portal_contracts.problems import Refused, TryLater
from portal_fulfillment.ports import Unclear
from portal_fulfillment.sim import Accepted, EsimActivation, Line, LineState, Timing, VoiceOptions

Fault: TypeAlias = Literal["unsent", "before", "after", "late", "kill_before", "kill_after"]
"""Surely unsent; fails before its effect, after it, or has it minutes later; or the worker dies before or after it."""
Faults: TypeAlias = Callable[[str], Fault | None]


def no_faults(_call: str) -> Fault | None:
    """Nothing goes wrong."""
    return None


class Fallible:
    """A neighbour whose calls may go wrong. `kill` ends the worker that is calling."""

    def __init__(self) -> None:
        self.faults: Faults = no_faults
        self.kill: Callable[[], None] = lambda: None
        self.calls: list[str] = []

    def begin(self, call: str, lost: Exception | None = None) -> Fault | None:
        """Note a call and fail it before its effect, if so told."""
        self.calls.append(call)
        fault = self.faults(call)
        if fault == "kill_before":
            self.kill()
        if fault == "unsent":
            raise TryLater("SERVICE_UNAVAILABLE")
        if fault == "before":
            raise lost or TryLater("SERVICE_UNAVAILABLE")
        return fault

    def end(self, fault: Fault | None, lost: Exception | None = None) -> None:
        """Fail a call after its effect, if so told."""
        if fault == "kill_after":
            self.kill()
        if fault == "after" or (fault == "late" and lost is not None):
            raise lost or TryLater("SERVICE_UNAVAILABLE")


class FakeSims(Fallible):
    """The `Sims` port: an operator without request keys that takes `completion` to switch a line on.

    `activated` is its ledger: the EIDs whose line became active, once for each line. `late_by` is how long after its
    failure a late request lands.
    """

    looks_after_activation = (120.0, 300.0, 600.0, 1200.0, 1800.0, 2700.0)
    looks_after_options = (120.0, 300.0, 600.0)

    def __init__(self, clock: BusinessClock) -> None:
        super().__init__()
        self._clock = clock
        self.completion = timedelta(minutes=4)
        self.late_by = timedelta(minutes=8)
        self.one_line_per_eid = True
        self.refuses: Refused | None = None
        self.refuses_options: Refused | None = None
        self.fails: set[str] = set()
        self.never: set[str] = set()
        self.lines: list[Line] = []
        self.requested: list[str] = []
        self.activated: list[str] = []
        self.on_request: Callable[[str], None] = lambda _eid: None
        self._ready: dict[str, datetime] = {}
        self._landing: list[tuple[datetime, EsimActivation]] = []
        self._options: dict[str, tuple[datetime, VoiceOptions]] = {}
        self.options_requested: list[str] = []

    async def lines_of(self, eid: str) -> tuple[Line, ...]:
        """Give them, newest first."""
        self.end(self.begin("sims.lines_of"))
        self.settle()
        return tuple(line for line in reversed(self.lines) if line.eid == eid)

    async def line(self, account: str) -> Line | None:
        """Give it."""
        self.end(self.begin("sims.line"))
        self.settle()
        return next((line for line in reversed(self.lines) if line.account == account), None)

    async def activate(self, wanted: EsimActivation) -> Accepted:
        """Begin a line, now or `late_by` after raising Unclear."""
        fault = self.begin("sims.activate", Unclear())
        self.settle()
        if self.refuses is not None:
            raise self.refuses
        if fault == "late":
            self._landing.append((self._clock.now() + self.late_by, wanted))
        else:
            self._begin_line(wanted)
        self.end(fault, Unclear())
        return Accepted(Timing.NOTIFIED_BY_FILE, self.looks_after_activation)

    async def register_voice_options(self, account: str, options: VoiceOptions) -> Accepted:
        """Set them after `completion`."""
        fault = self.begin("sims.register_voice_options", Unclear())
        self.settle()
        if self.refuses_options is not None:
            raise self.refuses_options
        if account in self._options:
            raise TryLater("FREEBIT_UNAVAILABLE", retry_after=600)
        self.options_requested.append(account)
        self._options[account] = (self._clock.now() + self.completion, options)
        self.end(fault, Unclear())
        return Accepted(Timing.MINUTES, self.looks_after_options, account)

    def put(self, line: Line) -> None:
        """Let a line be there already."""
        self.lines.append(line)

    def settle(self) -> None:
        """Do everything that is due by now."""
        now = self._clock.now()
        for landing in [one for one in self._landing if one[0] <= now]:
            self._landing.remove(landing)
            if not self._is_taken(landing[1].eid):
                self._begin_line(landing[1])
        for index, line in enumerate(self.lines):
            if line.state is LineState.PENDING and self._ready[line.account] <= now and line.eid not in self.never:
                failed = line.eid in self.fails
                state = LineState.FAILED if failed else LineState.ACTIVE
                self.lines[index] = replace(line, state=state, raw_state=state.value)
                if not failed:
                    self.activated.append(line.eid)
            elif line.account in self._options and self._options[line.account][0] <= now:
                self.lines[index] = replace(line, voice_options=self._options.pop(line.account)[1])

    def _is_taken(self, eid: str) -> bool:
        alive = {LineState.PENDING, LineState.ACTIVE} if self.one_line_per_eid else {LineState.PENDING}
        return any(line.eid == eid and line.state in alive for line in self.lines)

    def _begin_line(self, wanted: EsimActivation) -> None:
        if self._is_taken(wanted.eid):
            raise Refused("SIM_IN_USE")
        account = f"0700000{len(self.lines):04d}"
        self.lines.append(
            Line(
                account,
                LineState.PENDING,
                "pending",
                plan_code=wanted.plan_code,
                eid=wanted.eid,
                iccid=f"898103{len(self.lines):013d}",
                activation_code="LPA:1$smdp.example.jp$EXAMPLE",
            )
        )
        self._ready[account] = self._clock.now() + self.completion
        self.requested.append(wanted.eid)
        self.on_request(wanted.eid)
