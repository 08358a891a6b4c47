"""SIM lines in our own words: what fulfillment asks of a line and what it learns about one. No vendor terms, no I/O."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TypeAlias


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
class PortedNumber:
    """A number that comes from another operator. Names as in the old contract, kana full-width; gender M, W or C."""

    account: str
    reservation: str
    reservation_expires_on: date
    family_name: str = field(repr=False)
    given_name: str = field(repr=False)
    family_name_kana: str = field(repr=False)
    given_name_kana: str = field(repr=False)
    gender: str = field(repr=False)
    born_on: date = field(repr=False)


Number: TypeAlias = AssignedNumber | OwnNumber | PortedNumber


@dataclass(frozen=True, slots=True)
class EsimActivation:
    """A new line on an eSIM. `eid` 32 digits; `network` is "4G" or "5G"; `plan_code` as set up at the operator."""

    eid: str
    sim_kind: SimKind
    plan_code: str
    network: str = "5G"
    number: Number = AssignedNumber()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The operator took a request; it is not done before a look at the line says so.

    `look_after`: seconds of business time after which to look, one after the other; then it is a person's turn.
    `account`: the line's number, None when the operator assigns it and did not tell.
    """

    timing: Timing
    look_after: tuple[float, ...]
    account: str | None = None
