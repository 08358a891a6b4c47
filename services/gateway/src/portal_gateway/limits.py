"""How much is in work at once: a bounded gateway answers OVERLOADED at once instead of slowly to all."""

from collections import Counter
from typing import Final

from portal_contracts.problems import TryLater

ANYBODY: Final = ""


class InFlight:
    """Counts what is running; everything happens on one event loop, so there is nothing to lock."""

    def __init__(self, at_once: int, at_once_per_key: int | None = None) -> None:
        self._at_once = at_once
        self._at_once_per_key = at_once_per_key or at_once
        self._keys: Counter[str] = Counter()
        self.running = 0

    def is_full(self, key: str) -> bool:
        """Whether there is no place for the key."""
        return self.running >= self._at_once or self._keys[key] >= self._at_once_per_key

    def enter(self, key: str = ANYBODY) -> None:
        """Take a place, for a key such as a session; raises TryLater OVERLOADED. Give it back with `leave`."""
        if self.is_full(key):
            raise TryLater("OVERLOADED")
        self.running += 1
        if key:
            self._keys[key] += 1

    def leave(self, key: str = ANYBODY) -> None:
        """Give the place back."""
        self.running -= 1
        if key:
            self._keys[key] -= 1
            if not self._keys[key]:
                del self._keys[key]
