from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any, Final

from portal_chassis.clocks import MachineClock
from portal_contracts.identity import SignupForm
from portal_identity.ports import AccountOnFile, Accounts, BilledProfile, NewContact

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

    async def find_by_email(self, email: str) -> AccountOnFile | None:
        """Look."""
        return await self._accounts.find_by_email(email)

    async def open_account(self, customer_number: str, form: SignupForm) -> str:
        """Pass on and forget."""
        self._found.clear()
        return await self._accounts.open_account(customer_number, form)

    async def register(self, account_id: str, whmcs_client_id: int, source: str) -> None:
        """Pass on and forget."""
        self._found.clear()
        await self._accounts.register(account_id, whmcs_client_id, source)

    async def ensure_contact(self, account_id: str, contact: NewContact) -> None:
        """Pass on and forget."""
        self._found.clear()
        await self._accounts.ensure_contact(account_id, contact)

    async def everything(self, account_id: str) -> Mapping[str, Any]:
        """Look."""
        return await self._accounts.everything(account_id)

    async def erase(self, account_id: str, email: str) -> None:
        """Pass on and forget."""
        self._found.clear()
        await self._accounts.erase(account_id, email)

    async def change_email(self, account_id: str, former: Collection[str], email: str) -> None:
        """Pass on and forget."""
        self._found.clear()
        await self._accounts.change_email(account_id, former, email)

    async def keep_profile(self, account_id: str, email: str, profile: BilledProfile) -> None:
        """Pass on and forget."""
        self._found.clear()
        await self._accounts.keep_profile(account_id, email, profile)
