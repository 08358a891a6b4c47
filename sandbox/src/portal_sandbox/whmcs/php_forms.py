"""Form bodies as PHP reads them: `a[0]=x&a[]=y&a[key]=z` becomes nested arrays."""

import re
from typing import TypeAlias
from urllib.parse import parse_qsl

PhpKey: TypeAlias = int | str
PhpValue: TypeAlias = "str | dict[PhpKey, PhpValue]"

_WHOLE_NUMBER = re.compile(r"-?[1-9][0-9]*|0")
_BRACKETS = re.compile(r"\[([^\]]*)\]")


def php_key(text: str) -> PhpKey:
    """PHP turns array keys that look like whole numbers into integers."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else text


def parse_form(body: bytes) -> dict[PhpKey, PhpValue]:
    """$_POST. The last of several scalars with one name wins; a broken bracket stays part of the name."""
    form: dict[PhpKey, PhpValue] = {}
    for name, value in parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace"):
        top, keys = _split(name)
        if top:
            _put(form, [top, *keys], value)
    return form


def _split(name: str) -> tuple[str, list[str]]:
    start = name.find("[")
    if start <= 0 or "]" not in name[start:]:
        return re.sub(r"[ .\[]", "_", name), []
    keys: list[str] = []
    position = start
    while (found := _BRACKETS.match(name, position)) is not None:
        keys.append(found.group(1))
        position = found.end()
    return re.sub(r"[ .]", "_", name[:start]), keys


def _put(into: dict[PhpKey, PhpValue], path: list[str], value: str) -> None:
    key = php_key(path[0]) if path[0] != "" else _next_index(into)
    if len(path) == 1:
        into[key] = value
        return
    inner = into.get(key)
    if not isinstance(inner, dict):
        inner = into[key] = {}
    _put(inner, path[1:], value)


def _next_index(array: dict[PhpKey, PhpValue]) -> int:
    return max((key for key in array if isinstance(key, int)), default=-1) + 1


class Params:
    """The fields of one call, read the way PHP code reads them."""

    def __init__(self, form: dict[PhpKey, PhpValue]) -> None:
        self._form = form

    def has(self, name: str) -> bool:
        """isset()."""
        return name in self._form

    def text(self, name: str, default: str = "") -> str:
        """A scalar; an array where a scalar belongs counts as not sent."""
        value = self._form.get(name, default)
        return value.strip() if isinstance(value, str) else default

    def whole(self, name: str) -> int:
        """(int) cast: leading digits, 0 when there are none."""
        found = re.match(r"\s*[+-]?\d+", self.text(name))
        return int(found.group()) if found else 0

    def flag(self, name: str) -> bool:
        """(bool) cast: every text is true but "" and "0", also the text "false"."""
        return self.text(name) not in ("", "0")

    def array(self, name: str) -> dict[PhpKey, PhpValue]:
        """An array; empty when not sent or a scalar."""
        value = self._form.get(name)
        return value if isinstance(value, dict) else {}

    def is_scalar(self, name: str) -> bool:
        """Whether a scalar was sent, where an array may be wanted."""
        return isinstance(self._form.get(name), str)

    def names(self) -> list[str]:
        """All top-level names."""
        return [str(key) for key in self._form]
