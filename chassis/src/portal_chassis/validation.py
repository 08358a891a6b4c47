"""Bad input said in our words: pydantic's complaints become `BAD_REQUEST` with one entry per field.

Used where input comes in: the bus and the gateway. Neither values nor payloads get into the problem.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from portal_contracts.problems import FieldError, Refused

_AT_MOST_FIELDS: Final = 50
_CODES: Final[Mapping[str, str]] = {
    "missing": "FIELD_MISSING",
    "string_too_long": "FIELD_TOO_LONG",
    "string_too_short": "FIELD_TOO_SHORT",
}


def refused_input(error: ValidationError) -> Refused:
    """Give the `BAD_REQUEST` that names each field by its wire name, such as `address.postcode`."""
    details = error.errors(include_url=False, include_context=True, include_input=False)
    fields = [_field_error(detail) for detail in details[:_AT_MOST_FIELDS] if detail["loc"]]
    return Refused("BAD_REQUEST", fields=fields)


def _field_error(detail: ErrorDetails) -> FieldError:
    name = ".".join(str(part) for part in detail["loc"])
    code = _CODES.get(detail["type"], "FIELD_INVALID")
    context = detail.get("ctx", {})
    limit = context.get("max_length", context.get("min_length"))
    if code in {"FIELD_TOO_LONG", "FIELD_TOO_SHORT"} and isinstance(limit, int):
        return FieldError(field=name, code=code, facts={"limit": limit})
    if code == "FIELD_INVALID":
        return FieldError(field=name, code=code, facts={"reason": detail["msg"].removeprefix("Value error, ")})
    return FieldError(field=name, code=code)
