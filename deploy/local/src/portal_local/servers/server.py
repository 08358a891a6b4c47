"""The life every embedded server shares."""

import abc
import signal
import time
from pathlib import Path
from typing import ClassVar, Final

from portal_local.errors import LocalError, PortInUseError, StartFailedError
from portal_local.servers.child import Child, Command, last_lines
from portal_local.servers.ports import is_free, pick_port

_PORT_ATTEMPTS: Final = 5
_POLL_SECONDS: Final = 0.01


class Server(abc.ABC):
    """One server on loopback. `port` 0 is picked once; blocking calls, made from the thread that owns the server."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_patience: ClassVar[float] = 8.0

    def __init__(self, folder: Path, *, port: int = 0, log_path: Path | None = None) -> None:
        """Keep everything below `folder`; nothing is touched before `prepare` or `start`."""
        self.folder = folder.absolute()
        self.log_path = (log_path or folder / f"{self.name.lower()}.log").absolute()
        self._wanted_port = port
        self._port = port
        self._child: Child | None = None

    @property
    def port(self) -> int:
        """The TCP port on loopback, the same over every restart."""
        if self._port == 0:
            self._port = pick_port()
        return self._port

    @property
    def running(self) -> bool:
        """Whether its process runs now."""
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child is not None else None

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """Where a client connects."""

    @abc.abstractmethod
    def prepare(self) -> None:
        """Create what must lie on disk before the process starts (once; later calls find it)."""

    @abc.abstractmethod
    def command(self) -> Command:
        """How the process is started."""

    @abc.abstractmethod
    def ready(self) -> bool:
        """Whether clients are answered; asked while the process runs."""

    @abc.abstractmethod
    def erase(self) -> None:
        """Remove its data; called while it is stopped."""

    def launch(self) -> None:
        """Start the process without waiting for it; `prepare` came before. A port in use raises PortInUseError."""
        if self.running:
            return
        if not is_free(self.port):
            raise PortInUseError(self.name, self.port)
        self._child = Child(self.command())
        self._child.launch()

    def check(self) -> None:
        """Raise StartFailedError with the last log lines when the process ended."""
        if self._child is not None and not self._child.running:
            raise StartFailedError(self.name, self._child.why_it_ended(), last_lines(self.log_path))

    def start(self, timeout: float = 30.0) -> None:
        """Start and return when it answers; a picked port that somebody else took meanwhile is picked again."""
        if self.running:
            return
        ever_ran = self._child is not None
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                self.prepare()
                self.launch()
                self._await_ready(timeout)
            except LocalError:
                self.kill()
                taken = not is_free(self.port)
                if self._wanted_port != 0 or ever_ran or attempt == _PORT_ATTEMPTS or not taken:
                    raise
                self._port = 0
            else:
                return

    def _await_ready(self, timeout: float) -> None:
        end = time.monotonic() + timeout
        while not self.ready():
            self.check()
            if time.monotonic() > end:
                raise StartFailedError(
                    self.name, f"did not answer within {timeout:.0f} seconds", last_lines(self.log_path)
                )
            time.sleep(_POLL_SECONDS)

    def why_it_ended(self) -> str:
        """Its ending in words."""
        return self._child.why_it_ended() if self._child is not None else "never ran"

    def stop(self) -> None:
        """End it in order (by force if it does not listen) and reap it."""
        if self._child is not None:
            self._child.end(first=self.stop_signal, patience=self.stop_patience)

    def request_stop(self) -> None:
        """Ask it to end without waiting; `stop` then waits."""
        if self._child is not None:
            self._child.send(self.stop_signal)

    def kill(self) -> None:
        """End all of its processes with SIGKILL and reap them."""
        if self._child is not None:
            self._child.kill()

    def restart(self) -> None:
        """Stop and start on the same port with the same data."""
        self.stop()
        self.start()

    def wipe(self) -> None:
        """Stop it and lose its data, as a replaced disk would. `start` brings it back empty on the same port."""
        self.kill()
        self.erase()
