"""What one container is made from."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Recipe:
    """Everything `docker run` is told, and how to see that the container is ready."""

    name: str
    image: str
    ready: Callable[[], Awaitable[bool]]
    ports: Mapping[int, int]
    """Port outside by port inside. A port outside is fixed, so that it is the same after a kill and a start."""
    environment: Mapping[str, str] = field(default_factory=dict)
    command: Sequence[str] = ()
    files: Sequence[Path] = ()
    """Seen read-only in the container, where they lie here."""
    read_only: bool = False
    """Whether nothing of the container but /tmp may be written."""
    on_loopback: Sequence[int] = ()
    """Ports inside that this machine's loopback has too."""

    def called(self, name: str) -> Self:
        """Give the same for a container of another name."""
        return replace(self, name=name)
