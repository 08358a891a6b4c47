"""Fakes of identity's ports."""

import asyncio
import base64
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from portal_contracts.billing_logins import ProvenLogin
from portal_contracts.forgetting import OpenBusiness
from portal_contracts.identity import SignupForm
from portal_contracts.identity_verification import IdentityCheckForm
from portal_contracts.problems import Refused
from portal_contracts.support import CaseType
from portal_contracts.values import Address, ContactName, comparable_email, long_salesforce_id
from portal_identity.identity_comparison import PersonOnFile, ProvenPerson
from portal_identity.identity_provider import IdentityCheck
from portal_identity.ports import (
    AccountOnFile,
    AccountUnclear,
    BilledProfile,
    ChangedMailbox,
    ContactOnFile,
    NewContact,
    VerificationOnFile,
)

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
        name=ContactName(family_name=family_name, given_name="花子"),
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
        self.people: dict[tuple[str, str], dict[str, str]] = {}
        """What is kept of the person of a contact, by account and mailbox, in Salesforce's names and texts."""
        self.erased: list[str] = []
        self.profiles: list[tuple[str, str, BilledProfile]] = []
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

    async def find_by_email(self, email: str) -> AccountOnFile | None:
        """Give the one account that has such a contact."""
        self._check()
        wanted = comparable_email(email)
        found = [
            replace(account, customer_number=number)
            for number, account in self.by_number.items()
            if any(comparable_email(contact.email) == wanted for contact in account.contacts)
        ]
        if len(found) > 1 or any(not account.customer_number for account in found):
            raise AccountUnclear
        return found[0] if found else None

    async def open_account(self, customer_number: str, form: SignupForm) -> str:
        """Make an account, once for its number."""
        self._check()
        made = long_salesforce_id(f"0010000000{90000 + len(self.by_number):05}")
        fresh = AccountOnFile(made, form.name.family_name, form.address.postcode, "", [])
        return self.by_number.setdefault(customer_number, fresh).account_id

    async def register(self, account_id: str, whmcs_client_id: int, source: str) -> None:
        """Keep the fields; the account names its client from now on."""
        self._check()
        self.registered[account_id] = (whmcs_client_id, source)
        self._change(account_id, whmcs_client_id=str(whmcs_client_id))

    async def everything(self, account_id: str) -> Mapping[str, Any]:
        """Give the account and its contacts."""
        self._check()
        emails = [
            contact.email
            for account in self.by_number.values()
            if account.account_id == account_id
            for contact in account.contacts
        ]
        contacts = [{"Email": email, **self.people.get((account_id, comparable_email(email)), {})} for email in emails]
        return {"account": {"Id": account_id}, "contacts": contacts}

    async def erase(self, account_id: str, email: str) -> None:
        """Take the mailbox from the contacts and the account from the registered ones."""
        self._check()
        self.registered.pop(account_id, None)
        self.erased.append(account_id)
        self.people.pop((account_id, comparable_email(email)), None)
        await self.change_email(account_id, [email], "")

    async def ensure_contact(self, account_id: str, contact: NewContact) -> None:
        """Keep the contact's mailbox and what is new of the person; a new mailbox becomes a contact."""
        self._check()
        self.contacts[account_id] = contact.email
        wanted = comparable_email(contact.email)
        told = {
            "Birthdate": contact.date_of_birth.isoformat() if contact.date_of_birth else "",
            "Nationality__c": contact.nationality or "",
            "Gender__c": (contact.gender or "").capitalize(),
        }
        person = self.people.setdefault((account_id, wanted), {})
        person |= {name: person.get(name) or value for name, value in told.items()}
        for found in [account for account in self.by_number.values() if account.account_id == account_id]:
            if all(comparable_email(known.email) != wanted for known in found.contacts):
                fresh = ContactOnFile(contact.email, contact.name.family_name)
                self._change(account_id, contacts=[*found.contacts, fresh])

    async def keep_profile(self, account_id: str, email: str, profile: BilledProfile) -> None:
        """Keep the profile; the account's postcode follows."""
        self._check()
        self.profiles.append((account_id, email, profile))
        if profile.address is not None:
            self._change(account_id, postcode=profile.address.postcode)

    async def change_email(self, account_id: str, former: Collection[str], email: str) -> None:
        """Write the address of each contact that has a former one."""
        self._check()
        known = {comparable_email(one) for one in former}
        for found in [account for account in self.by_number.values() if account.account_id == account_id]:
            contacts = [
                replace(one, email=email) if comparable_email(one.email) in known else one for one in found.contacts
            ]
            self._change(account_id, contacts=contacts)

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
        self.logins: dict[str, tuple[str, ProvenLogin]] = {}
        self.with_services: set[int] = set()
        self.tried: list[tuple[str, str]] = []
        self.profiles: dict[int, BilledProfile] = {}
        self.emails: dict[int, str] = {}
        self.email_requests: list[str] = []
        self.emails_fail_with: list[Exception] = []

    async def prove_login(self, request_id: str, email: str, password: str) -> ProvenLogin:
        """Give the log-in when the password is right. Every password tried is kept in `tried` for tests to look at."""
        self.tried.append((email, password))
        known = self.logins.get(email)
        if known is None or known[0] != password:
            raise Refused("CREDENTIALS_WRONG")
        return known[1]

    async def profile(self, whmcs_client_id: int) -> Mapping[str, Any]:
        """Give a profile with nothing but the client."""
        return {"whmcsClientId": whmcs_client_id}

    async def billed_profile(self, whmcs_client_id: int) -> BilledProfile:
        """Give address and phone."""
        return self.profiles.get(whmcs_client_id, BilledProfile("", None))

    async def change_email(self, request_id: str, changed: ChangedMailbox) -> None:
        """Write the address where a former one stands. `emails_fail_with` is raised in turn after the effect."""
        standing = self.emails.setdefault(changed.whmcs_client_id, changed.former[0])
        if request_id not in self.email_requests and standing in changed.former:
            self.emails[changed.whmcs_client_id] = changed.email
        if self.emails_fail_with:
            raise self.emails_fail_with.pop(0)
        self.email_requests.append(request_id)

    async def has_services(self, whmcs_client_id: int) -> bool:
        """Whether the client is among those that have a service."""
        return whmcs_client_id in self.with_services

    async def ensure_client(self, customer_number: str, form: SignupForm) -> int:
        """Make or find the client."""
        self.asked += 1
        await asyncio.sleep(0)
        client = self.clients.setdefault(customer_number, 7000 + len(self.clients))
        if self.fails_with:
            raise self.fails_with.pop(0)  # after the effect: the answer is what was lost
        return client


class InMemoryOwners:
    """One of everything. `fails_with` is raised until it is cleared."""

    def __init__(self) -> None:
        self.fails_with: Exception | None = None
        self.under_way = OpenBusiness()

    async def open_business(self, account_id: str) -> OpenBusiness:
        """Give what the test set."""
        return self.under_way

    async def export(self, account_id: str, whmcs_client_id: int) -> Mapping[str, Any]:
        """Give them, each naming its customer."""
        if self.fails_with is not None:
            raise self.fails_with
        return {
            **{name: [{"clientId": whmcs_client_id}] for name in ("invoices", "services", "paymentMethods")},
            **{name: [{"accountId": account_id}] for name in ("orders", "numberPortings", "cases")},
            **{name: [{"accountId": account_id}] for name in ("keptCart", "mailPreferences", "mails")},
            **{name: [{"accountId": account_id}] for name in ("simLines", "lineChanges")},
        }


class InMemoryStaffDesk:
    """Cases by their key."""

    def __init__(self) -> None:
        self.cases: dict[str, str] = {}
        self.kinds: dict[str, CaseType] = {}

    async def open_case(
        self, key: str, account_id: str | None, title: str, description: str, *, kind: CaseType = "general_inquiry"
    ) -> str:
        """Open or find the case."""
        self.kinds.setdefault(key, kind)
        return self.cases.setdefault(key, f"case-{len(self.cases) + 1}")


class InMemoryScanner:
    """Finds everything clean but what a test says. `fails_with` is raised in turn."""

    def __init__(self) -> None:
        self.fails_with: list[Exception] = []
        self.seen: list[bytes] = []

    async def check(self, content: bytes) -> None:
        """Look into it."""
        self.seen.append(content)
        if self.fails_with:
            raise self.fails_with.pop(0)


class InMemoryVerifications:
    """Verification fields and documents by account; `fails_with` holds problems raised in turn after the effect."""

    def __init__(self, *fails_with: Exception) -> None:
        self.fails_with = list(fails_with)
        self.by_account: dict[str, VerificationOnFile] = {}
        self.documents: dict[tuple[str, str], bytes] = {}
        self.people: dict[str, PersonOnFile] = {}
        self.notes: dict[str, list[str]] = {}

    def _lose_answer(self) -> None:
        if self.fails_with:
            raise self.fails_with.pop(0)

    async def read(self, account_id: str) -> VerificationOnFile:
        """Give the fields."""
        return self.by_account.get(account_id, VerificationOnFile("not_submitted"))

    async def keep_document(self, account_id: str, title: str, kind: str, content: bytes) -> None:
        """Keep it once for its title."""
        self.documents.setdefault((account_id, f"{title}.{kind}"), content)
        self._lose_answer()

    async def mark_pending(self, account_id: str, at: datetime) -> None:
        """Write the fields."""
        self.by_account[account_id] = VerificationOnFile("pending", submitted_at=at)
        self._lose_answer()

    async def person(self, account_id: str, email: str) -> PersonOnFile:
        """Give the person the test set."""
        return self.people.get(account_id, PersonOnFile("", "", None, "", ""))

    async def mark_proven(self, account_id: str, at: datetime, note: str) -> None:
        """Write the fields and the note."""
        self._note(account_id, VerificationOnFile("verified", verified_at=at), note)

    async def mark_refuted(self, account_id: str, reason: str, note: str) -> None:
        """Write the fields and the note."""
        self._note(account_id, VerificationOnFile("rejected", rejection=reason), note)

    def _note(self, account_id: str, fields: VerificationOnFile, note: str) -> None:
        if note not in self.notes.setdefault(account_id, []):
            self.notes[account_id].insert(0, note)
            self.by_account[account_id] = fields
        self._lose_answer()


class FixedIdentityProvider:
    """Proves whom the test set, for the check it was asked for last; `fails_with` holds problems raised in turn."""

    def __init__(self, proven: ProvenPerson, *fails_with: Exception) -> None:
        self.proven = proven
        self.fails_with = list(fails_with)
        self.begun: list[IdentityCheck] = []
        self.concluded: list[IdentityCheck] = []

    async def begin(self, check: IdentityCheck) -> str:
        """Give an address with the state."""
        self._fail()
        self.begun.append(check)
        return f"https://ekyc.example.jp/authorize?state={check.state}"

    async def conclude(self, check: IdentityCheck, answer: IdentityCheckForm) -> ProvenPerson:
        """Give the person once for a check that was begun."""
        self.concluded.append(check)
        self._fail()
        if answer.code is None or check not in self.begun:
            raise Refused("IDENTITY_NOT_PROVEN")
        return self.proven

    def _fail(self) -> None:
        if self.fails_with:
            raise self.fails_with.pop(0)


class SoftwarePasskey:
    """An authenticator with one ES256 key. `user_verified` is whether it looked at its user; `counts`, its counter."""

    def __init__(self, origin: str = "http://127.0.0.1:8080", *, user_verified: bool = True) -> None:
        self.origin = origin
        self.user_verified = user_verified
        self.count = 0
        self.credential_id = secrets.token_bytes(16)
        self._key = generate_private_key(SECP256R1())

    def create(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a registration challenge."""
        numbers = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(cose)
        data = self._data(str(options["rp"]["id"]), 0x40) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options)
        return self._credential(clientDataJSON=client, attestationObject=attestation)

    def get(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Answer an authentication challenge."""
        self.count += 1
        data, client = self._data(str(options["rpId"]), 0), self._client("webauthn.get", options)
        signature = self._key.sign(data + sha256(client).digest(), ECDSA(SHA256()))
        return self._credential(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _data(self, host: str, flags: int) -> bytes:
        flags |= 0x01 | (0x04 if self.user_verified else 0)
        return sha256(host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: Mapping[str, Any]) -> bytes:
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin}).encode()

    def _credential(self, **response: bytes) -> dict[str, Any]:
        said = {name: _base64url(value) for name, value in response.items()}
        name = _base64url(self.credential_id)
        return {"id": name, "rawId": name, "type": "public-key", "response": said, "clientExtensionResults": {}}


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
