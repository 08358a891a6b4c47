"""What was looked at and accepted, with its reason and the day it must be looked at again."""

import datetime as dt
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Accepted:
    """The file `accepted.toml`: one table per kind, a reason for each entry and `until` for a vulnerability."""

    licences: dict[str, str]
    """Package to reason, for a licence the rule would refuse or cannot read."""
    vulnerabilities: dict[str, str]
    """Id to reason; an entry whose day has come counts no longer."""

    @classmethod
    def read(cls, path: Path, today: dt.date) -> Self:
        """Raises KeyError for an entry without a reason."""
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(
            {name: entry["reason"] for name, entry in table.get("licences", {}).items()},
            {
                name: entry["reason"]
                for name, entry in table.get("vulnerabilities", {}).items()
                if entry["until"] > today
            },
        )
