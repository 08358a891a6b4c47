"""Which passwords are too weak (NIST 800-63B-4: length and a block-list, no composition rules).

The block-list is the 30,000 most used passwords of breaches that come with zxcvbn, compared whole, and words, names and
well-known phrases that a password may not consist of alone.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final

from zxcvbn.adjacency_graphs import ADJACENCY_GRAPHS  # type: ignore[import-untyped]  # it has no types
from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]  # as above

from portal_contracts.problems import FieldError, Refused

LEAST_DIFFERENT: Final = 5
LEAST_FOREIGN: Final = 6
"""Characters that must remain once common words, walks on the keyboard and what is known of the customer are gone."""
_LEAST_WALK: Final = 3
"""Neighbouring keys in a row that are a walk: the columns of a keyboard have three letters."""


def normal_password(password: str) -> str:
    """Give the form that is hashed: the same password whatever keyboard composed it."""
    return unicodedata.normalize("NFKC", password)


def too_weak(password: str, least: int, known: Iterable[str]) -> bool:
    """Say whether a password must be refused. `known` is what an attacker knows of the customer."""
    text = normal_password(password).casefold()
    if len(text) < least or len(set(text)) < LEAST_DIFFERENT or _is_common(text) or _is_walked(text):
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


def _is_common(text: str) -> bool:
    """Say whether it is a much used password, also with digits and marks around it or written several times."""
    once = next(text[:size] for size in range(1, len(text) + 1) if text == text[:size] * (len(text) // size))
    word = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)
    return not common_passwords().isdisjoint({text, once, word, re.sub(r"[\W_]+", "", text)})


def _is_walked(text: str) -> bool:
    """Say whether hardly more than walks on a keyboard is left, along its rows or its columns."""
    near = [_neighbours(after, before) for before, after in itertools.pairwise(text)]
    foreign = walked = 0
    for follows in (*near, False):
        walked += 1
        if not follows:
            foreign += 0 if walked >= _LEAST_WALK else walked
            walked = 0
    return foreign < LEAST_FOREIGN


def _neighbours(key: str, other: str) -> bool:
    return key == other or any(key in keys for keys in _beside(other))


def _is_run(text: str) -> bool:
    """Say whether digits just count up, down or repeat a short pattern."""
    steps = {ord(after) - ord(before) for before, after in itertools.pairwise(text)}
    pattern = next((size for size in range(1, 5) if text == (text[:size] * len(text))[: len(text)]), 0)
    return len(steps) == 1 or pattern > 0 or text.startswith(("12345678901234", "98765432109876"))


def _parts(known: Iterable[str]) -> set[str]:
    parts = {part for text in known for part in re.split(r"[\W\d_]+", unicodedata.normalize("NFKC", text).casefold())}
    return {part for part in parts if len(part) > 2}  # noqa: PLR2004 - shorter parts are in every word


@cache
def common_passwords() -> frozenset[str]:
    """Give the most used passwords, in lower case."""
    return frozenset(FREQUENCY_LISTS["passwords"])


@cache
def _beside(key: str) -> tuple[str, ...]:
    """Give the keys beside one, each with both of its signs."""
    boards = (ADJACENCY_GRAPHS["qwerty"], ADJACENCY_GRAPHS["keypad"])
    return tuple(beside for board in boards for beside in board.get(key, ()) if beside)


@cache
def _common_words() -> frozenset[str]:
    text = (files("portal_identity") / "common_words.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.strip())
