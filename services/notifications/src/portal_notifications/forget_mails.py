import asyncio
from dataclasses import dataclass
from typing import Final

from portal_chassis.logs import get_logger
from portal_contracts.problems import TryLater
from portal_notifications.ports import MailBook

SWEEP_SECONDS: Final = 3600.0

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ForgetMails:
    """Forgets what became of mails when its time is over (§5.10)."""

    book: MailBook
    days: int

    async def run(self) -> None:
        """Look every hour; while the database is away the next hour will do."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.book.sweep(self.days)
            except (TryLater, TimeoutError):
                _log.warning("mails are forgotten later: the database is away")
