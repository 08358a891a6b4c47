"""SIM lines in our own words: what fulfillment asks of a line and what it learns about one. No vendor terms, no I/O."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final, Literal, TypeAlias

_EID_MODULUS: Final = 97
"""GSMA SGP.02: with its two check digits an EID is 1 modulo 97."""


class LineState(StrEnum):
    """Where a line is in its life; `UNKNOWN` is a state we have no word for (`Line.raw_state` keeps it)."""

    RESERVED = "reserved"
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDING = "ending"
    ENDED = "ended"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Timing(StrEnum):
    """When an accepted request takes effect."""

    IMMEDIATE = "immediate"
    MINUTES = "minutes"
    HALF_HOUR = "half_hour"
    NOTIFIED_BY_FILE = "notified_by_file"


class SimKind(StrEnum):
    """What a line carries."""

    VOICE = "voice"
    DATA = "data"
    DATA_WITH_SMS = "data_with_sms"


@dataclass(frozen=True, slots=True)
class VoiceOptions:
    """Options of a voice line; None: not known, or not to be touched."""

    voice_mail: bool | None = None
    call_waiting: bool | None = None
    call_transfer: bool | None = None
    roaming_calls: bool | None = None
    international_calls: bool | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line as the operator shows it now. `account` is its phone number, digits alone.

    `activation_code` is a secret (who holds it can install the profile): it never shows in a repr or a log.
    """

    account: str
    state: LineState
    raw_state: str
    plan_code: str = ""
    eid: str = ""
    iccid: str = ""
    product_number: str = ""
    network: str = ""
    carries_voice: bool = False
    voice_options: VoiceOptions = VoiceOptions()
    started_on: date | None = None
    ended_on: date | None = None
    running_requests: tuple[str, ...] = ()
    activation_code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AssignedNumber:
    """The operator picks the number; it is known from the reply or by looking the line up by its EID."""


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """A number we hold and have already registered at the operator; `representative` is the contract's main number."""

    account: str
    representative: str
    shipped_on: date


@dataclass(frozen=True, slots=True)
class PreparedNumber:
    """The number a SIM card was prepared with before it came to us."""

    account: str


@dataclass(frozen=True, slots=True)
class PortedNumber:
    """A number that comes from another operator. Names as in the old contract, kana full-width.

    Without a reservation the operators fetch it themselves (one-stop).
    """

    account: str
    reservation: str | None
    reservation_expires_on: date | None
    family_name: str = field(repr=False)
    given_name: str = field(repr=False)
    family_name_kana: str = field(repr=False)
    given_name_kana: str = field(repr=False)
    gender: Literal["male", "female", "company"] = field(repr=False)
    born_on: date = field(repr=False)


Number: TypeAlias = AssignedNumber | OwnNumber | PreparedNumber | PortedNumber


@dataclass(frozen=True, slots=True)
class EsimActivation:
    """A new line on an eSIM. `eid` 32 digits; `network` is "4G" or "5G"; `plan_code` as set up at the operator."""

    eid: str
    sim_kind: SimKind
    plan_code: str
    network: str = "5G"
    number: Number = AssignedNumber()

    @property
    def target(self) -> "Target":
        """How to find the line."""
        return target_of(self.number, eid=self.eid)


@dataclass(frozen=True, slots=True)
class CardActivation:
    """A new line on a SIM card. `card_number` stands on the card: two letters and 13 digits."""

    card_number: str
    sim_kind: SimKind
    plan_code: str
    network: str = "5G"
    number: Number = AssignedNumber()

    @property
    def target(self) -> "Target":
        """How to find the line."""
        return target_of(self.number, card_number=self.card_number)


Activation: TypeAlias = EsimActivation | CardActivation


@dataclass(frozen=True, slots=True)
class Target:
    """How a line that is asked for is found again: what carries it, and its number where that is known before."""

    eid: str = ""
    card_number: str = ""
    account: str | None = None
    is_ported: bool = False

    @property
    def bearer(self) -> str:
        """What carries the line: an EID or the number on a card."""
        return self.card_number or self.eid

    def carries(self, line: Line) -> bool:
        """Whether a line is on it."""
        return line.product_number == self.card_number if self.card_number else line.eid == self.eid


def target_of(number: Number, *, eid: str = "", card_number: str = "") -> Target:
    """Give how to find a line with that number on an eSIM or a card."""
    account = None if isinstance(number, AssignedNumber) else number.account
    return Target(eid, card_number, account, isinstance(number, PortedNumber))


def has_right_check_digits(eid: str) -> bool:
    """Whether an EID's last two digits fit the others. A wrong pair is a warning, no refusal (freebit.md 7)."""
    return eid.isdecimal() and int(eid) % _EID_MODULUS == 1


@dataclass(frozen=True, slots=True)
class EsimReissue:
    """A new profile for a line in service, on the same phone or another one. The old profile stops working."""

    account: str
    new_eid: str
    old_eid: str
    old_product_number: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Data used by a line, in megabytes; `recent_days_mb` newest first, without today. None: not told."""

    used_today_mb: int
    recent_days_mb: tuple[int, ...]
    throttled: bool
    remaining_mb: int | None = None


@dataclass(frozen=True, slots=True)
class TopUp:
    """Data that was added to a line. `key` is what its request was sent with, empty for one that had none."""

    megabytes: int
    key: str
    added_on: date | None
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The operator took a request; it is not done before a look at the line says so.

    `look_after`: seconds of business time after which to look, one after the other; then it is a person's turn.
    `account`: the line's number, None when the operator assigns it and did not tell.
    """

    timing: Timing
    look_after: tuple[float, ...]
    account: str | None = None
