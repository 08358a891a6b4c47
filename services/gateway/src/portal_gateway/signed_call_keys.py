"""The keys of signed calls: a file that may be changed while the gateway runs, several keys at a time for rotation."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic.alias_generators import to_camel

from portal_chassis.logs import get_logger
from portal_contracts.problems import Misconfigured
from portal_gateway.signed_call_headers import FORMS, KEY_ID

SHORTEST_KEY: Final = 32
"""Characters: less is no key but a password."""

Standing = Literal["valid", "unknown", "not_valid_now"]
_Version = tuple[int, int, int]

log = get_logger(__name__)


class SignedCallKey(BaseModel):
    """One key and from when until when it counts; without bounds it always does."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, hide_input_in_errors=True)

    key: Annotated[str, StringConstraints(min_length=SHORTEST_KEY, max_length=1024), Field(repr=False)]
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Tell whether it counts now; `not_after` is the first moment it does not."""
        return (self.not_before is None or self.not_before <= now) and (self.not_after is None or now < self.not_after)


def _with_text_as_key(value: Any) -> Any:
    return {"key": value} if isinstance(value, str) else value


_Id = Annotated[str, StringConstraints(pattern=f"^{FORMS[KEY_ID].pattern.decode()}$")]
_FILE: Final[TypeAdapter[dict[str, SignedCallKey]]] = TypeAdapter(
    dict[_Id, Annotated[SignedCallKey, BeforeValidator(_with_text_as_key)]],
    config=ConfigDict(hide_input_in_errors=True),
)


def read_keys(path: Path) -> dict[str, SignedCallKey]:
    """Read `{key id: {"key": text, "notBefore": time, "notAfter": time}}`; the times are optional.

    Raises Misconfigured when the file is missing or not like this; the reason holds nothing of the file.
    """
    try:
        return _FILE.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        facts = {"setting": "PORTAL_SIGNED_CALL_KEYS_PATH", "file": path.name, "reason": type(error).__name__}
        raise Misconfigured("INTERNAL_ERROR", facts=facts) from None


class SignedCallKeys:
    """The keys as the file has them now. A file that turns unreadable leaves the last good keys in force, and alerts.

    To take all keys away, the file is made to hold `{}`.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; raises Misconfigured as `read_keys` does."""
        self._path = path
        self._version = self._on_disk()
        self._keys: Mapping[str, SignedCallKey] = read_keys(path)
        self._decoy = SignedCallKey.model_validate({"key": secrets.token_hex(SHORTEST_KEY)})

    def find(self, key_id: str, now: datetime) -> tuple[bytes, Standing]:
        """Give a key's bytes and whether it counts now. For an unknown one a key nobody has: the work is the same."""
        self._reread_when_changed()
        entry = self._keys.get(key_id, self._decoy)
        standing: Standing = "valid" if entry.is_valid(now) else "not_valid_now"
        return entry.key.encode(), "unknown" if entry is self._decoy else standing

    def _reread_when_changed(self) -> None:
        version = self._on_disk()
        if version == self._version:
            return
        self._version = version
        try:
            self._keys = read_keys(self._path)
        except Misconfigured as problem:
            log.error("the keys of signed calls cannot be read, the last ones stay in force", problem=str(problem))  # noqa: TRY400 - a traceback could show the file
        else:
            log.info("the keys of signed calls were read again", key_ids=sorted(self._keys))

    def _on_disk(self) -> _Version | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size
