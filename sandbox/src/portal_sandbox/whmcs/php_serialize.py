"""PHP's unserialize() for what custom fields may hold; as strict about byte lengths as PHP is."""

import base64
import binascii
import re
from typing import TypeAlias

from portal_sandbox.whmcs.php_forms import PhpKey, php_key

PhpSerialized: TypeAlias = "str | int | float | bool | dict[PhpKey, PhpSerialized] | None"

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_HEAD = {
    b"i": re.compile(rb"i:([+-]?\d+);"),
    b"d": re.compile(rb"d:([-+0-9.eEINFAN]+);"),
    b"b": re.compile(rb"b:([01]);"),
    b"N": re.compile(rb"N;"),
    b"s": re.compile(rb's:(\d+):"'),
    b"a": re.compile(rb"a:(\d+):\{"),
}


class UnserializeError(ValueError):
    """PHP would answer false here."""


def unserialize(data: bytes) -> PhpSerialized:
    """The value, ignoring what follows it (as PHP does). UnserializeError where PHP answers false."""
    value, _ = _value(data, 0)
    return value


def decode_field_map(text: str) -> dict[int, PhpSerialized]:
    """base64 of a serialized array keyed by field id. Anything else gives an empty map: WHMCS ignores it silently."""
    try:
        # base64_decode() in its default mode drops foreign characters and forgives missing padding.
        letters = _NOT_BASE64.sub(b"", text.encode())
        value = unserialize(base64.b64decode(letters + b"=" * (-len(letters) % 4)))
    except (UnserializeError, binascii.Error):
        return {}
    if not isinstance(value, dict):
        return {}
    return {key: inner for key, inner in value.items() if isinstance(key, int)}


def _value(data: bytes, at: int) -> tuple[PhpSerialized, int]:
    kind = data[at : at + 1]
    pattern = _HEAD.get(kind)
    head = pattern.match(data, at) if pattern else None
    if head is None:
        raise UnserializeError(f"no value at byte {at}")
    if kind == b"s":
        return _text(data, head.end(), int(head.group(1)))
    if kind == b"a":
        return _array(data, head.end(), int(head.group(1)))
    scalars: dict[bytes, PhpSerialized] = {b"N": None}
    if kind == b"i":
        scalars[b"i"] = int(head.group(1))
    elif kind == b"b":
        scalars[b"b"] = head.group(1) == b"1"
    elif kind == b"d":
        scalars[b"d"] = _double(head.group(1))
    return scalars[kind], head.end()


def _text(data: bytes, at: int, length: int) -> tuple[str, int]:
    end = at + length
    if data[end : end + 2] != b'";':
        raise UnserializeError(f"the length in bytes is wrong at byte {at}")
    return data[at:end].decode("utf-8", errors="replace"), end + 2


def _array(data: bytes, at: int, count: int) -> tuple[dict[PhpKey, PhpSerialized], int]:
    found: dict[PhpKey, PhpSerialized] = {}
    for _ in range(count):
        key, at = _value(data, at)
        value, at = _value(data, at)
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise UnserializeError("an array key is an integer or a text")
        found[php_key(key) if isinstance(key, str) else key] = value
    if data[at : at + 1] != b"}":
        raise UnserializeError("the number of pairs is wrong")
    return found, at + 1


def _double(text: bytes) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UnserializeError("not a number") from error
