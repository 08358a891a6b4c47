"""How a vendor words what fault rules make it say: each vendor package has its own `manners.py`."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

Meaning: TypeAlias = Literal["permanent", "transient", "ambiguous", "quota", "auth"]
"""What a refusal tells a careful caller: never again, later, nobody knows, too much, who are you."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A vendor's own error answer."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class Manners(Protocol):
    """A vendor's ways."""

    session_tables: tuple[str, ...]
    """Tables of tokens and keys: a read that answers with old data still knows who asks."""
    envelope: frozenset[str]
    """Top-level names that say success and stay when an answer is made nonsense."""

    def is_read(self, call: str) -> bool:
        """Whether the call changes nothing, so that it may be answered with old data."""

    def is_login(self, call: str) -> bool:
        """Whether the call asks for a token or key."""

    def refuse(self, call: str, meaning: Meaning, message: str) -> Refusal:
        """The vendor's error answer of that meaning; an empty message stands for the vendor's usual one."""


class PlainManners:
    """Of a vendor that has none: bare HTTP statuses."""

    session_tables: tuple[str, ...] = ()
    envelope: frozenset[str] = frozenset()
    _statuses: ClassVar = {"permanent": 400, "transient": 503, "ambiguous": 500, "quota": 429, "auth": 401}

    def is_read(self, call: str) -> bool:
        """No call is known to change nothing."""
        return not call

    def is_login(self, call: str) -> bool:
        """No call is known to be a login."""
        return not call

    def refuse(self, call: str, meaning: Meaning, message: str) -> Refusal:
        """The status and the message."""
        return Refusal(self._statuses[meaning], (message or f"{call}: {meaning}").encode(), content_type=b"text/plain")
