"""Takes the portal's databases back to an earlier moment while the vendors go on (reference reliability.md T-09)."""

from dataclasses import dataclass
from typing import Final

from portal_testing.stack import PortalStack

_SERVERS: Final = frozenset({"sandbox", "NATS", "Postgres", "Redis"})


@dataclass(frozen=True)
class DatabaseSnapshot:
    """A copy of every service's database. Processes are ended with SIGKILL around each step, as a failover would."""

    stack: PortalStack
    services: tuple[str, ...]

    @classmethod
    async def taken(cls, stack: PortalStack) -> "DatabaseSnapshot":
        """Copy the databases of a running portal, which runs again afterwards."""
        programs = [name for name in stack.names if name not in _SERVERS]
        services = tuple(name for name in programs if stack.has_database(name))
        await _kill(stack, programs)
        for name in services:
            stack.postgres.copy_database(name, _copy_of(name))
        await _start(stack, programs)
        return cls(stack, services)

    async def restore(self) -> None:
        """Put the copies in place of what there is now; the portal runs again when this returns."""
        programs = [name for name in self.stack.names if name not in _SERVERS]
        await _kill(self.stack, programs)
        for name in self.services:
            self.stack.postgres.drop_database(name)
            self.stack.postgres.copy_database(_copy_of(name), name)
            self.stack.postgres.drop_database(_copy_of(name))
        await _start(self.stack, programs)


def _copy_of(name: str) -> str:
    return f"{name}-before"


async def _kill(stack: PortalStack, programs: list[str]) -> None:
    for name in programs:
        await stack.kill(name)


async def _start(stack: PortalStack, programs: list[str]) -> None:
    for name in programs:
        await stack.start(name)
    await stack.wait_ready()
