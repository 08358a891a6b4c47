"""Changes of a line in service: what is asked of the operator, and how the line shows that it was done (freebit.md §5).

The operator has no request keys, so every change knows how to find itself again: a top-up by its key in the quota
history, everything else in the line. No I/O of its own: all goes through the `Sims` port.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Protocol

from portal_chassis.clocks import TOKYO
from portal_fulfillment.ports import OperationKind, Sims
from portal_fulfillment.sim import Accepted, EsimReissue, Line, LineState, VoiceOptions


class Seen(StrEnum):
    """What a look shows of a change: it is there, the operator is at work on it, or nothing of it is to be seen."""

    DONE = "done"
    UNDER_WAY = "under_way"
    NOTHING = "nothing"


class LineChange(Protocol):
    """One change of one line. `unconfirmed` is the problem code when nobody can tell what became of it.

    `is_repeatable`: asking again changes nothing more, so that a yes that does not show may be asked for once more.
    `looks_first`: a change that shows already is not asked for.
    """

    kind: ClassVar[OperationKind]
    unconfirmed: ClassVar[str]
    is_repeatable: ClassVar[bool]
    looks_first: ClassVar[bool]

    @property
    def account(self) -> str:
        """The line's number."""

    @property
    def takes_time(self) -> bool:
        """Whether there is anything to wait for before the first look."""

    @property
    def run_on(self) -> date | None:
        """The Japanese day as whose beginning the change is to take effect; None: at once."""

    async def ask(self, sims: Sims) -> Accepted:
        """Ask the operator."""

    async def look(self, sims: Sims, now: datetime) -> Seen:
        """Look what became of it; a request of the same kind that runs counts as it."""


@dataclass(frozen=True, slots=True)
class RegisterVoiceOptions:
    """The options of a new voice line. Asked for even when all are off: the operator wants them registered once."""

    kind: ClassVar[OperationKind] = "voice_options"
    unconfirmed: ClassVar[str] = "VOICE_OPTIONS_UNCONFIRMED"
    is_repeatable: ClassVar[bool] = True
    looks_first: ClassVar[bool] = False
    run_on: ClassVar[None] = None
    account: str
    options: VoiceOptions

    @property
    def takes_time(self) -> bool:
        """Not when all are off, as they are on a new line."""
        return any(asdict(self.options).values())

    async def ask(self, sims: Sims) -> Accepted:
        """PA05-05."""
        return await sims.register_voice_options(self.account, self.options)

    async def look(self, sims: Sims, now: datetime) -> Seen:  # noqa: ARG002 - a line shows what it is now
        """By the line's options."""
        return _seen(await sims.line(self.account), self.kind, lambda line: shows(line, self.options))


@dataclass(frozen=True, slots=True)
class ChangeVoiceOptions:
    """Other options of a voice line; None stays."""

    kind: ClassVar[OperationKind] = "change_voice_options"
    unconfirmed: ClassVar[str] = "VOICE_OPTIONS_UNCONFIRMED"
    is_repeatable: ClassVar[bool] = True
    looks_first: ClassVar[bool] = True
    takes_time: ClassVar[bool] = True
    run_on: ClassVar[None] = None
    account: str
    changes: VoiceOptions

    async def ask(self, sims: Sims) -> Accepted:
        """PA05-06."""
        return await sims.change_voice_options(self.account, self.changes)

    async def look(self, sims: Sims, now: datetime) -> Seen:  # noqa: ARG002 - as above
        """By the line's options."""
        return _seen(await sims.line(self.account), self.kind, lambda line: shows(line, self.changes))


@dataclass(frozen=True, slots=True)
class TopUpLine:
    """More data, found again by its key. Never asked for twice after a yes: it would be added twice (C18).

    `asked_on`: the Japanese day on which the customer asked for it, the same for every replay.
    """

    kind: ClassVar[OperationKind] = "top_up"
    unconfirmed: ClassVar[str] = "SIM_UNCLEAR"
    is_repeatable: ClassVar[bool] = False
    looks_first: ClassVar[bool] = True
    takes_time: ClassVar[bool] = True
    run_on: ClassVar[None] = None
    account: str
    megabytes: int
    key: str
    asked_on: date
    expires_on: date | None = None

    async def ask(self, sims: Sims) -> Accepted:
        """PA04-04."""
        return await sims.top_up(self.account, self.megabytes, self.key, self.expires_on)

    async def look(self, sims: Sims, now: datetime) -> Seen:
        """By the key in the quota history, from the day before it was asked for: clocks differ around midnight."""
        day = timedelta(days=1)
        history = await sims.quota_history(self.account, self.asked_on - day, now.astimezone(TOKYO).date() + day)
        return Seen.DONE if any(entry.key == self.key for entry in history) else Seen.NOTHING


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Another plan, at once or from a day on. A day to come shows as a request that runs."""

    kind: ClassVar[OperationKind] = "change_plan"
    unconfirmed: ClassVar[str] = "SIM_UNCLEAR"
    is_repeatable: ClassVar[bool] = False
    looks_first: ClassVar[bool] = True
    takes_time: ClassVar[bool] = True
    account: str
    plan_code: str
    run_on: date | None = None

    async def ask(self, sims: Sims) -> Accepted:
        """PA05-21."""
        return await sims.change_plan(self.account, self.plan_code, self.run_on)

    async def look(self, sims: Sims, now: datetime) -> Seen:  # noqa: ARG002 - as above
        """By the line's plan."""
        return _seen(await sims.line(self.account), self.kind, lambda line: line.plan_code == self.plan_code)


@dataclass(frozen=True, slots=True)
class ChangeNetwork:
    """4G or 5G."""

    kind: ClassVar[OperationKind] = "change_network"
    unconfirmed: ClassVar[str] = "SIM_UNCLEAR"
    is_repeatable: ClassVar[bool] = False
    looks_first: ClassVar[bool] = True
    takes_time: ClassVar[bool] = True
    run_on: ClassVar[None] = None
    account: str
    network: str

    async def ask(self, sims: Sims) -> Accepted:
        """PA05-38."""
        return await sims.change_network(self.account, self.network)

    async def look(self, sims: Sims, now: datetime) -> Seen:  # noqa: ARG002 - as above
        """By the line's network."""
        return _seen(await sims.line(self.account), self.kind, lambda line: line.network == self.network)


@dataclass(frozen=True, slots=True)
class ReissueEsim:
    """A new profile, perhaps on the same phone: what shows it is another ICCID than `old_iccid`."""

    kind: ClassVar[OperationKind] = "reissue"
    unconfirmed: ClassVar[str] = "SIM_UNCLEAR"
    is_repeatable: ClassVar[bool] = False
    looks_first: ClassVar[bool] = True
    takes_time: ClassVar[bool] = True
    run_on: ClassVar[None] = None
    wanted: EsimReissue
    old_iccid: str

    @property
    def account(self) -> str:
        """The line's number."""
        return self.wanted.account

    async def ask(self, sims: Sims) -> Accepted:
        """PA05-41 with R."""
        return await sims.reissue_esim(self.wanted)

    async def look(self, sims: Sims, now: datetime) -> Seen:  # noqa: ARG002 - as above
        """By the line's EID and ICCID."""
        return _seen(await sims.line(self.account), self.kind, self._is_new)

    def _is_new(self, line: Line) -> bool:
        return line.eid == self.wanted.new_eid and line.iccid not in ("", self.old_iccid)


@dataclass(frozen=True, slots=True)
class CancelLine:
    """The end of a line, at once or from a day on. Irreversible."""

    kind: ClassVar[OperationKind] = "cancel_line"
    unconfirmed: ClassVar[str] = "SIM_UNCLEAR"
    is_repeatable: ClassVar[bool] = False
    looks_first: ClassVar[bool] = True
    takes_time: ClassVar[bool] = True
    account: str
    run_on: date | None = None

    async def ask(self, sims: Sims) -> Accepted:
        """PA02-04."""
        return await sims.cancel_line(self.account, self.run_on)

    async def look(self, sims: Sims, now: datetime) -> Seen:  # noqa: ARG002 - as above
        """By the line's state."""
        line = await sims.line(self.account)
        if line is not None and line.state is LineState.ENDING:
            return Seen.UNDER_WAY
        return _seen(line, self.kind, lambda line: line.state is LineState.ENDED)


def _seen(line: Line | None, kind: OperationKind, is_done: Callable[[Line], bool]) -> Seen:
    if line is not None and is_done(line):
        return Seen.DONE
    return Seen.UNDER_WAY if line is not None and kind in line.running_requests else Seen.NOTHING


def shows(line: Line, wanted: VoiceOptions) -> bool:
    """Whether a line has the options that were asked for; one it does not show is off."""
    present = asdict(line.voice_options)
    return all(bool(present[name]) is on for name, on in asdict(wanted).items() if on is not None)
