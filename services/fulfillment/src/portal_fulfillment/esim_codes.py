"""Kept eSIM codes: the port, and when one is shown. Each is a secret, whoever has it can install the line (D11)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from portal_chassis.postgres import Transaction

SHOWN_FOR: Final = timedelta(minutes=10)
"""Machine time during which a repeat of the same request shows the code again; after it the code is erased."""


@dataclass(frozen=True, slots=True)
class KeptCode:
    """A line's code and whether somebody saw it. `activation_code` is None when there is none (any more)."""

    phone_number: str = field(repr=False)
    activation_code: str | None = field(repr=False)
    shown_at: datetime | None = None
    request_id: str | None = None
    shown_to: str | None = None

    def may_be_shown_to(self, user_id: str, request_id: str, now: datetime) -> bool:
        """Whether nobody saw it yet, or this is a repeat of the request that did, soon enough."""
        if self.shown_at is None:
            return True
        same = (self.shown_to, self.request_id) == (user_id, request_id)
        return same and now < self.shown_at + SHOWN_FOR


class EsimCodes(Protocol):
    """The codes of active lines, sealed at rest."""

    async def lock(self, transaction: Transaction, order_id: str, account_id: str) -> KeptCode | None:
        """Lock the order's line until the transaction ends and give its code; None when the account has none."""

    async def orders(self, transaction: Transaction, order_id: str, account_id: str) -> bool:
        """Whether the order is the account's, as far as fulfillment has read it."""

    async def note_shown(
        self, transaction: Transaction, order_id: str, *, user_id: str, request_id: str, at: datetime
    ) -> None:
        """Write who sees the code, when and for which request, before they do."""

    async def erase(self, shown_before: datetime) -> int:
        """Erase the codes shown before a moment, in a transaction of its own, and give how many."""
