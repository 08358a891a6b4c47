"""Between our words and Freebit's JSON: what a request looks like, what a detail reply says."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from portal_fulfillment.freebit_codes import FreebitTables
from portal_fulfillment.sim import EsimActivation, Line, LineState, OwnNumber, PortedNumber, VoiceOptions

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
    elif isinstance(number, PortedNumber):
        fields |= {"account": number.account, "mnp": _write_port_in(number)}
    return fields


def _write_port_in(number: PortedNumber) -> dict[str, str]:
    return {
        "reserveNumber": number.reservation.replace("-", ""),
        "reserveExpireDate": day(number.reservation_expires_on),
        "lastnameKanji": number.family_name,
        "firstnameKanji": number.given_name,
        "lastnameZenKana": number.family_name_kana,
        "firstnameZenKana": number.given_name_kana,
        "gender": number.gender,
        "birthday": day(number.born_on),
    }


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
        running_requests=tuple(str(one[names["running_type"]]) for one in shown.get(names["running"]) or ()),
        activation_code=text("activation_code") or None,
    )


def _read_flag(value: object) -> bool | None:
    return {_ON: True, _OFF: False}.get(str(value))
