"""The one folder everything local lies in, and the lock that lets one stack at a time use it."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from portal_local.errors import LocalError
from portal_local.servers.postgres_programs import forget_home

FOLDER_VARIABLE: Final = "PORTAL_STATE_DIR"
_DEFAULT_FOLDER: Final = ".portal"


@dataclass(frozen=True)
class Running:
    """What a running stack tells about itself; URLs by name."""

    pid: int
    urls: Mapping[str, str]
    processes: Mapping[str, int]
    """Process ids by name; 0 for one that is down."""
    ready_urls: Mapping[str, str]
    """Where each process says whether it is ready."""


class AlreadyRunningError(LocalError):
    """Another stack uses the folder."""


class StateFolder:
    """`.portal/`: closed to others, git-ignored, emptied by reset."""

    def __init__(self, path: Path) -> None:
        """Nothing is created before `ensure`."""
        self.path = path.absolute()
        self._lock: IO[str] | None = None

    @classmethod
    def from_environment(cls) -> "StateFolder":
        """PORTAL_STATE_DIR, else `.portal` in the current directory."""
        return cls(Path(os.environ.get(FOLDER_VARIABLE) or _DEFAULT_FOLDER))

    @property
    def keys(self) -> Path:
        """Key files and bus seeds."""
        return self.path / "keys"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.path / "logs"

    def ensure(self) -> None:
        """Create the folder. It must be empty or ours: a mistyped setting must not let reset empty a home."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            ours = self.path.name == _DEFAULT_FOLDER or self.keys.is_dir()
            if not ours and any(self.path.iterdir()):
                raise LocalError(f"{self.path} holds other things; {FOLDER_VARIABLE} must name a folder of its own")
            if self.path.stat().st_mode & (stat.S_IRWXO | stat.S_IRGRP | stat.S_IWGRP):
                self.path.chmod(0o700)  # something else, such as a test report, made it first
            for folder in (self.keys, self.logs):
                folder.mkdir(exist_ok=True, mode=0o700)
        except PermissionError as refused:
            raise LocalError(
                f"{refused.filename or self.path}: belongs to another user; remove it or set {FOLDER_VARIABLE}"
            ) from refused
        except NotADirectoryError as wrong:
            raise LocalError(f"{self.path} is not a folder") from wrong

    def acquire(self) -> None:
        """Take the folder for this process; the operating system gives it back however we end."""
        self.ensure()
        lock = (self.path / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            running = self.running()
            who = f" (process {running.pid}): {running.urls.get('gateway', '')}" if running else ""
            raise AlreadyRunningError(f"already running{who}") from None
        self._lock = lock

    def release(self) -> None:
        """Give the folder back."""
        (self.path / "running.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def in_use(self) -> bool:
        """Whether a stack (of any process) holds the folder."""
        path = self.path / "lock"
        if self._lock is not None:
            return True
        if not path.exists():
            return False
        with path.open("a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def announce(self, running: Running) -> None:
        """Tell other commands where everything is."""
        path = self.path / "running.json"
        fresh = path.with_suffix(".json.new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(running), indent=2), encoding="utf-8")
        fresh.rename(path)

    def running(self) -> Running | None:
        """What the running stack announced; None when none did."""
        try:
            return Running(**json.loads((self.path / "running.json").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def secret(self, name: str) -> str:
        """A password, made up once and kept: 256 random bits."""
        folder = self.path / "secrets"
        folder.mkdir(exist_ok=True, mode=0o700)
        path = folder / name
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(secrets.token_urlsafe(32))
        return path.read_text(encoding="utf-8").strip()

    def reset(self) -> None:
        """Empty the folder; refused while a stack runs."""
        if not self.path.exists():
            return
        self.acquire()
        try:
            forget_home(self.path / "postgres")
            for entry in self.path.iterdir():
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        finally:
            self.release()
