from collections import OrderedDict
from typing import Final

from portal_chassis.clocks import MachineClock
from portal_contracts.identity import SignupForm
from portal_identity.ports import AccountOnFile, Accounts

SECONDS: Final = 30.0
MOST: Final = 1000


class RecentAccounts:
    """The `Accounts` port with look-ups kept for 30 seconds (R250); a write forgets everything."""

    def __init__(self, accounts: Accounts, clock: MachineClock) -> None:
        self._accounts = accounts
        self._clock = clock
        self._found: OrderedDict[str, tuple[float, AccountOnFile | None]] = OrderedDict()

    async def find(self, customer_number: str) -> AccountOnFile | None:
        """Give a recent answer, else look."""
        kept = self._found.get(customer_number)
        if kept is not None and self._clock.monotonic() - kept[0] < SECONDS:
            return kept[1]
        account = await self._accounts.find(customer_number)
        self._found[customer_number] = (self._clock.monotonic(), account)
        self._found.move_to_end(customer_number)
        if len(self._found) > MOST:
            self._found.popitem(last=False)
        return account

    async def register(self, account_id: str, whmcs_client_id: int, source: str) -> None:
        """Pass on and forget."""
        self._found.clear()
        await self._accounts.register(account_id, whmcs_client_id, source)

    async def ensure_contact(self, account_id: str, form: SignupForm) -> None:
        """Pass on and forget."""
        self._found.clear()
        await self._accounts.ensure_contact(account_id, form)
