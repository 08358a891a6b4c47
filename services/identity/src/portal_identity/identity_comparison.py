"""Is who was proven at the eKYC provider who we have on file (C26, D16)? No I/O."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal, get_args

from portal_contracts.values import comparable_postcode, comparable_text

Compared = Literal["name", "birth_date", "address"]
COMPARED: Final[tuple[Compared, ...]] = get_args(Compared)
WORDS: Final[dict[Compared, tuple[str, str]]] = {
    "name": ("name", "氏名"),
    "birth_date": ("date of birth", "生年月日"),
    "address": ("address", "住所"),
}
"""What is compared, for staff and in the customer's two languages."""
_DASHES: Final = re.compile(r"[-\u2010-\u2015\u2212\u30fc\uff70~]+")
_NUMBERED: Final = re.compile("(?<=[0-9])(?:丁目|番地の|番地|番|号|ノ)")
_NUMERALS: Final = str.maketrans("一二三四五六七八九", "123456789")
_BLOCK: Final = re.compile("([一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])(?=丁目)")


@dataclass(frozen=True, slots=True)
class PersonOnFile:
    """Who the customer is by contact and account. Empty or None: not on file."""

    family_name: str = field(repr=False)
    given_name: str = field(repr=False)
    birth_date: date | None = field(repr=False)
    address: str = field(repr=False)
    """Prefecture, city and street as one text, without the building."""
    postcode: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ProvenPerson:
    """What the provider proved, for one comparison in memory: it is stored and logged nowhere."""

    names: Sequence[str] = field(repr=False)
    """Every writing of the whole name that was given, kana too."""
    birth_date: date | None = field(repr=False)
    address: str = field(repr=False)
    postcode: str = field(repr=False)


def missing(on_file: PersonOnFile, compared: Collection[Compared]) -> list[Compared]:
    """Give what is to be compared and is not on file."""
    there = {
        "name": bool(on_file.family_name),
        "birth_date": on_file.birth_date is not None,
        "address": bool(on_file.address),
    }
    return [one for one in COMPARED if one in compared and not there[one]]


def differing(on_file: PersonOnFile, proven: ProvenPerson, compared: Collection[Compared]) -> list[Compared]:
    """Give what is not alike, in a fixed order. What was not proven is not alike."""
    alike = {
        "name": _names_alike(on_file, proven),
        "birth_date": on_file.birth_date is not None and on_file.birth_date == proven.birth_date,
        "address": _addresses_alike(on_file, proven),
    }
    return [one for one in COMPARED if one in compared and not alike[one]]


def rejection(differences: Collection[Compared]) -> str:
    """Give the reason a customer reads, in both languages: the field is one for both, and of 255 characters."""
    english = " and ".join(WORDS[one][0] for one in differences)
    japanese = "・".join(WORDS[one][1] for one in differences)
    return (
        f"本人確認の結果とご登録の{japanese}が一致しませんでした。担当者が確認いたします。 "
        f"What was proven differs from the {english} we have on file. Our staff will look at it."
    )


def _names_alike(on_file: PersonOnFile, proven: ProvenPerson) -> bool:
    family, given = comparable_text(on_file.family_name), comparable_text(on_file.given_name)
    return any(comparable_text(name) in {family + given, given + family} for name in proven.names if name.strip())


def _addresses_alike(on_file: PersonOnFile, proven: ProvenPerson) -> bool:
    """The proven one may go on with a building; digits must not go on, as 1-2 is no part of 1-23."""
    postcodes = {comparable_postcode(text) for text in (proven.postcode, on_file.postcode) if text}
    if len(postcodes) > 1:
        return False
    mine, theirs = comparable_address(on_file.address), comparable_address(proven.address)
    return bool(mine) and theirs.startswith(mine) and not re.match(r"-?\d", theirs[len(mine) :])


def comparable_address(text: str) -> str:
    """Give the form in which two writings of a Japanese address are equal: 一丁目２番３号 is 1-2-3."""
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    plain = _BLOCK.sub(lambda found: str(_number(found[1])), plain)
    plain = _NUMBERED.sub("-", plain)
    return comparable_text(_DASHES.sub("-", plain)).strip("-")


def _number(numeral: str) -> int:
    """Read a Japanese numeral below a hundred."""
    tens, ten, ones = numeral.translate(_NUMERALS).rpartition("十")
    return (int(tens or "1") * 10 if ten else 0) + int(ones or "0")
