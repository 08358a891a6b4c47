"""The profile applied to a real org: which of the aliases it has (C05, C17) and what its picklists mean (C02, C03)."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from portal_chassis.logs import get_logger
from portal_chassis.metrics import counter
from portal_salesforce.client import Salesforce
from portal_salesforce.errors import misconfigured
from portal_salesforce.profile import OBJECTS, UNKNOWN, Picklist, Profile, comparable, load_profile

_UNKNOWN_VALUES = counter(
    "portal_salesforce_unknown_values", "Picklist texts that the profile does not know", "picklist"
)
_log = get_logger(__name__)


class Dialect:
    """Field names and picklist meanings of one org. Made by `DialectSource` or, in tests, by `Dialect.assumed`."""

    def __init__(self, profile: Profile, present: Mapping[str, tuple[str, ...]]) -> None:
        self.profile = profile
        self._present = present
        for picklist in profile.picklists:
            _UNKNOWN_VALUES.labels(picklist)  # begins at zero, so that the first one is seen to grow

    @classmethod
    def assumed(cls, profile: Profile, *, without: Iterable[str] = ()) -> "Dialect":
        """Take the first alias of every field for granted but for those named, which the org lacks."""
        missing = set(without)
        return cls(
            profile,
            {logical: () if logical in missing else aliases[:1] for logical, aliases in profile.fields.items()},
        )

    def field(self, logical: str) -> str:
        """Give the API name of a field such as `order.activationStatus`.

        KeyError for one the profile does not have or the org lacks; ask `has` first where it is optional.
        """
        return self._present[logical][0]

    def has(self, logical: str) -> bool:
        """Say whether the org has an optional field (C17)."""
        return bool(self._present.get(logical))

    def all_names(self, logical: str) -> tuple[str, ...]:
        """Give every alias the org has: two that disagree on a record are a defect of the record (C05)."""
        return self._present[logical]

    def names(self, *logical: str) -> list[str]:
        """Give the API names of those fields that the org has, all aliases included, for a query."""
        return [name for one in logical for name in self._present[one]]

    def picklist(self, name: str) -> Picklist:
        """Give a picklist's map, such as `order.status`, without the warning that `read` gives."""
        return self.profile.picklists[name]

    def read(self, picklist: str, text: str | None) -> str:
        """Give the canonical value of a picklist's text; one nobody knows is `unknown` and warned about (C02)."""
        canonical = self.profile.picklists[picklist].read(text)
        if canonical == UNKNOWN:
            _UNKNOWN_VALUES.labels(picklist).inc()
            _log.warning("salesforce has a picklist text that the profile does not know", picklist=picklist, text=text)
        return canonical

    def write(self, picklist: str, canonical: str) -> str:
        """Give the org's text for a canonical value; KeyError for one that is never written."""
        return self.profile.picklists[picklist].write(canonical)


def resolve(profile: Profile, describes: Mapping[str, Mapping[str, Any]]) -> Dialect:
    """Join a profile with describe results by object name; fields of other objects stay unresolved.

    Raises Misconfigured naming every field that must exist and does not. Aliases compare without case, and the org's
    own spelling is used.
    """
    present: dict[str, tuple[str, ...]] = {}
    missing: list[str] = []
    for logical, aliases in profile.fields.items():
        object_name = OBJECTS[logical.partition(".")[0]]
        if object_name not in describes:
            continue
        known = {field["name"].lower(): field["name"] for field in describes[object_name].get("fields", ())}
        present[logical] = tuple(known[alias.lower()] for alias in aliases if alias.lower() in known)
        if not present[logical] and logical not in profile.optional:
            missing.append(f"{object_name}.{aliases[0]}")
    if missing:
        raise misconfigured(f"the org lacks {', '.join(missing)}, or the integration user may not see them")
    _warn_of_wordings(profile, describes)
    return Dialect(profile, present)


def wording_gaps(profile: Profile, describes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name the texts that the profile writes and a restricted picklist of the org would refuse."""
    gaps = []
    for picklist in profile.picklists.values():
        fields = describes.get(picklist.object_name, {}).get("fields", ())
        described = next((field for field in fields if field["name"] == picklist.field), None)
        if described is None or not described.get("restrictedPicklist"):
            continue
        offered = {comparable(value["value"]) for value in described["picklistValues"] if value.get("active", True)}
        texts = dict.fromkeys(picklist.writes.values())
        gaps += [
            f"{picklist.object_name}.{picklist.field}: {text}" for text in texts if comparable(text) not in offered
        ]
    return gaps


def _warn_of_wordings(profile: Profile, describes: Mapping[str, Mapping[str, Any]]) -> None:
    gaps = wording_gaps(profile, describes)
    if gaps:
        _log.error("the org's picklists lack texts that the profile writes", profile=profile.name, missing=gaps)


class DialectSource:
    """Resolves the dialect at first use and keeps it: a service starts while Salesforce is away."""

    def __init__(self, salesforce: Salesforce, *object_names: str) -> None:
        """Take the objects the service works with, such as `Order` and `OrderItem`."""
        self._salesforce = salesforce
        self._objects = object_names
        self._lock = asyncio.Lock()
        self._dialect: Dialect | None = None

    async def current(self) -> Dialect:
        """Give the dialect; raises what `Salesforce.describe` raises, and Misconfigured when a field is missing."""
        if self._dialect is None:
            async with self._lock:
                if self._dialect is None:
                    self._dialect = await self._resolved()
        return self._dialect

    def forget(self) -> None:
        """Look at the org again at the next use, for instance after it refused a field."""
        self._dialect = None

    async def _resolved(self) -> Dialect:
        profile = load_profile(self._salesforce.settings.dialect)
        describes = {name: await self._salesforce.describe(name) for name in self._objects}
        return resolve(profile, describes)
