"""Verification fields of Account, and documents as ContentVersion (R197-R202, reference salesforce.md 3.2, 3.4)."""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from portal_contracts.identity_verification import VerificationStatus
from portal_contracts.problems import Refused
from portal_identity.ports import VerificationOnFile
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.dialect import DialectSource
from portal_salesforce.errors import SalesforceRefusal
from portal_salesforce.field_values import FieldValue, moment

_STATUSES: Final[Mapping[str, VerificationStatus]] = {
    "": "not_submitted",
    "pending": "pending",
    "verified": "verified",
    "rejected": "rejected",
}


class SalesforceVerifications:
    """The `Verifications` port on a Salesforce org. Staff's note is never asked for (R200)."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce
        self._dialect = DialectSource(salesforce, "Account")

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
        await self._salesforce.update("Account", account_id, fields)
