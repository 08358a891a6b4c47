"""What the portal under test runs on, embedded or in containers: two backends, one life."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from portal_local.environment import Ground
from portal_local.state import StateFolder


class Backend(Protocol):
    """Runs the portal's processes by name. Raises LocalError naming what does not start."""

    state: StateFolder

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that runs, in the order it was started."""

    @property
    def gateway_url(self) -> str:
        """Base URL of the gateway."""

    @property
    def sandbox_urls(self) -> Mapping[str, str]:
        """Base URLs of the sandbox by port."""

    def ground_laid(self) -> Ground:
        """What its processes are started from; raises RuntimeError before `start`."""

    def has_database(self, name: str) -> bool:
        """Whether a process keeps rows in a database of its own."""

    def database_url(self, service: str) -> str:
        """Where a service keeps its rows, with the superuser's rights."""

    def logs(self, name: str) -> str:
        """What a process has written."""

    def runs(self, name: str) -> bool:
        """Whether a process runs, paused or not."""

    async def start(self) -> None:
        """Start everything; returns when all is ready."""

    async def stop(self) -> None:
        """Stop everything; nothing is left running."""

    async def kill(self, name: str) -> None:
        """End it with SIGKILL; it stays down until `start_one`."""

    async def terminate(self, name: str) -> None:
        """End it as a deployment does; it stays down until `start_one`."""

    async def start_one(self, name: str) -> None:
        """Start what `kill` or `terminate` ended; returns when it is ready."""

    async def restart(self, name: str) -> None:
        """Terminate and start."""

    async def pause(self, name: str) -> None:
        """Freeze it: its connections stay open and nothing answers."""

    async def resume(self, name: str) -> None:
        """Let it go on; returns when it is ready."""

    async def scale(self, name: str, count: int) -> None:
        """Let so many of a service run; the further ones are called `<name>-2` and so on."""

    async def wipe_nats(self) -> None:
        """NATS loses everything and runs again."""

    async def heal(self) -> None:
        """Let everything run that should, and nothing else; returns when all is ready."""

    async def wait_ready(self, names: Iterable[str] | None = None) -> None:
        """Ask these (all by default) until they say they are ready."""
