"""Which fields a change event's bitmaps name (reference salesforce.md 4.11).

`0xHEX` has one bit per field of the event's record, the last bit being field 0; `P-0xHEX` has one bit per child of the
compound field P. Positions hold for the schema of that very event and for no other.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_BITMAP: Final = re.compile(r"(?:(\d{1,4})-)?0x([0-9A-Fa-f]{1,512})")


class WrongSchemaError(ValueError):
    """A bit stands for a field that the schema does not have: whatever else was read with it is wrong as well."""


def positions(bitmap: str) -> tuple[int | None, list[int]]:
    """Give the compound field a bitmap is about (None for the record itself) and the positions of its bits."""
    found = _BITMAP.fullmatch(bitmap)
    if not found:
        raise WrongSchemaError(f"{bitmap[:40]!r} is not a bitmap")
    bits = int(found[2], 16)
    parent = None if found[1] is None else int(found[1])
    return parent, [place for place in range(bits.bit_length()) if bits >> place & 1]


def field_names(bitmaps: Sequence[str], record: dict[str, Any]) -> list[str]:
    """Give the names behind the bitmaps in the record's order, `Parent.Child` for parts of compound fields.

    `record` is the event's Avro schema as Salesforce sent it. Raises WrongSchemaError.
    """
    named = dict(_named_records(record))
    names: list[str] = []
    for bitmap in bitmaps:
        parent, bits = positions(bitmap)
        if parent is None:
            names += [_field(record, place)["name"] for place in bits]
            continue
        compound = _field(record, parent)
        children = _nested_record(compound["type"], named)
        names += [f"{compound['name']}.{_field(children, place)['name']}" for place in bits]
    return names


def _field(record: dict[str, Any], place: int) -> dict[str, Any]:
    fields = record["fields"]
    if place >= len(fields):
        raise WrongSchemaError(f"there is no field {place} in {record.get('name')}")
    found: dict[str, Any] = fields[place]
    return found


def _nested_record(kind: Any, named: dict[str, dict[str, Any]]) -> dict[str, Any]:
    for option in kind if isinstance(kind, list) else [kind]:
        if isinstance(option, dict) and option.get("type") == "record":
            return option
        if isinstance(option, str) and option.rpartition(".")[2] in named:
            return named[option.rpartition(".")[2]]
    raise WrongSchemaError("a bitmap names children of a field that has none")


def _named_records(kind: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every record defined inside: after its first use it appears by its name only."""
    if isinstance(kind, list):
        for option in kind:
            yield from _named_records(option)
    elif isinstance(kind, dict):
        if kind.get("type") == "record":
            yield kind["name"], kind
            for field in kind["fields"]:
                yield from _named_records(field["type"])
        elif kind.get("type") == "array":
            yield from _named_records(kind["items"])
