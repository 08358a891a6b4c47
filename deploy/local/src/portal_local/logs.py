"""`logs`: what every process writes, with its name in front."""

import os
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_LOOK_SECONDS: Final = 0.2
_FIRST_BYTES: Final = 4096
_PREVIOUS: Final = ".previous"


@dataclass
class _Followed:
    path: Path
    position: int = -1
    inode: int = 0
    rest: bytes = field(default=b"")

    def new_lines(self) -> list[str]:
        try:
            with self.path.open("rb") as file:
                facts = os.fstat(file.fileno())
                if facts.st_ino != self.inode:  # a new start writes a new file
                    first = self.position < 0
                    self.inode, self.rest = facts.st_ino, b""
                    self.position = max(0, facts.st_size - _FIRST_BYTES) if first else 0
                file.seek(self.position)
                read = file.read()
        except FileNotFoundError:
            return []
        self.position += len(read)
        *lines, self.rest = (self.rest + read).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]


def show_logs(folder: Path, names: Collection[str], *, follow: bool) -> None:
    """Write the end of every log (or of those named), then what is added until interrupted."""
    followed: dict[str, _Followed] = {}
    while True:
        for path in sorted(folder.glob("*.log")):
            name = path.stem
            if not name.endswith(_PREVIOUS) and (not names or name in names):
                followed.setdefault(name, _Followed(path))
        width = max((len(name) for name in followed), default=0)
        for name, one in followed.items():
            for line in one.new_lines():
                sys.stdout.write(f"{name:<{width}} | {line}\n")
        sys.stdout.flush()
        if not follow:
            return
        time.sleep(_LOOK_SECONDS)
