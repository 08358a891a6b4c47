"""One child process: started in its own session, reaped always, ended together with the process that started it."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from portal_local.errors import ProgramMissingError, StartFailedError

_SET_PARENT_DEATH_SIGNAL: Final = 1
_LINE_LENGTH: Final = 200
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """The operating system's user a process runs as."""

    name: str
    user_id: int
    group_id: int


@dataclass(frozen=True)
class Command:
    """What to run and how."""

    name: str
    arguments: Sequence[str]
    log_path: Path
    environment: Mapping[str, str] | None = None
    """The whole environment; None hands on our own."""
    folder: Path | None = None
    account: Account | None = None
    """None: whoever we are."""
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when we are gone, however that happened (Linux)."""


def last_lines(log_path: Path, count: int = 8) -> str:
    """The end of a log, for the one report a person reads."""
    try:
        with log_path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 16_384))
            text = log.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(_readable(line) for line in text.splitlines()[-count:])


def _readable(line: str) -> str:
    """A JSON log line as event and the last line of its traceback; any other line as it is, cut to a screen's width."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line[:_LINE_LENGTH]
    if not isinstance(entry, dict) or "event" not in entry:
        return line[:_LINE_LENGTH]
    trace = str(entry.get("exception") or "").strip().splitlines()[-1:]
    words = [str(entry.get("level", "")), str(entry["event"]).strip(), str(entry.get("error") or ""), *trace]
    return " ".join(word for word in words if word)[: 2 * _LINE_LENGTH]


def _die_with_parent(parent: int, death_signal: int) -> Callable[[], None] | None:
    if _LIBC is None:
        return None
    control = _LIBC.prctl

    def arrange() -> None:
        control(_SET_PARENT_DEATH_SIGNAL, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it ended between our fork and the line above
            os.kill(os.getpid(), signal.SIGKILL)

    return arrange


@dataclass
class Child:
    """A running (or ended) child process.

    Linux sends the death signal when the starting *thread* ends, so only the main thread may start one.
    """

    command: Command
    started_at: float = field(default_factory=time.monotonic)
    _process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start the process; its output is appended to the log file."""
        command = self.command
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(f"{command.name} would end with the thread that starts it: start it from the main one")
        account = command.account
        command.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.started_at = time.monotonic()
        try:
            with command.log_path.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
                    list(command.arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=command.folder,
                    env=None if command.environment is None else dict(command.environment),
                    user=account.user_id if account else None,
                    group=account.group_id if account else None,
                    extra_groups=[] if account else None,
                    start_new_session=True,  # Ctrl-C at the terminal reaches the supervisor alone
                    preexec_fn=_die_with_parent(os.getpid(), command.death_signal),  # noqa: PLW1509 - one system call
                )
        except FileNotFoundError as missing:
            raise ProgramMissingError(
                command.name, str(command.arguments[0]), "install what is locked again"
            ) from missing
        except PermissionError as refused:
            raise StartFailedError(command.name, f"may not be started: {refused}") from refused

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether it runs now; an ended one is reaped by asking."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended: the exit code, minus the signal's number, or None while it runs or never ran."""
        return None if self._process is None else self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def wait(self, timeout: float) -> bool:
        """Wait until it ended and reap it; False when it still runs after `timeout` seconds."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, *, first: signal.Signals = signal.SIGTERM, patience: float) -> bool:
        """End it in order, by force after `patience` seconds. True when force was not needed."""
        self.send(first)
        in_order = self.wait(patience)
        self.kill()
        return in_order

    def kill(self) -> None:
        """End it and everything it started at once, as a power cut would, and reap it."""
        process = self._process
        if process is None:
            return
        offspring = descendants(process.pid) if process.poll() is None else []
        if process.poll() is None:
            process.kill()
        process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for one in offspring:
            one.kill()
        for one in offspring:
            one.wait_gone()

    def why_it_ended(self) -> str:
        """The ending in words."""
        code = self.exit_code
        if code is None:
            return "is still running"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"exited with code {code}"


@dataclass(frozen=True)
class Descendant:
    """A process a child of ours started; remembered with its start time, so a reused id is never hit."""

    pid: int
    created: float

    def kill(self) -> None:
        """End it at once if it is still the same process."""
        import psutil  # noqa: PLC0415 - only a kill pays for it

        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if process.create_time() == self.created:
                process.kill()

    def wait_gone(self, patience: float = 5.0) -> None:
        """Wait until it is gone or dead and unreaped: whoever adopted it reaps it, some machines slowly."""
        import psutil  # noqa: PLC0415 - only a kill pays for it

        end = time.monotonic() + patience
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            while process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE:
                if time.monotonic() > end:
                    return
                time.sleep(0.005)


def descendants(pid: int) -> list[Descendant]:
    """Everything below a process. Postgres gives each of its processes a session of its own: no group reaches all."""
    import psutil  # noqa: PLC0415 - only a kill pays for it

    try:
        return [Descendant(one.pid, one.create_time()) for one in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
