"""Links into WHMCS written down in memory."""

from dataclasses import dataclass, field

from portal_contracts.billing import SsoDestination
from portal_contracts.problems import TryLater


@dataclass(slots=True)
class MemorySignOnLog:
    """The SignOnLog port; `full` says that there were too many in the last minute."""

    admitted: list[tuple[int, str, SsoDestination, int | None]] = field(default_factory=list)
    full: bool = False

    async def admit(self, client_id: int, user_id: str, destination: SsoDestination, related_id: int | None) -> None:
        """Write it down."""
        if self.full:
            raise TryLater("RATE_LIMITED", retry_after=60, facts={"seconds": 60})
        self.admitted.append((client_id, user_id, destination, related_id))
