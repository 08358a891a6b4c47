"""Freebit's paths, field names, states and codes as data, so that the real specification replaces rows and no code.

Marks as in reference/freebit.md: [C] seen in public, [A] assumed. Every table can be overridden by settings with JSON
of the same shape (`FreebitTables.overridden`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, TypeVar

from portal_fulfillment.freebit_calls import Body, Call, CardRoute, Reason
from portal_fulfillment.sim import Accepted, LineState, SimKind, Timing

Key = TypeVar("Key")
Value = TypeVar("Value")
_MINUTE = 60.0

_PATHS = {
    Call.LOG_IN: "authOem",  # [C]
    Call.DETAIL: "mvno/getDetail",  # [C], seen once in passing
    Call.TRAFFIC: "mvno/getTrafficInfo",  # [C]
    Call.QUOTA_HISTORY: "mvno/getQuotaHistory",  # [A]
    Call.ACTIVATE_ESIM: "mvno/esim/addAcnt",  # [C], also for reissues
    Call.REISSUE_ESIM: "mvno/esim/addAcnt",  # [C]
    Call.REGISTER_CARD: "master/addAcnt",  # [C]
    Call.RESERVE_CARD: "mvno/semiblack/addTempAcnt",  # [C]
    Call.REGISTER_RESERVED_CARD: "mvno/semiblack/addAcnt",  # [C]
    Call.CHANGE_RESERVED_CARD: "mvno/semiblack/changeState",  # [C]
    Call.ACTIVATE_OVER_THE_AIR: "mvno/ota/addAcnt",  # [C]
    Call.ADD_QUOTA: "master/addSpec",  # [C], seen once in passing
    Call.REGISTER_VOICE_OPTIONS: "mvno/talkoption/addOrder",  # [C]
    Call.CHANGE_VOICE_OPTIONS: "mvno/talkoption/changeOrder",  # [C]
    Call.CHANGE_PLAN: "mvno/changePlan",  # [A]
    Call.CHANGE_NETWORK: "mvno/contractline/change",  # [C]
    Call.CANCEL_LINE: "master/cnclAcnt",  # [C]
}
_TIMINGS = {
    Call.ACTIVATE_ESIM: Timing.NOTIFIED_BY_FILE,  # [C]
    Call.REISSUE_ESIM: Timing.NOTIFIED_BY_FILE,  # [C]
    Call.REGISTER_CARD: Timing.MINUTES,  # [C]
    Call.RESERVE_CARD: Timing.IMMEDIATE,  # [C] queued only
    Call.REGISTER_RESERVED_CARD: Timing.IMMEDIATE,  # [C]
    Call.CHANGE_RESERVED_CARD: Timing.IMMEDIATE,  # [A]
    Call.ACTIVATE_OVER_THE_AIR: Timing.NOTIFIED_BY_FILE,  # [C]
    Call.ADD_QUOTA: Timing.IMMEDIATE,  # [A]
    Call.REGISTER_VOICE_OPTIONS: Timing.MINUTES,  # [C] asynchronous, [A] for how long
    Call.CHANGE_VOICE_OPTIONS: Timing.MINUTES,  # [C] asynchronous, [A] for how long
    Call.CHANGE_PLAN: Timing.IMMEDIATE,  # [C]
    Call.CHANGE_NETWORK: Timing.HALF_HOUR,  # [C]
    Call.CANCEL_LINE: Timing.MINUTES,  # [C]
}
# Seconds after acceptance at which to look at the line; the ten minutes and the half hour are [C], the steps [A].
_LOOK_AFTER: dict[Timing, tuple[float, ...]] = {
    Timing.IMMEDIATE: (0.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE),
    Timing.MINUTES: tuple(minutes * _MINUTE for minutes in (2, 5, 10, 20, 30, 45)),
    Timing.HALF_HOUR: tuple(minutes * _MINUTE for minutes in (30, 35, 45, 60)),
    Timing.NOTIFIED_BY_FILE: tuple(minutes * _MINUTE for minutes in (2, 5, 10, 20, 30, 45)),
}
# Every reply field of the reads is [A]; key: our word, value: name on the wire.
_DETAIL_FIELDS = {
    "lines": "responseDatas",
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
_TRAFFIC_FIELDS = {
    "traffic": "traffic",
    "today": "today",
    "recent_days": "inRecentDays",
    "throttled": "blackList",
    "remaining": "",  # no call is known to tell it
}
_HISTORY_FIELDS = {
    "account": "account",
    "from": "fromDate",
    "to": "toDate",
    "entries": "quotaHistory",
    "quota": "quota",
    "key": "quotaCode",
    "added_on": "date",
    "expires_on": "expire",
}
# Fields of card requests, and which of them each takes: PA02-01 beyond its first fields and all of PA05-33 are [A].
_CARD_FIELDS = {
    "add_kind": "addKind",
    "account": "account",
    "card_number": "productNumber",
    "plan_code": "planCode",
    "network": "contractLine",
    "porting": "mnp",
    "method": "method",
    "state": "state",
}
_CARD_REQUESTS: dict[Call, tuple[str, ...]] = {
    Call.REGISTER_CARD: ("account", "card_number", "plan_code", "network"),
    Call.RESERVE_CARD: ("account", "card_number", "porting"),
    Call.REGISTER_RESERVED_CARD: ("account", "plan_code", "porting"),
    Call.CHANGE_RESERVED_CARD: ("account", "card_number", "porting"),
    Call.ACTIVATE_OVER_THE_AIR: ("add_kind", "account", "card_number", "plan_code", "network", "porting"),
}
# The names are [C], except `oneStop`.
_PORTING_FIELDS = {
    "one_stop": "oneStop",
    "reservation": "reserveNumber",
    "expires_on": "reserveExpireDate",
    "family_name": "lastnameKanji",
    "given_name": "firstnameKanji",
    "family_name_kana": "lastnameZenKana",
    "given_name_kana": "firstnameZenKana",
    "gender": "gender",
    "born_on": "birthday",
}
_GENDERS = {"male": "M", "female": "W", "company": "C"}  # [C]
# voiceMail and callWaiting [C], the others [A].
_VOICE_OPTION_FIELDS = {
    "voice_mail": "voiceMail",
    "call_waiting": "callWaiting",
    "call_transfer": "callTransfer",
    "roaming_calls": "worldWing",
    "international_calls": "worldCall",
}
# What is always sent with a call. Names [C]; that PA02-01 wants `kind` is [A].
_CONSTANTS: dict[Call, Mapping[str, str]] = {
    Call.REGISTER_CARD: {"kind": "MVNO", "createType": "new"},
    Call.REGISTER_RESERVED_CARD: {"createType": "new"},
    Call.ADD_QUOTA: {"kind": "MVNO"},
    Call.CANCEL_LINE: {"kind": "MVNO"},
}
# Every state and every type of a running request is assumed.
_STATES = {
    "temporary": LineState.RESERVED,
    "pending": LineState.PENDING,
    "active": LineState.ACTIVE,
    "suspended": LineState.SUSPENDED,
    "cancelling": LineState.ENDING,
    "cancelled": LineState.ENDED,
    "failed": LineState.FAILED,
}
_RUNNING_TYPES = {
    "talkoption_register": "voice_options",
    "talkoption_change": "change_voice_options",
    "plan_change": "change_plan",
    "contractline": "change_network",
    "esim_reissue": "reissue",
    "cancel": "cancel_line",
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
# Seconds [A].
_DELAYS = {"connect": 5.0, "read": 30.0, "key_kept": 1200.0, "send_within": 10.0, "busy": 600.0}
# Values [C] where Freebit's own, the meaning of card states partly [A].
_WORDS = {"semi_black": "10", "reservation_cancelled": "60"}


def _frozen(rows: Mapping[Key, Value]) -> Mapping[Key, Value]:
    return MappingProxyType(dict(rows))


@dataclass(frozen=True, slots=True)
class FreebitTables:
    """Everything about Freebit that may turn out different.

    `eid_field` and `card_field` name the fields by which the detail call finds a line whose number is not known yet,
    by EID and by the number on the card ([A]); empty when Freebit offers no such look-up: then numbers that Freebit
    assigns cannot be used there (see freebit.py). `new_card_route` and `ported_card_route` say which calls switch a
    card on: a matter of the contract. Top-ups lie between `least_top_up` and `most_top_up` megabytes.
    """

    paths: Mapping[Call, str] = field(default_factory=lambda: _frozen(_PATHS))
    timings: Mapping[Call, Timing] = field(default_factory=lambda: _frozen(_TIMINGS))
    look_after: Mapping[Timing, tuple[float, ...]] = field(default_factory=lambda: _frozen(_LOOK_AFTER))
    detail_fields: Mapping[str, str] = field(default_factory=lambda: _frozen(_DETAIL_FIELDS))
    traffic_fields: Mapping[str, str] = field(default_factory=lambda: _frozen(_TRAFFIC_FIELDS))
    history_fields: Mapping[str, str] = field(default_factory=lambda: _frozen(_HISTORY_FIELDS))
    card_fields: Mapping[str, str] = field(default_factory=lambda: _frozen(_CARD_FIELDS))
    card_requests: Mapping[Call, tuple[str, ...]] = field(default_factory=lambda: _frozen(_CARD_REQUESTS))
    porting_fields: Mapping[str, str] = field(default_factory=lambda: _frozen(_PORTING_FIELDS))
    genders: Mapping[str, str] = field(default_factory=lambda: _frozen(_GENDERS))
    voice_option_fields: Mapping[str, str] = field(default_factory=lambda: _frozen(_VOICE_OPTION_FIELDS))
    constants: Mapping[Call, Mapping[str, str]] = field(default_factory=lambda: _frozen(_CONSTANTS))
    states: Mapping[str, LineState] = field(default_factory=lambda: _frozen(_STATES))
    running_types: Mapping[str, str] = field(default_factory=lambda: _frozen(_RUNNING_TYPES))
    sim_kinds: Mapping[SimKind, str] = field(default_factory=lambda: _frozen(_SIM_KINDS))
    codes: Mapping[str, Reason] = field(default_factory=lambda: _frozen(_CODES))
    delays: Mapping[str, float] = field(default_factory=lambda: _frozen(_DELAYS))
    words: Mapping[str, str] = field(default_factory=lambda: _frozen(_WORDS))
    eid_field: str = "eid"
    card_field: str = ""
    detail_version: str = "2"
    body: Body = Body.URLENCODED
    new_card_route: CardRoute = CardRoute.ACCOUNT_REGISTRATION
    ported_card_route: CardRoute = CardRoute.SEMI_BLACK
    least_top_up: int = 1
    most_top_up: int = 512_000
    kilobytes_per_megabyte: int = 1000

    def accepted(self, call: Call, account: str | None) -> Accepted:
        """What an accepted request promises: when it takes effect and when to look."""
        timing = self.timings[call]
        return Accepted(timing, tuple(self.look_after[timing]), account)

    def looks_after(self, call: Call) -> tuple[float, ...]:
        """Seconds after a request at which to look at the line, ascending."""
        return tuple(sorted(self.look_after[self.timings[call]]))

    def overridden(self, changes: Mapping[str, Any]) -> "FreebitTables":
        """The tables with some rows replaced, e.g. {"paths": {"detail": "mvno/detail"}, "eid_field": ""}.

        ValueError for a table, call, state, reason or route that does not exist.
        """
        known = {one.name for one in fields(self)}
        replaced: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"Freebit has no table {name}")
            present = getattr(self, name)
            if isinstance(value, Mapping) != isinstance(present, Mapping):
                raise ValueError(f"table {name} has another shape")
            replaced[name] = _merged(present, value) if isinstance(value, Mapping) else type(present)(value)
        return replace(self, **replaced)


def _merged(present: Mapping[Any, Any], rows: Mapping[str, Any]) -> Mapping[Any, Any]:
    """The present rows with others in their place; keys and values become what the present ones are."""
    key_type, value_type = (type(one) for one in next(iter(present.items())))
    return MappingProxyType({**present, **{key_type(key): value_type(value) for key, value in rows.items()}})
