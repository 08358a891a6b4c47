"""Takes foreign JSON apart: every wrong type and every field SendGrid does not know becomes an entry of its own."""

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from portal_sandbox.sendgrid import problems
from portal_sandbox.sendgrid.problems import Problems

_ADDRESS = re.compile(r"[^@\s,;<>()\[\]\"]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.[A-Za-z]{2,}")
_Kind = TypeVar("_Kind")
_TYPE_NAMES: Mapping[type, str] = {str: "string", dict: "object", list: "array", bool: "boolean", int: "integer"}


def name_of(value: object) -> str:
    """The JSON name of a value's type."""
    return "null" if value is None else _TYPE_NAMES.get(type(value), "number")


class Part:
    """One JSON object of the mail, with its path; reports to `problems` and goes on with what can be read."""

    def __init__(self, values: Mapping[str, Any], path: str, found: Problems, known: Collection[str]) -> None:
        self.values = values
        self.path = path
        self.problems = found
        for name in sorted(set(values) - set(known)):
            self.complain(f"Additional property {name} is not allowed", name)

    def complain(self, message: str, name: str = "") -> None:
        """Adds a problem about a field of this object, or about the object itself."""
        self.problems.add(message, ".".join(part for part in (self.path, name) if part) or None)

    def at(self, name: str) -> str:
        """The full path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def text(self, name: str, *, least: int = 0) -> str | None:
        """A string, None when absent; too short ones are a problem."""
        value = self._typed(name, str)
        if value is not None and len(value) < least:
            self.complain(f"String length must be greater than or equal to {least}", name)
            return None
        return value

    def number(self, name: str) -> int | None:
        """A whole number, None when absent."""
        return self._typed(name, int)

    def boolean(self, name: str) -> bool | None:
        """True or false, None when absent."""
        return self._typed(name, bool)

    def items(self, name: str) -> list[Any] | None:
        """A list, None when absent."""
        return self._typed(name, list)

    def object(self, name: str) -> dict[str, Any] | None:
        """An object as it is, None when absent."""
        return self._typed(name, dict)

    def part(self, name: str, known: Collection[str]) -> "Part | None":
        """A nested object, None when absent or no object."""
        values = self.object(name)
        return None if values is None else Part(values, self.at(name), self.problems, known)

    def parts(self, name: str, known: Collection[str]) -> "list[Part]":
        """The objects of a list; empty when absent."""
        found = []
        for position, value in enumerate(self.items(name) or []):
            path = f"{self.at(name)}.{position}"
            if isinstance(value, dict):
                found.append(Part(value, path, self.problems, known))
            else:
                self.problems.add(f"Invalid type. Expected: object, given: {name_of(value)}.", path)
        return found

    def strings(self, name: str) -> dict[str, str]:
        """An object of strings (headers, custom_args, substitutions); empty when absent."""
        found = {}
        for key, value in (self.object(name) or {}).items():
            if isinstance(value, str):
                found[key] = value
            else:
                self.complain(f"Invalid type. Expected: string, given: {name_of(value)}.", f"{name}.{key}")
        return found

    def address(self, message: str = problems.NO_ADDRESS) -> str | None:
        """The field `email` of an address object, None with a problem when it is none."""
        email = self.values.get("email")
        if not isinstance(email, str) or not _ADDRESS.fullmatch(email):
            self.complain(message, "email")
            return None
        return email

    def _typed(self, name: str, kind: type[_Kind]) -> _Kind | None:
        value = self.values.get(name)
        # JSON's true is an int in Python but not in JSON.
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        if value is not None:
            self.complain(f"Invalid type. Expected: {_TYPE_NAMES[kind]}, given: {name_of(value)}.", name)
        return None
