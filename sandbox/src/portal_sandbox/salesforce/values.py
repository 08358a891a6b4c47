"""Turns JSON values of a caller into stored values, refusing what Salesforce refuses."""

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from portal_sandbox.salesforce import ids
from portal_sandbox.salesforce.errors import SalesforceError, bad_request
from portal_sandbox.salesforce.fields import NUMBER_TYPES, TEXT_TYPES, Field, FieldType
from portal_sandbox.salesforce.wire_times import parse_day, parse_moment, to_wire

Stored = str | float | bool | None
_EMAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]+@[^@\s.,;:<>()\[\]\\\"]+(\.[^@\s.,;:<>()\[\]\\\"]+)+")
_MAX_NUMBER = Decimal(10) ** 18


def coerce(field: Field, value: Any) -> Stored:
    """The stored form of a value. SalesforceError with the vendor's code when it does not fit the field."""
    if value is None or (value == "" and field.type != "boolean"):
        if field.type == "boolean":
            raise bad_request("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label}: value not of required type: null")
        return None
    if field.type == "boolean":
        return _boolean(field, value)
    if field.type in NUMBER_TYPES:
        return _number(field, value)
    if not isinstance(value, str):
        raise _cannot_deserialize(field, value)
    if field.type in TEXT_TYPES:
        return _text(field, value)
    return _FROM_TEXT[field.type](field, value)


def too_long(field: Field, value: str) -> SalesforceError:
    """The refusal of a text that exceeds its field."""
    return bad_request(
        "STRING_TOO_LONG",
        f"{field.label}: data value too large: {value[:255]} (max length={field.length})",
        [field.name],
    )


def _boolean(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise _cannot_deserialize(field, value)


def _number(field: Field, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _cannot_deserialize(field, value)
    try:
        exact = Decimal(str(value))
    except InvalidOperation as error:
        raise _cannot_deserialize(field, value) from error
    if not exact.is_finite() or abs(exact) >= _MAX_NUMBER:
        raise bad_request("NUMBER_OUTSIDE_VALID_RANGE", f"{field.label}: value outside of valid range", [field.name])
    scale = 0 if field.type == "int" else field.scale
    rounded = float(exact.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP))
    return math.trunc(rounded) if field.type == "int" else rounded


def _text(field: Field, value: str) -> str | None:
    kept = value.strip()
    if not kept:
        return None
    if field.type == "picklist" and field.restricted and kept not in field.picklist:
        raise bad_request(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.label}: bad value for restricted picklist field: {kept}",
            [field.name],
        )
    if field.type == "email" and not _EMAIL.fullmatch(kept):
        raise bad_request("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {kept}", [field.name])
    if field.length and len(kept) > field.length:
        raise too_long(field, kept)
    return kept


def _day(field: Field, value: str) -> str:
    day = parse_day(value)
    if day is None:
        raise _cannot_deserialize(field, value)
    return day.isoformat()


def _moment(field: Field, value: str) -> str:
    moment = parse_moment(value)
    if moment is None:
        raise _cannot_deserialize(field, value)
    return to_wire(moment)


def _blob(field: Field, value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise _cannot_deserialize(field, value) from error
    return value


def _reference(field: Field, value: str) -> str:
    known = ids.normalize(value)
    if known is None:
        raise bad_request("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", [field.name])
    return known


_FROM_TEXT: Mapping[FieldType, Callable[[Field, str], str]] = {
    "date": _day,
    "datetime": _moment,
    "base64": _blob,
    "reference": _reference,
    "id": _reference,
    "address": _reference,
}


def _cannot_deserialize(field: Field, value: Any) -> SalesforceError:
    kinds = {bool: "VALUE_TRUE", int: "VALUE_NUMBER_INT", float: "VALUE_NUMBER_FLOAT", str: "VALUE_STRING"}
    token = "VALUE_FALSE" if value is False else kinds.get(type(value), "START_OBJECT")
    shown = value if isinstance(value, str) else json.dumps(value)
    return bad_request(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {token} value {shown[:255]} or request may be missing a "
        "required field",
    )
