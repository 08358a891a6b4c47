"""How much is in work at once: a bounded gateway answers OVERLOADED at once instead of slowly to all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from portal_contracts.problems import TryLater


class InFlight:
    """Counts what is running; everything happens on one event loop, so there is nothing to lock."""

    def __init__(self, at_once: int, at_once_per_key: int) -> None:
        self._at_once = at_once
        self._at_once_per_key = at_once_per_key
        self._keys: Counter[str] = Counter()
        self.running = 0

    def enter(self) -> None:
        """Take a place; raises TryLater OVERLOADED when there is none. Give it back with `leave`."""
        if self.running >= self._at_once:
            raise TryLater("OVERLOADED")
        self.running += 1

    def leave(self) -> None:
        """Give the place back."""
        self.running -= 1

    @contextmanager
    def of(self, key: str) -> Iterator[None]:
        """Take one of the places of a key, such as a session, for a block; raises TryLater OVERLOADED."""
        if self._keys[key] >= self._at_once_per_key:
            raise TryLater("OVERLOADED")
        self._keys[key] += 1
        try:
            yield
        finally:
            self._keys[key] -= 1
            if not self._keys[key]:
                del self._keys[key]
