"""Carts filled before signing up: kept without a customer, and theirs once they have registered (R029)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from portal_chassis.clocks import BusinessClock
from portal_chassis.postgres import Transaction
from portal_contracts.orders_of_customers import KeepCart, KeptCart, KeptCartLine
from portal_contracts.problems import Refused
from portal_orders.ports import Transactions

KEPT: Final = timedelta(days=30)


class KeptCarts(Protocol):
    """Carts that wait, in the service's own database."""

    async def keep(
        self, transaction: Transaction, cart_id: str, lines: Sequence[KeptCartLine], until: datetime
    ) -> bool:
        """Insert or replace a cart that nobody has; False when somebody has it."""

    async def give(
        self, transaction: Transaction, cart_id: str, account_id: str, now: datetime, *, user_id: str
    ) -> None:
        """Make a cart an account's; nothing when there is none, somebody has it, or its user was forgotten (D17)."""

    async def of_account(self, account_id: str, now: datetime) -> KeptCart | None:
        """Give the account's newest cart that is still kept."""

    async def spend(self, transaction: Transaction, account_id: str) -> None:
        """Forget the account's carts: something was ordered."""

    async def prune(self, transaction: Transaction, now: datetime) -> None:
        """Forget carts whose time is over."""


@dataclass(frozen=True, slots=True)
class Carts:
    """What customers do with them."""

    transactions: Transactions
    kept: KeptCarts
    clock: BusinessClock

    async def keep(self, command: KeepCart) -> KeptCart:
        """Keep a cart for 30 days from now. Refused NOT_FOUND when it is somebody's."""
        until = self.clock.now() + KEPT
        async with self.transactions() as transaction:
            if not await self.kept.keep(transaction, command.cart_id, command.lines, until):
                raise Refused("NOT_FOUND")
        return KeptCart(lines=command.lines, kept_until=until)

    async def waiting(self, account_id: str) -> KeptCart:
        """Give the caller's cart, an empty one when none waits."""
        return await self.kept.of_account(account_id, self.clock.now()) or KeptCart()
