"""How values are written for WHMCS: form fields in PHP's array syntax and base64 of PHP's serialize().

Source: reference/whmcs.md 1.1 and 1.2.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

Value: TypeAlias = "str | int | bool | Sequence[Value] | Mapping[str, Value] | Mapping[int, Value] | None"


_WHOLE_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_LARGEST: Final = 2**63 - 1
"""PHP's integers have 64 bits."""


def form_fields(parameters: Mapping[str, Value]) -> dict[str, str]:
    """Give the flat form fields of one call.

    True is `1`; false and None are left out, because PHP takes the text "false" for true. Lists get explicit indices
    and keep them over gaps, because WHMCS joins parallel arrays by index.
    """
    return dict(_flat(parameters))


def _flat(parameters: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    for name, value in parameters.items():
        yield from _field(name, value)


def _field(name: str, value: Value) -> Iterator[tuple[str, str]]:
    if value is None or value is False:
        return
    if value is True:
        yield name, "1"
    elif isinstance(value, str | int):
        yield name, str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _field(f"{name}[{key}]", inner)
    else:
        for index, inner in enumerate(value):
            yield from _field(f"{name}[{index}]", inner)


def values_by_id(values: Mapping[int, str]) -> str | None:
    """Give `customfields` or `configoptions` as WHMCS takes them: base64 of a serialized PHP array, id to text.

    None without any, so that the form leaves the field out.
    """
    if not values:
        return None
    return base64.b64encode(php_serialized(values)).decode("ascii")


def php_serialized(value: "str | int | Mapping[int, str] | Mapping[str, str | int]") -> bytes:
    """Serialize as PHP does: text lengths count UTF-8 bytes, and a key that reads as a whole number is one.

    Raises ValueError for what PHP could not hold: a number of more than 64 bits, text that is no Unicode.
    """
    if isinstance(value, str):
        text = value.encode()
        return b's:%d:"%s";' % (len(text), text)
    if isinstance(value, int):
        if not _is_php_integer(value):
            raise ValueError("a number of more than 64 bits")
        return b"i:%d;" % value
    pairs = b"".join(php_serialized(_php_key(key)) + php_serialized(inner) for key, inner in value.items())
    return b"a:%d:{%s}" % (len(value), pairs)


def _php_key(key: str | int) -> str | int:
    if isinstance(key, str) and _WHOLE_NUMBER.fullmatch(key) and _is_php_integer(int(key)):
        return int(key)
    return key


def _is_php_integer(number: int) -> bool:
    return -_LARGEST - 1 <= number <= _LARGEST
