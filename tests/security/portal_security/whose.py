"""Whose records are in an answer: by the marks in texts, and by every id, number and price a member has."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from portal_security.crowd import Member

_OF_ONE_ALONE: Final = re.compile(
    r"canary[0-9a-f]{12}|(?<![0-9a-z])(?:[0-9a-z]{18}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|0\d{10})"
    r"(?![0-9a-z])"
)
"""What can be told from anything else by itself: marks, Salesforce's ids, the portal's, numbers of lines.

In small letters: an id of 18 characters is the same in them, and the portal writes customer numbers in capitals.
"""
_NUMBERS: Final = ("id", "number")
"""Ends of the names of fields that hold ids; elsewhere the same digits may be an amount."""


class Whose:
    """Knows what belongs to which member. Names of fields only matter for small numbers."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._by_text = {text.lower(): one.mark for one in members for text in _texts(one)}
        self._by_number = {number: one.mark for one in members for number in _numbers(one)}
        self._by_price = {str(one.price): one.mark for one in members}

    def found_in(self, answer: str) -> dict[str, str]:
        """Give what stands in an answer and belongs to a member, with the member's mark."""
        found = {text: self._by_text[text] for text in _OF_ONE_ALONE.findall(answer.lower()) if text in self._by_text}
        # A mark that nobody has any more is still somebody's.
        found |= {text: text for text in _OF_ONE_ALONE.findall(answer.lower()) if text.startswith("canary")}
        for name, value in _values("", _read(answer)):
            known = self._by_number.get((_kind(name), value)) if _names_a_number(name) else self._by_price.get(value)
            if known:
                found[value] = known
        return found


def _texts(member: Member) -> list[str]:
    own = [member.mark, member.account_id, str(member.user_id), member.line]
    return own + [value for value in member.ids.values() if isinstance(value, str)]


def _numbers(member: Member) -> list[tuple[str, str]]:
    """Give the numbers by their kind: WHMCS's ids are of one kind, since no two of them are alike here."""
    of_whmcs = [member.client_id, member.ids["serviceId"], member.ids["invoiceId"], member.first_invoice_id]
    return [("", str(number)) for number in of_whmcs] + list(member.numbers.items())


def _kind(name: str) -> str:
    return name if name in {"orderNumber", "caseNumber"} else ""


def _names_a_number(name: str) -> bool:
    return name.lower().endswith(_NUMBERS)


def _read(answer: str) -> Any:
    try:
        return json.loads(answer)
    except ValueError:
        return None  # a file


def _values(name: str, part: Any) -> Iterator[tuple[str, str]]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            yield from _values(key, value)
    elif isinstance(part, list):
        for value in part:
            yield from _values(name, value)
    elif part is not None:
        yield name, str(part)
