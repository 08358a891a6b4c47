"""Between our words and Freebit's JSON: what a request looks like, what a detail reply says."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.sim import (
    EsimActivation,
    EsimReissue,
    Line,
    LineState,
    OwnNumber,
    PortedNumber,
    PreparedNumber,
    TopUp,
    Usage,
    VoiceOptions,
)

_ON, _OFF = "10", "20"


def flag(on: bool) -> str:  # noqa: FBT001 - the flag itself
    """Freebit's yes and no."""
    return _ON if on else _OFF


def day(value: date) -> str:
    """A date as Freebit writes it, YYYYMMDD."""
    return value.strftime("%Y%m%d")


def read_day(text: str) -> date | None:
    """The date of YYYYMMDD; None when empty. ValueError when there is no such day."""
    return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if text else None


def write_activation(wanted: EsimActivation, tables: FreebitTables) -> dict[str, Any]:
    """PA05-41 (reference/freebit.md 3.8). `aladinOperated` "10" goes with our own new numbers alone (400-356)."""
    fields: dict[str, Any] = {
        "aladinOperated": flag(isinstance(wanted.number, OwnNumber)),
        "addKind": "M" if isinstance(wanted.number, PortedNumber) else "N",
        "eid": wanted.eid,
        "simKind": tables.sim_kinds[wanted.sim_kind],
        "planCode": wanted.plan_code,
        "contractLine": wanted.network,
    }
    number = wanted.number
    if isinstance(number, OwnNumber):
        fields |= {
            "account": number.account,
            "repAccount": number.representative,
            "shipDate": day(number.shipped_on),
        }
    elif isinstance(number, PreparedNumber):
        fields |= {"account": number.account}
    elif isinstance(number, PortedNumber):
        fields |= {"account": number.account, "mnp": write_porting(number, tables)}
    return fields


def write_porting(number: PortedNumber, tables: FreebitTables) -> dict[str, str]:
    """The data of a number that is brought along; with a one-stop flag where there is no reservation."""
    names = tables.porting_fields
    if number.reservation is None or number.reservation_expires_on is None:
        reservation = {names["one_stop"]: _ON}
    else:
        reservation = {
            names["reservation"]: number.reservation.replace("-", ""),
            names["expires_on"]: day(number.reservation_expires_on),
        }
    return {
        **reservation,
        names["family_name"]: number.family_name,
        names["given_name"]: number.given_name,
        names["family_name_kana"]: number.family_name_kana,
        names["given_name_kana"]: number.given_name_kana,
        names["gender"]: tables.genders[number.gender],
        names["born_on"]: day(number.born_on),
    }


def write_reissue(wanted: EsimReissue) -> dict[str, Any]:
    """PA05-41 for a reissue: neither SIM kind nor plan is sent (reference/freebit.md 3.8)."""
    old = {"oldEid": wanted.old_eid}
    if wanted.old_product_number:
        old["oldProductNumber"] = wanted.old_product_number
    return {"aladinOperated": _OFF, "addKind": "R", "account": wanted.account, "eid": wanted.new_eid, "reissue": old}


def write_options(options: VoiceOptions, tables: FreebitTables) -> dict[str, Any]:
    """The options that are said outright, confirmed by the customer."""
    names = tables.voice_option_fields
    chosen = {names[word]: flag(on) for word, on in asdict(options).items() if on is not None}
    return {"userConfirmed": _ON, "talkOption": chosen}


def read_line(shown: Mapping[str, Any], tables: FreebitTables) -> Line:
    """A line from one element of the detail reply. KeyError without account or state, ValueError for a wrong date."""
    names = tables.detail_fields

    def text(word: str) -> str:
        value = shown.get(names[word])
        return "" if value is None else str(value)

    raw_state = str(shown[names["state"]])
    options = shown.get(names["voice_options"]) or {}
    return Line(
        account=str(shown[names["account"]]),
        state=tables.states.get(raw_state, LineState.UNKNOWN),
        raw_state=raw_state,
        plan_code=text("plan_code"),
        eid=text("eid"),
        iccid=text("iccid"),
        product_number=text("product_number"),
        network=text("network"),
        carries_voice=text("voice") == _ON,
        voice_options=VoiceOptions(
            **{word: _read_flag(options.get(name)) for word, name in tables.voice_option_fields.items()}
        ),
        started_on=read_day(text("started_on")),
        ended_on=read_day(text("ended_on")),
        running_requests=tuple(
            tables.running_types.get(str(one[names["running_type"]]), str(one[names["running_type"]]))
            for one in shown.get(names["running"]) or ()
        ),
        activation_code=text("activation_code") or None,
    )


def _read_flag(value: object) -> bool | None:
    return {_ON: True, _OFF: False}.get(str(value))


def read_usage(reply: Mapping[str, Any], tables: FreebitTables) -> Usage:
    """PA05-01 (3.2): kilobytes as text, days with commas, newest first. KeyError or ValueError without a figure."""
    names = tables.traffic_fields
    traffic = reply[names["traffic"]]

    def megabytes(kilobytes: object) -> int:
        return int(str(kilobytes)) // tables.kilobytes_per_megabyte

    recent = str(traffic.get(names["recent_days"]) or "")
    remaining = traffic.get(names["remaining"])
    return Usage(
        used_today_mb=megabytes(traffic[names["today"]]),
        recent_days_mb=tuple(megabytes(one) for one in recent.split(",") if one.strip()),
        throttled=str(traffic.get(names["throttled"])) == _ON,
        remaining_mb=None if remaining in (None, "") else megabytes(remaining),
    )


def read_top_ups(reply: Mapping[str, Any], tables: FreebitTables) -> tuple[TopUp, ...]:
    """PA05-02 (3.4). KeyError, TypeError or ValueError for a reply that is no history."""
    names = tables.history_fields
    entries = reply[names["entries"]]
    if not isinstance(entries, list):
        raise TypeError("the history is no list")
    return tuple(
        TopUp(
            megabytes=int(str(entry[names["quota"]])),
            key=str(entry.get(names["key"]) or ""),
            added_on=read_day(str(entry.get(names["added_on"]) or "")),
            expires_on=read_day(str(entry.get(names["expires_on"]) or "")),
        )
        for entry in entries
    )
