"""Which passwords are too weak (NIST 800-63B-4: length and a block-list, no composition rules)."""

import itertools
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

from portal_contracts.problems import FieldError, Refused

LEAST_DIFFERENT: Final = 5
LEAST_FOREIGN: Final = 6
"""Characters that must remain once everything known about the customer is taken away."""


def normal_password(password: str) -> str:
    """Give the form that is hashed: the same password whatever keyboard composed it."""
    return unicodedata.normalize("NFKC", password)


def too_weak(password: str, least: int, known: Iterable[str]) -> bool:
    """Say whether a password must be refused. `known` is what an attacker knows of the customer."""
    text = normal_password(password).casefold()
    if len(text) < least or len(set(text)) < LEAST_DIFFERENT:
        return True
    bare = re.sub(r"[\W\d_]+", "", text)
    if not bare and _is_run(text):
        return True
    for word in sorted((*_common_words(), *_parts(known)), key=len, reverse=True):
        bare = bare.replace(word, "")
    digits_and_marks = len(text) - len(re.sub(r"[\W\d_]+", "", text))
    return len(bare) + min(digits_and_marks, 4) < LEAST_FOREIGN


def require_strong(password: str, least: int, known: Iterable[str]) -> None:
    """Refuse a weak password with PASSWORD_TOO_WEAK on the field `password`."""
    if too_weak(password, least, known):
        fault = FieldError(field="password", code="PASSWORD_TOO_WEAK", facts={"limit": least})
        raise Refused("PASSWORD_TOO_WEAK", facts={"limit": least}, fields=[fault])


def _is_run(text: str) -> bool:
    """Say whether digits just count up, down or repeat a short pattern."""
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(text)}
    pattern = next((size for size in range(1, 5) if text == (text[:size] * len(text))[: len(text)]), 0)
    return len(steps) == 1 or pattern > 0 or text.startswith(("12345678901234", "98765432109876"))


def _parts(known: Iterable[str]) -> set[str]:
    parts = {part for text in known for part in re.split(r"[\W\d_]+", unicodedata.normalize("NFKC", text).casefold())}
    return {part for part in parts if len(part) > 2}  # noqa: PLR2004 - shorter parts are in every word


@cache
def _common_words() -> frozenset[str]:
    text = (files("portal_identity") / "common_words.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip())
