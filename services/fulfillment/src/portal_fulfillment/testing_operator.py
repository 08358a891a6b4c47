"""An operator of mobile lines for tests, and what makes any fake go wrong. Nothing outside of tests imports this."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal, TypeAlias

from portal_chassis.clocks import TOKYO, BusinessClock
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_fulfillment.ports import OperationKind, Unclear
from portal_fulfillment.sim import (
    Accepted,
    Activation,
    CardActivation,
    EsimActivation,
    EsimReissue,
    Line,
    LineState,
    Target,
    Timing,
    TopUp,
    Usage,
    VoiceOptions,
)

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


@dataclass(frozen=True, slots=True)
class _Running:
    """A request that was taken and has not had its effect. `locks`: others are refused until then."""

    due: datetime
    kind: OperationKind
    account: str
    apply: Callable[[Line], Line]
    locks: bool = True


class FakeSims(Fallible):
    """The `Sims` port: an operator without request keys that takes `completion` to switch a line on or change it.

    `activated` is its ledger: what carries a line that became active (an EID or a card), once for each line; `changed`
    the requests it took for lines in service. `late_by` is how long after its failure a late request lands.
    `reserves_cards`: a card takes two requests (`sims.reserve_card`, `sims.register_card`), as a semi-black one does.
    """

    def __init__(self, clock: BusinessClock) -> None:
        super().__init__()
        self._clock = clock
        self.completion = timedelta(minutes=4)
        self.late_by = timedelta(minutes=8)
        self.one_line_per_eid = True
        self.reserves_cards = False
        self.finds_cards = True
        self.refuses: Refused | None = None
        self.refuses_options: Refused | None = None
        self.fails: set[str] = set()
        self.never: set[str] = set()
        self.lines: list[Line] = []
        self.requested: list[str] = []
        self.activated: list[str] = []
        self.changed: list[tuple[OperationKind, str]] = []
        self.top_ups: list[tuple[str, TopUp]] = []
        self.on_request: Callable[[str], None] = lambda _bearer: None
        self._ready: dict[str, datetime] = {}
        self._landing: list[tuple[datetime, Callable[[], None]]] = []
        self._running: list[_Running] = []

    @property
    def options_requested(self) -> list[str]:
        """Give the lines whose voice options were registered."""
        return [account for kind, account in self.changed if kind == "voice_options"]

    def looks_after_activation(self, target: Target) -> tuple[float, ...]:
        """Give 2 to 45 minutes, at once for a card that was reserved."""
        later = (120.0, 300.0, 600.0, 1200.0, 1800.0, 2700.0)
        return (0.0, *later) if self.reserves_cards and target.card_number else later

    def looks_after(self, kind: OperationKind) -> tuple[float, ...]:
        """Give 2 to 10 minutes; at once for what is done at once."""
        return (0.0, 60.0, 300.0) if kind in ("top_up", "change_plan") else (120.0, 300.0, 600.0)

    async def lines_of(self, eid: str) -> tuple[Line, ...]:
        """Give them, newest first."""
        self.end(self.begin("sims.lines_of"))
        self.settle()
        return tuple(self._shown(line) for line in reversed(self.lines) if line.eid == eid)

    async def lines_of_card(self, card_number: str) -> tuple[Line, ...]:
        """Give them, newest first; Misconfigured unless `finds_cards`."""
        self.end(self.begin("sims.lines_of_card"))
        if not self.finds_cards:
            raise Misconfigured("FREEBIT_MISCONFIGURED", facts={"message": "no look-up by card"})
        self.settle()
        return tuple(self._shown(line) for line in reversed(self.lines) if line.product_number == card_number)

    async def line(self, account: str) -> Line | None:
        """Give it."""
        self.end(self.begin("sims.line"))
        self.settle()
        return next((self._shown(line) for line in reversed(self.lines) if line.account == account), None)

    async def usage(self, account: str) -> Usage:
        """Give the same for every line."""
        self.end(self.begin("sims.usage"))
        self._in_service(account)
        return Usage(120, (900, 0, 40), throttled=False)

    async def quota_history(self, account: str, first: date, last: date) -> tuple[TopUp, ...]:
        """Give what was added, newest first."""
        self.end(self.begin("sims.quota_history"))
        self.settle()
        added = [entry for known, entry in reversed(self.top_ups) if known == account]
        return tuple(entry for entry in added if entry.added_on and first <= entry.added_on <= last)

    async def activate(self, wanted: EsimActivation) -> Accepted:
        """Begin a line, now or `late_by` after raising Unclear."""
        return self._request("sims.activate", lambda: self._begin_line(wanted), wanted.target.account)

    async def activate_physical(self, wanted: CardActivation) -> Accepted:
        """Begin a line on a card, or reserve it first and then bring it into service at once."""
        if not self.reserves_cards:
            return self._request("sims.activate_physical", lambda: self._begin_line(wanted), wanted.target.account)
        self.settle()
        if not any(wanted.target.carries(line) and line.state is LineState.RESERVED for line in self.lines):
            self._request("sims.reserve_card", lambda: self._begin_line(wanted, LineState.RESERVED))
        return self._request("sims.register_card", lambda: self._register_card(wanted), wanted.target.account)

    async def register_voice_options(self, account: str, options: VoiceOptions) -> Accepted:
        """Set them after `completion`."""
        if self.refuses_options is not None:
            self.begin("sims.register_voice_options", Unclear())
            raise self.refuses_options
        return self._change("voice_options", account, _with_options(options), call="register_voice_options")

    async def change_voice_options(self, account: str, changes: VoiceOptions) -> Accepted:
        """Change them after `completion`."""
        return self._change("change_voice_options", account, _with_options(changes))

    async def top_up(self, account: str, megabytes: int, key: str, expires_on: date | None = None) -> Accepted:
        """Add at once, as often as it is asked."""
        entry = TopUp(megabytes, key, self._clock.today(), expires_on)

        def add() -> None:
            self._in_service(account)
            self.changed.append(("top_up", account))
            self.top_ups.append((account, entry))

        return self._request("sims.top_up", add, account)

    async def change_plan(self, account: str, plan_code: str, run_on: date | None = None) -> Accepted:
        """Change it at once or on its day."""
        return self._change(
            "change_plan",
            account,
            lambda line: replace(line, plan_code=plan_code),
            run_on=run_on or self._clock.today(),
        )

    async def change_network(self, account: str, network: str) -> Accepted:
        """Change it after `completion`."""
        return self._change("change_network", account, lambda line: replace(line, network=network))

    async def reissue_esim(self, wanted: EsimReissue) -> Accepted:
        """Give the line another profile after `completion`."""
        iccid = f"898104{len(self.changed):013d}"
        return self._change(
            "reissue", wanted.account, lambda line: replace(line, eid=wanted.new_eid, iccid=iccid), call="reissue_esim"
        )

    async def cancel_line(self, account: str, run_on: date | None = None) -> Accepted:
        """End it after `completion`, or on its day."""
        return self._change("cancel_line", account, _ended, run_on=run_on)

    def put(self, line: Line) -> None:
        """Let a line be there already."""
        self.lines.append(line)

    def settle(self) -> None:
        """Do everything that is due by now."""
        now = self._clock.now()
        for landing in [one for one in self._landing if one[0] <= now]:
            self._landing.remove(landing)
            with suppress(Refused, TryLater):
                landing[1]()
        for index, line in enumerate(self.lines):
            bearer = line.product_number or line.eid
            if line.state is LineState.PENDING and self._ready[line.account] <= now and bearer not in self.never:
                if bearer in self.fails:
                    self.lines[index] = replace(line, state=LineState.FAILED, raw_state="failed")
                else:
                    self._into_service(index)
        for running in [one for one in self._running if one.due <= now and one.account not in self.never]:
            self._running.remove(running)
            if running.account not in self.fails:
                self._put_back(running.account, running.apply)

    def _into_service(self, index: int) -> None:
        line = self.lines[index]
        self.lines[index] = replace(line, state=LineState.ACTIVE, raw_state="active", started_on=self._clock.today())
        self.activated.append(line.product_number or line.eid)

    def _shown(self, line: Line) -> Line:
        return replace(line, running_requests=tuple(one.kind for one in self._running if one.account == line.account))

    def _put_back(self, account: str, change: Callable[[Line], Line]) -> None:
        index = max(number for number, line in enumerate(self.lines) if line.account == account)
        self.lines[index] = change(self.lines[index])

    def _in_service(self, account: str) -> None:
        self.settle()
        if not any(line.account == account and line.state is LineState.ACTIVE for line in self.lines):
            raise Refused("SIM_REFUSED", facts={"pair": "400_311"})

    def _request(self, call: str, effect: Callable[[], None], account: str | None = None) -> Accepted:
        """Have an effect once, now or late, or never, as the faults want it."""
        fault = self.begin(call, Unclear())
        self.settle()
        if self.refuses is not None:
            raise self.refuses
        if fault == "late":
            self._landing.append((self._clock.now() + self.late_by, effect))
        else:
            effect()
        self.end(fault, Unclear())
        return Accepted(Timing.NOTIFIED_BY_FILE, (120.0, 300.0, 600.0), account)

    def _change(
        self,
        kind: OperationKind,
        account: str,
        apply: Callable[[Line], Line],
        *,
        run_on: date | None = None,
        call: str | None = None,
    ) -> Accepted:
        now = self._clock.now()
        due = now + self.completion if run_on is None else max(now, datetime.combine(run_on, time(), TOKYO))
        is_later = run_on is not None and run_on > self._clock.today()

        def take() -> None:
            self._in_service(account)
            if any(one.account == account and one.locks for one in self._running):
                raise TryLater("LINE_BUSY", retry_after=600)
            self.changed.append((kind, account))
            self._running.append(_Running(due, kind, account, apply, locks=not is_later))

        return self._request(f"sims.{call or kind}", take, account)

    def _is_taken(self, wanted: Activation) -> bool:
        alive = {LineState.PENDING, LineState.ACTIVE}
        if not self.one_line_per_eid and isinstance(wanted, EsimActivation):
            alive = {LineState.PENDING}
        target = wanted.target
        return any(
            line.state in alive and (target.carries(line) or line.account == target.account) for line in self.lines
        )

    def _begin_line(self, wanted: Activation, state: LineState = LineState.PENDING) -> None:
        if self._is_taken(wanted):
            raise Refused("SIM_IN_USE")
        target = wanted.target
        account = target.account or f"0700000{len(self.lines):04d}"
        self.lines.append(
            Line(
                account,
                state,
                state.value,
                plan_code=wanted.plan_code,
                eid=target.eid,
                product_number=target.card_number,
                iccid=f"898103{len(self.lines):013d}",
                activation_code="LPA:1$smdp.example.jp$EXAMPLE" if target.eid else None,
            )
        )
        self._ready[account] = self._clock.now() + self.completion
        self.requested.append(target.bearer)
        self.on_request(target.bearer)

    def _register_card(self, wanted: CardActivation) -> None:
        for index, line in enumerate(self.lines):
            if wanted.target.carries(line) and line.state is LineState.RESERVED:
                self._into_service(index)
                return
        raise Refused("SIM_REFUSED", facts={"pair": "400_310"})


def _with_options(options: VoiceOptions) -> Callable[[Line], Line]:
    said = {name: on for name, on in asdict(options).items() if on is not None}
    return lambda line: replace(line, voice_options=replace(line.voice_options, **said))


def _ended(line: Line) -> Line:
    return replace(line, state=LineState.ENDED, raw_state="cancelled")
