"""One REST call, and the two ways in which it fails below the meaning of its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Method = Literal["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A call below `/services/data/v…/`. `harmless` says that a repeat has no second effect.

    `raw`: the answer is a file's bytes, not JSON.
    """

    name: str
    method: Method
    path: str
    parameters: Mapping[str, str] | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    harmless: bool = True
    raw: bool = False


class Answered(Exception):  # noqa: N818 - it says what happened
    """Salesforce answered with an error status; `content` is the parsed body or its text."""

    def __init__(self, status: int, content: Any) -> None:
        super().__init__(status)
        self.status = status
        self.content = content


class NoAnswer(Exception):  # noqa: N818 - it says what happened
    """No answer, or one that cannot be read. Whether the call had an effect is unknown."""


class AsyncWire(Protocol):
    """What makes calls: worker threads, or whatever a simulation puts there. Both methods raise NoAnswer."""

    async def log_in(self) -> tuple[int, Any]:
        """Ask for an access token; gives HTTP status and parsed body or text."""
        ...

    async def call(self, token: str, instance_url: str, request: WireRequest, seconds: float) -> Any:
        """Make one call and give the parsed body (None for 204). Raises Answered for a status of 300 and above."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
