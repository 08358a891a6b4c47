"""Bad input said in our words, field by field, under the names the sender used.

Used where input comes in: the bus and the gateway. Neither values nor payloads get into the problem.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from portal_contracts.field_hints import hint_of
from portal_contracts.problems import CATALOGUE, FieldError, Refused

BODY: Final = "body"
"""What a fault of the input as a whole is called."""
_AT_MOST_FAULTS: Final = 50
_CODES: Final[Mapping[str, str]] = {
    "missing": "FIELD_MISSING",
    "string_too_long": "FIELD_TOO_LONG",
    "too_long": "FIELD_TOO_LONG",
    "string_too_short": "FIELD_TOO_SHORT",
    "too_short": "FIELD_TOO_SHORT",
}
_PLACES: Final[Mapping[str, str]] = {"CUSTOMER_NUMBER_CONFLICT": "customerNumber"}
"""Where the faults of two fields at once are shown."""


def refused_input(error: ValidationError) -> Refused:
    """Give the problem that names every faulty field.

    A single fault with a code of its own is that problem, e.g. CUSTOMER_NUMBER_CONFLICT with its status 400 (C11).
    """
    details = error.errors(include_url=False)[:_AT_MOST_FAULTS]
    faults = [_fault(detail) for detail in details]
    own = faults[0].code if len(faults) == 1 and details[0]["type"] in CATALOGUE else "BAD_REQUEST"
    return Refused(own, fields=faults)


def refused_field(field: str, reason: str, reason_ja: str = "") -> Refused:
    """Give the problem of one field that has a wrong form. Programs alone meet those without a Japanese reason."""
    facts = {"reason": reason, "reason_ja": reason_ja}
    return Refused("BAD_REQUEST", fields=[FieldError(field=field, code="FIELD_INVALID", facts=facts)])


def _fault(detail: ErrorDetails) -> FieldError:
    kind = detail["type"]
    field = _place(detail["loc"]) or _PLACES.get(kind, BODY)
    code = kind if kind in CATALOGUE else _CODES.get(kind, "FIELD_INVALID")
    if kind in {"too_long", "too_short"} and not isinstance(detail["input"], str):
        code = "FIELD_INVALID"  # a list has no characters; what was sent goes no further than this
    context = detail.get("ctx", {})
    limit = context.get("max_length", context.get("min_length"))
    if code in {"FIELD_TOO_LONG", "FIELD_TOO_SHORT"} and isinstance(limit, int):
        return FieldError(field=field, code=code, facts={"limit": limit})
    if code == "FIELD_INVALID":
        hint = hint_of(kind, detail["msg"], context)
        return FieldError(field=field, code=code, facts={"reason": hint.en, "reason_ja": hint.ja})
    return FieldError(field=field, code=code)


def _place(location: tuple[int | str, ...]) -> str:
    """Write `lines[0].sku`, as the services do."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")
