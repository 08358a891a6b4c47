"""Activation codes of eSIMs as phones read them (GSMA SGP.22 §4.1; freebit.md §7). No I/O, and nothing is logged."""

from dataclasses import dataclass, field
from typing import Final

PREFIX: Final = "LPA:"
_FORMAT: Final = "1"
_SHORTEST: Final = 3


@dataclass(frozen=True, slots=True)
class ActivationCode:
    """A parsed code. Every part of it is a secret: none shows in a repr."""

    text: str = field(repr=False)
    server: str = field(repr=False)
    matching_id: str = field(repr=False)
    needs_confirmation: bool = field(default=False, repr=False)


def parse_activation_code(text: str) -> ActivationCode | None:
    """Parse `LPA:1$server$matching-id[$OID][$1]`, with or without its prefix; None for anything else.

    The matching id and the OID may be empty; a `1` in the fifth place asks for a confirmation code.
    """
    plain = text.strip()
    plain = plain[len(PREFIX) :] if plain[: len(PREFIX)].upper() == PREFIX else plain
    parts = plain.split("$")
    if len(parts) < _SHORTEST or parts[0] != _FORMAT or not parts[1]:
        return None
    confirmation = len(parts) > _SHORTEST + 1 and parts[_SHORTEST + 1] == "1"
    return ActivationCode(f"{PREFIX}{plain}", parts[1], parts[2], confirmation)
