"""Freebit's paths, field names, states and codes as data, so that the real specification replaces rows and no code.

Marks as in reference/freebit.md: [C] seen in public, [A] assumed. Every table can be overridden by settings with JSON
of the same shape (`FreebitTables.overridden`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from portal_fulfillment.sim import LineState, SimKind, Timing


class Call(StrEnum):
    """The calls this adapter makes; the value is the key in the tables below."""

    LOG_IN = "log_in"
    DETAIL = "detail"
    ACTIVATE_ESIM = "activate_esim"
    REGISTER_VOICE_OPTIONS = "register_voice_options"


class Reason(StrEnum):
    """Why Freebit refused, in our words; `UNKNOWN` for a code pair that is in no table."""

    INVALID_REQUEST = "invalid_request"
    ACCOUNT_NOT_FOUND = "account_not_found"
    ACCOUNT_NOT_ACTIVE = "account_not_active"
    ACCOUNT_TAKEN = "account_taken"
    NOT_SUPPORTED_FOR_ACCOUNT = "not_supported_for_account"
    PLAN_INVALID = "plan_invalid"
    ACCOUNT_BUSY = "account_busy"
    QUOTA_OUT_OF_RANGE = "quota_out_of_range"
    EID_INVALID = "eid_invalid"
    EID_CONFLICT = "eid_conflict"
    MNP_RESERVATION_INVALID = "mnp_reservation_invalid"
    MNP_IDENTITY_MISMATCH = "mnp_identity_mismatch"
    SIM_NOT_AVAILABLE = "sim_not_available"
    UNSUPPORTED_PATTERN = "unsupported_pattern"
    KEY_INVALID = "key_invalid"
    FORBIDDEN = "forbidden"
    SYSTEM_ERROR = "system_error"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


_PATHS = {
    Call.LOG_IN: "authOem",  # [C]
    Call.DETAIL: "mvno/getDetail",  # [C], seen once in passing
    Call.ACTIVATE_ESIM: "mvno/esim/addAcnt",  # [C]
    Call.REGISTER_VOICE_OPTIONS: "mvno/talkoption/addOrder",  # [C]
}
_TIMINGS = {
    Call.ACTIVATE_ESIM: Timing.NOTIFIED_BY_FILE,  # [C]
    Call.REGISTER_VOICE_OPTIONS: Timing.MINUTES,  # [C] asynchronous, [A] for how long
}
_MINUTE = 60.0
# Seconds after acceptance at which to look at the line; the ten minutes and the half hour are [C], the steps [A].
_LOOK_AFTER: dict[Timing, tuple[float, ...]] = {
    Timing.IMMEDIATE: (0.0, _MINUTE),
    Timing.MINUTES: tuple(minutes * _MINUTE for minutes in (2, 5, 10, 20, 30, 45)),
    Timing.HALF_HOUR: tuple(minutes * _MINUTE for minutes in (30, 35, 45, 60)),
    Timing.NOTIFIED_BY_FILE: tuple(minutes * _MINUTE for minutes in (2, 5, 10, 20, 30, 45)),
}
# Every reply field of the detail call is [A]; key: our word, value: name on the wire.
_DETAIL_FIELDS = {
    "account": "account",
    "state": "state",
    "plan_code": "planCode",
    "eid": "eid",
    "iccid": "iccid",
    "product_number": "productNumber",
    "network": "contractLine",
    "voice": "talk",
    "voice_options": "talkOption",
    "started_on": "startDate",
    "ended_on": "endDate",
    "running": "pendingOrders",
    "running_type": "type",
    "activation_code": "activationCode",
}
# voiceMail and callWaiting [C], the others [A].
_VOICE_OPTION_FIELDS = {
    "voice_mail": "voiceMail",
    "call_waiting": "callWaiting",
    "call_transfer": "callTransfer",
    "roaming_calls": "worldWing",
    "international_calls": "worldCall",
}
# Every state is assumed.
_STATES = {
    "temporary": LineState.RESERVED,
    "pending": LineState.PENDING,
    "active": LineState.ACTIVE,
    "suspended": LineState.SUSPENDED,
    "cancelling": LineState.ENDING,
    "cancelled": LineState.ENDED,
    "failed": LineState.FAILED,
}
# Seen in public.
_SIM_KINDS = {SimKind.VOICE: "E0", SimKind.DATA: "E2", SimKind.DATA_WITH_SMS: "E3"}
# 400-356 [C], all others [A]; 400-313 is an addition of ours.
_CODES = {
    "400-301": Reason.INVALID_REQUEST,
    "400-302": Reason.INVALID_REQUEST,
    "400-310": Reason.ACCOUNT_NOT_FOUND,
    "400-311": Reason.ACCOUNT_NOT_ACTIVE,
    "400-312": Reason.NOT_SUPPORTED_FOR_ACCOUNT,
    "400-313": Reason.ACCOUNT_TAKEN,
    "400-320": Reason.PLAN_INVALID,
    "400-330": Reason.ACCOUNT_BUSY,
    "400-340": Reason.QUOTA_OUT_OF_RANGE,
    "400-350": Reason.EID_INVALID,
    "400-351": Reason.EID_CONFLICT,
    "400-352": Reason.MNP_RESERVATION_INVALID,
    "400-353": Reason.MNP_IDENTITY_MISMATCH,
    "400-354": Reason.SIM_NOT_AVAILABLE,
    "400-355": Reason.INVALID_REQUEST,
    "400-356": Reason.UNSUPPORTED_PATTERN,
    "401-401": Reason.KEY_INVALID,
    "403-403": Reason.FORBIDDEN,
    "500-500": Reason.SYSTEM_ERROR,
    "503-503": Reason.MAINTENANCE,
}


@dataclass(frozen=True, slots=True)
class FreebitTables:
    """Everything about Freebit that may turn out different.

    `eid_field` names the field by which the detail call finds a line whose number is not known yet ([A]); empty when
    Freebit offers no such look-up: then numbers that Freebit assigns cannot be used (see freebit.py).
    """

    paths: Mapping[Call, str] = field(default_factory=lambda: MappingProxyType(_PATHS))
    timings: Mapping[Call, Timing] = field(default_factory=lambda: MappingProxyType(_TIMINGS))
    look_after: Mapping[Timing, tuple[float, ...]] = field(default_factory=lambda: MappingProxyType(_LOOK_AFTER))
    detail_fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(_DETAIL_FIELDS))
    voice_option_fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(_VOICE_OPTION_FIELDS))
    states: Mapping[str, LineState] = field(default_factory=lambda: MappingProxyType(_STATES))
    sim_kinds: Mapping[SimKind, str] = field(default_factory=lambda: MappingProxyType(_SIM_KINDS))
    codes: Mapping[str, Reason] = field(default_factory=lambda: MappingProxyType(_CODES))
    eid_field: str = "eid"
    detail_version: str = "2"

    def overridden(self, changes: Mapping[str, Any]) -> "FreebitTables":
        """The tables with some rows replaced, e.g. {"paths": {"detail": "mvno/detail"}, "eid_field": ""}.

        ValueError for a table, call, state or reason that does not exist.
        """
        known = {one.name for one in fields(self)}
        replaced: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"Freebit has no table {name}")
            if isinstance(value, Mapping) != isinstance(getattr(self, name), Mapping):
                raise ValueError(f"table {name} has another shape")
            replaced[name] = self._merged(name, value) if isinstance(value, Mapping) else str(value)
        return replace(self, **replaced)

    def _merged(self, name: str, rows: Mapping[str, str]) -> Mapping[Any, Any]:
        present: Mapping[Any, Any] = getattr(self, name)
        key_type, value_type = (type(one) for one in next(iter(present.items())))
        return MappingProxyType({**present, **{key_type(key): value_type(value) for key, value in rows.items()}})
