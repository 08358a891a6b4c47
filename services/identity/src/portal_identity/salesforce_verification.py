"""Verification fields of Account, and documents as ContentVersion (R197-R202, reference salesforce.md 3.2, 3.4)."""

import base64
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from portal_contracts.identity_verification import VerificationStatus
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.identity_comparison import PersonOnFile
from portal_identity.ports import VerificationOnFile
from portal_identity.salesforce import MOST_CONTACTS
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.dialect import DialectSource
from portal_salesforce.errors import SalesforceRefusal
from portal_salesforce.field_values import FieldValue, moment
from portal_salesforce.own_writes import OwnWrites

_STATUSES: Final[Mapping[str, VerificationStatus]] = {
    "": "not_submitted",
    "pending": "pending",
    "verified": "verified",
    "rejected": "rejected",
}

_ADDRESS: Final = ("BillingState", "BillingCity", "BillingStreet")


class SalesforceVerifications:
    """The `Verifications` port on a Salesforce org. Staff's note stays here (R200): a line is put before it."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce
        self._writes = OwnWrites(salesforce)
        self._dialect = DialectSource(salesforce, "Account", "Contact")

    async def read(self, account_id: str) -> VerificationOnFile:
        """Read the account's fields."""
        dialect = await self._dialect.current()
        wanted = ("Status", "SubmittedAt", "VerifiedAt", "Rejection")
        names = [dialect.field(f"account.verification{what}") for what in wanted]
        found = await self._salesforce.read("Account", account_id, names)
        if found is None:
            raise Refused("NOT_FOUND")
        status, submitted_at, verified_at, rejection = (found[name] for name in names)
        return VerificationOnFile(
            status=_STATUSES.get(str(status or "").strip().casefold(), "unknown"),
            submitted_at=moment(submitted_at),
            verified_at=moment(verified_at),
            rejection=str(rejection or ""),
        )

    async def keep_document(self, account_id: str, title: str, kind: str, content: bytes) -> None:
        """Look for the title before creating: ContentVersion has no external id, and an answer may have been lost."""
        statement = soql.select("ContentVersion", "Id").where(soql.equals("Title", title))
        if await self._salesforce.query_one(statement) is not None:
            return
        fields = {
            "Title": title,
            "PathOnClient": f"{title}.{kind}",
            "VersionData": base64.b64encode(content).decode(),
            "FirstPublishLocationId": account_id,
        }
        try:
            await self._salesforce.create("ContentVersion", fields)
        except SalesforceRefusal as refusal:
            raise Refused("DOCUMENT_REFUSED", facts={"megabytes": 5}) from refusal

    async def mark_pending(self, account_id: str, at: datetime) -> None:
        """Write status and time, and clear the reason of an earlier rejection."""
        dialect = await self._dialect.current()
        fields: dict[str, FieldValue] = {
            dialect.field("account.verificationStatus"): "Pending",
            dialect.field("account.verificationSubmittedAt"): at,
            dialect.field("account.verificationRejection"): None,
        }
        await self._writes.update("Account", account_id, fields)

    async def person(self, account_id: str, email: str) -> PersonOnFile:
        """Read the contact with this mailbox and the account's billing address."""
        dialect = await self._dialect.current()
        born = dialect.names("contact.dateOfBirth")
        statement = soql.select("Contact", "Email", "LastName", "FirstName", *born)
        statement = statement.where(soql.equals("AccountId", account_id)).limit(MOST_CONTACTS)
        wanted = comparable_email(email)
        mine = [
            contact
            for contact in await self._salesforce.query(statement)
            if comparable_email(contact["Email"] or "") == wanted
        ]
        contact = mine[0] if mine else {}
        account = await self._salesforce.read("Account", account_id, [*_ADDRESS, "BillingPostalCode"]) or {}
        birth_date = contact.get(born[0]) if born else None
        return PersonOnFile(
            family_name=contact.get("LastName") or "",
            given_name=contact.get("FirstName") or "",
            birth_date=date.fromisoformat(birth_date) if birth_date else None,
            address=_street_level(account),
            postcode=account.get("BillingPostalCode") or "",
        )

    async def mark_proven(self, account_id: str, at: datetime, note: str) -> None:
        """Write status and time, and empty the time of documents: a time that stands there says that they were it."""
        dialect = await self._dialect.current()
        fields: dict[str, FieldValue] = {
            dialect.field("account.verificationStatus"): "Verified",
            dialect.field("account.verificationVerifiedAt"): at,
            dialect.field("account.verificationSubmittedAt"): None,
            dialect.field("account.verificationRejection"): None,
        }
        await self._write_with_note(account_id, fields, note)

    async def mark_refuted(self, account_id: str, reason: str, note: str) -> None:
        """Write status and reason."""
        dialect = await self._dialect.current()
        fields: dict[str, FieldValue] = {
            dialect.field("account.verificationStatus"): "Rejected",
            dialect.field("account.verificationRejection"): reason,
        }
        await self._write_with_note(account_id, fields, note)

    async def _write_with_note(self, account_id: str, fields: dict[str, FieldValue], note: str) -> None:
        """Write, with a line before what staff have noted for each other, once; nothing where the line is there."""
        name = (await self._dialect.current()).field("account.verificationNote")
        found = await self._salesforce.read("Account", account_id, [name])
        if found is None:
            raise Refused("NOT_FOUND")
        earlier = str(found[name] or "")
        if note not in earlier:
            await self._writes.update("Account", account_id, {**fields, name: "\n".join(filter(None, (note, earlier)))})


def _street_level(account: Mapping[str, str | None]) -> str:
    """Give prefecture, city and street; the street's second line is the building (see `salesforce.py`)."""
    state, city, street = (account.get(name) or "" for name in _ADDRESS)
    return f"{state}{city}{street.splitlines()[0]}" if street else ""
