"""Fakes of identity's ports."""

import asyncio
from dataclasses import replace
from typing import Any

from portal_contracts.identity import SignupForm
from portal_contracts.values import Address, PersonName, comparable_email, long_salesforce_id
from portal_identity.ports import AccountOnFile, ContactOnFile

ACCOUNT_ID = long_salesforce_id("001000000000001")
OTHER_ACCOUNT_ID = long_salesforce_id("001000000000002")
PASSPHRASE = "a-long-and-fake-passphrase"  # noqa: S105 - an obviously fake example


def form(number: str = "SNX-10001", email: str = "hanako@example.jp", family_name: str = "山田") -> SignupForm:
    """Give a well-formed form."""
    return SignupForm(
        email=email,
        confirm_email=email,
        password=PASSPHRASE,
        confirm_password=PASSPHRASE,
        customer_number=number,
        name=PersonName(family_name=family_name, given_name="花子"),
        address=Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3"),
    )


def account(account_id: str = ACCOUNT_ID, email: str = "hanako@example.jp", whmcs_client_id: str = "") -> AccountOnFile:
    """Give an account with one contact."""
    return AccountOnFile(account_id, "山田 花子", "1500001", whmcs_client_id, [ContactOnFile(email, "山田")])


class InMemoryAccounts:
    """Customers in a dictionary. `fails_with` is raised by every call until it is cleared."""

    def __init__(self, **accounts: AccountOnFile) -> None:
        self.by_number = {number.replace("_", "-"): found for number, found in accounts.items()}
        self.registered: dict[str, tuple[int, str]] = {}
        self.contacts: dict[str, str] = {}
        self.looked_up = 0
        self.fails_with: Exception | None = None

    def _check(self) -> None:
        if self.fails_with is not None:
            raise self.fails_with

    async def find(self, customer_number: str) -> AccountOnFile | None:
        """Give the account of a number."""
        self._check()
        self.looked_up += 1
        return self.by_number.get(customer_number)

    async def register(self, account_id: str, whmcs_client_id: int, source: str) -> None:
        """Keep the fields; the account names its client from now on."""
        self._check()
        self.registered[account_id] = (whmcs_client_id, source)
        self._change(account_id, whmcs_client_id=str(whmcs_client_id))

    async def ensure_contact(self, account_id: str, form: SignupForm) -> None:
        """Keep the contact's mailbox; a new one becomes a contact."""
        self._check()
        self.contacts[account_id] = form.email
        wanted = comparable_email(form.email)
        for found in [account for account in self.by_number.values() if account.account_id == account_id]:
            if all(comparable_email(contact.email) != wanted for contact in found.contacts):
                contact = ContactOnFile(form.email, form.name.family_name)
                self._change(account_id, contacts=[*found.contacts, contact])

    def _change(self, account_id: str, **changes: Any) -> None:
        self.by_number = {
            number: replace(account, **changes) if account.account_id == account_id else account
            for number, account in self.by_number.items()
        }


class InMemoryBilling:
    """Makes one client for each Customer Number. `fails_with` holds problems raised in turn before it answers."""

    def __init__(self, *fails_with: Exception) -> None:
        self.fails_with = list(fails_with)
        self.clients: dict[str, int] = {}
        self.asked = 0

    async def ensure_client(self, form: SignupForm) -> int:
        """Make or find the client."""
        self.asked += 1
        await asyncio.sleep(0)
        client = self.clients.setdefault(form.customer_number, 7000 + len(self.clients))
        if self.fails_with:
            raise self.fails_with.pop(0)  # after the effect: the answer is what was lost
        return client


class InMemoryStaffDesk:
    """Cases by their key."""

    def __init__(self) -> None:
        self.cases: dict[str, str] = {}

    async def open_case(self, key: str, account_id: str, title: str, description: str) -> str:
        """Open or find the case."""
        return self.cases.setdefault(key, f"case-{len(self.cases) + 1}")
