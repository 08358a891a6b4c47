"""The Salesforce profile (requirements 2.3): how one system serves orgs with different field names and wordings."""

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from portal_salesforce.errors import misconfigured

SHIPPED: Final = ("2025-12", "2025-08")
UNKNOWN: Final = "unknown"
STAGE_CANCELLING: Final = "\u25b3Cancelling"
STAGE_CANCELLED: Final = "\u25b3Cancelled"
OBJECTS: Final = {
    "account": "Account",
    "contact": "Contact",
    "opportunity": "Opportunity",
    "order": "Order",
    "orderItem": "OrderItem",
    "product": "Product2",
    "case": "Case",
}


def comparable(text: str) -> str:
    """Give the form in which two writings of one picklist value are equal (C27)."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


@dataclass(frozen=True, slots=True)
class Picklist:
    """The two directions of one picklist. Writing is exact; reading accepts every wording the profile knows."""

    name: str
    object_name: str
    field: str
    reads: Mapping[str, str]
    writes: Mapping[str, str]
    empty: str
    spellings: tuple[str, ...]

    def read(self, text: str | None) -> str:
        """Give the canonical value of Salesforce's text, `unknown` for one the profile does not know."""
        if text is None or not text.strip():
            return self.empty
        return self.reads.get(comparable(text), UNKNOWN)

    def write(self, canonical: str) -> str:
        """Give the text to write; KeyError for a value that is never written."""
        return self.writes[canonical]

    def texts(self, *canonical: str) -> list[str]:
        """Give every text that reads as one of the canonical values, for a query."""
        return [text for text in self.spellings if self.reads[comparable(text)] in canonical]


@dataclass(frozen=True, slots=True)
class Profile:
    """A parsed profile, before an org was looked at."""

    name: str
    fields: Mapping[str, tuple[str, ...]]
    optional: frozenset[str]
    picklists: Mapping[str, Picklist]


@cache
def load_profile(name_or_path: str) -> Profile:
    """Read a shipped profile by name, or a TOML file laid over the one it extends (2025-12 when it names none).

    Raises Misconfigured when it cannot be read or contradicts itself.
    """
    try:
        return _parse(_table(name_or_path))
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise misconfigured(f"the profile {name_or_path} cannot be used: {error}") from error


def _table(name_or_path: str) -> dict[str, Any]:
    if name_or_path in SHIPPED:
        own = tomllib.loads(files("portal_salesforce").joinpath(f"profiles/{name_or_path}.toml").read_text("utf-8"))
    else:
        own = tomllib.loads(Path(name_or_path).read_text("utf-8"))
    base = own.get("extends", None if name_or_path == SHIPPED[0] else SHIPPED[0])
    if base is None:
        return own
    if base not in SHIPPED:
        raise ValueError(f"it extends {base!r}, which is not a shipped profile")
    return _laid_over(_table(base), own)


def _laid_over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    picklists = {
        name: {**base["picklists"].get(name, {}), **own.get("picklists", {}).get(name, {})}
        for name in {**base["picklists"], **own.get("picklists", {})}
    }
    return {
        "name": own["name"],
        "optional": [*base["optional"], *own.get("optional", ())],
        "fields": {**base["fields"], **own.get("fields", {})},
        "picklists": picklists,
    }


def _parse(table: Mapping[str, Any]) -> Profile:
    fields = {logical: tuple(aliases) for logical, aliases in table["fields"].items()}
    for logical, aliases in fields.items():
        if (
            logical.partition(".")[0] not in OBJECTS
            or not aliases
            or not all(isinstance(name, str) for name in aliases)
        ):
            raise ValueError(f"{logical} is not a field of a known object with its aliases")
    picklists = {name: _picklist(name, entry) for name, entry in table["picklists"].items()}
    return Profile(str(table["name"]), fields, frozenset(table["optional"]), picklists)


def _picklist(name: str, entry: Mapping[str, Any]) -> Picklist:
    object_name, _, field = entry["field"].partition(".")
    values = {canonical: texts for canonical, texts in entry.items() if canonical not in ("field", "empty", "write")}
    reads: dict[str, str] = {}
    for canonical, texts in values.items():
        for text in texts:
            if reads.setdefault(comparable(text), canonical) != canonical:
                raise ValueError(f"{name}: {text!r} means two things")
    writes = {canonical: texts[0] for canonical, texts in values.items()} | dict(entry.get("write", {}))
    unread = [text for text in writes.values() if comparable(text) not in reads]
    if unread:
        raise ValueError(f"{name}: {unread[0]!r} is written but never read")
    spellings = tuple(text for texts in values.values() for text in texts)
    return Picklist(name, object_name, field, reads, writes, entry.get("empty", UNKNOWN), spellings)
