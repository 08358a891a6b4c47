"""What can go wrong on one machine, each as one line a person can act on."""


class LocalError(Exception):
    """Something the person at the keyboard can put right; its text is the one line they are shown."""


class PortInUseError(LocalError):
    """Another program listens where a server of ours should."""

    def __init__(self, name: str, port: int) -> None:
        """Name the server and the port (TCP, loopback)."""
        super().__init__(f"{name}: port {port} is already in use on 127.0.0.1")
        self.name = name
        self.port = port


class ProgramMissingError(LocalError):
    """A server's program is not where it was looked for."""

    def __init__(self, name: str, looked_for: str, remedy: str) -> None:
        """Name the server, the file looked for and what to do."""
        super().__init__(f"{name}: program not found: {looked_for} ({remedy})")
        self.name = name


class StartFailedError(LocalError):
    """A process ended, or stayed silent, before it was ready."""

    def __init__(self, name: str, reason: str, last_lines: str = "") -> None:
        """Name the process, say why, and add the last lines of its log where there are any."""
        super().__init__(f"{name}: {reason}" + (f"; last log lines:\n{last_lines}" if last_lines else ""))
        self.name = name
        self.reason = reason
        self.last_lines = last_lines
