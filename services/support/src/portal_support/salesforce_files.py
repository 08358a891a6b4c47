"""Files of cases: ContentVersion and its link (reference salesforce.md 3.2, 3.4). Their names occur here alone."""

import base64
from collections.abc import Iterable
from typing import Any, Final

from portal_contracts.problems import Refused
from portal_contracts.support import CaseFile
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.composite import lookup
from portal_salesforce.dialect import DialectSource
from portal_salesforce.errors import SalesforceRefusal
from portal_salesforce.ids import is_id
from portal_support.attachment import safe_name
from portal_support.open_staff_case import STAFF_ONLY
from portal_support.ports import StoredFile
from portal_support.salesforce_user import OwnUser

FILE_FIELDS: Final = (
    "ContentDocumentId",
    "Visibility",
    "ContentDocument.Title",
    "ContentDocument.FileExtension",
    "ContentDocument.ContentSize",
    "ContentDocument.CreatedDate",
    "ContentDocument.CreatedById",
    "ContentDocument.LatestPublishedVersionId",
)
MOST_LISTED: Final = 100
FOR_CUSTOMERS: Final = "AllUsers"
"""The link's visibility when staff switched on "Customer Access"; internal files have InternalUsers."""


class SalesforceFiles:
    """The `CaseFiles` port on a Salesforce org."""

    def __init__(self, salesforce: Salesforce, user: OwnUser) -> None:
        self._salesforce = salesforce
        self._user = user
        self._dialect = DialectSource(salesforce, "Case")

    async def keep(self, case_id: str, name: str, path: str, content: bytes) -> str:
        """Create a ContentVersion that is published on the case; PathOnClient is the name it is found by."""
        fields = {
            "Title": name.rpartition(".")[0],
            "PathOnClient": path,
            "VersionData": base64.b64encode(content).decode(),
            "FirstPublishLocationId": case_id,
        }
        try:
            return await self._salesforce.create("ContentVersion", fields)
        except SalesforceRefusal as refusal:
            raise Refused("CASE_NOT_TAKEN") from refusal

    async def find(self, path: str) -> str | None:
        """Look for PathOnClient, which nobody but us writes so."""
        statement = soql.select("ContentVersion", "Id").where(soql.equals("PathOnClient", path))
        found = await self._salesforce.query_one(statement)
        return str(found["Id"]) if found is not None else None

    async def read(self, case_id: str, account_id: str, file_id: str, most_bytes: int) -> StoredFile | None:
        """Ask for the case of this account and the file's link to it in one call, then for the bytes."""
        if not is_id(case_id, "Case"):
            return None
        key = (await self._dialect.current()).field("case.key")
        own = await self._user.id()
        mine = soql.all_of(soql.equals("Id", case_id), soql.equals("AccountId", account_id))
        linked = soql.all_of(soql.equals("LinkedEntityId", case_id), soql.equals("ContentDocumentId", file_id))
        replies = await self._salesforce.composite(
            [
                lookup("case", soql.select("Case", "Id", key).where(mine)),
                lookup("file", soql.select("ContentDocumentLink", *FILE_FIELDS).where(linked)),
            ]
        )
        cases = [case for case in replies["case"].records if not str(case[key] or "").startswith(STAFF_ONLY)]
        links = [link for link in replies["file"].records if _may_be_seen(link, own)]
        if not cases or not links:
            return None
        document = links[0]["ContentDocument"]
        if document["ContentSize"] > most_bytes:
            return StoredFile(_name(document), None)
        version = document["LatestPublishedVersionId"]
        content = await self._salesforce.blob("ContentVersion", version, "VersionData")
        return StoredFile(_name(document), content) if content is not None else None


def shown_files(links: Iterable[dict[str, Any]], own: str) -> list[CaseFile]:
    """Give the files a customer may see, the oldest first."""
    seen = [link for link in links if _may_be_seen(link, own)]
    return [
        CaseFile(
            file_id=link["ContentDocumentId"],
            name=_name(link["ContentDocument"]),
            size=link["ContentDocument"]["ContentSize"] or 0,
            added_at=link["ContentDocument"]["CreatedDate"],
            by="customer" if link["ContentDocument"]["CreatedById"] == own else "support",
        )
        for link in sorted(seen, key=lambda link: str(link["ContentDocument"]["CreatedDate"]))
    ]


def _may_be_seen(link: dict[str, Any], own: str) -> bool:
    """Whether the customer sent it or staff opened it to customers."""
    return bool(link["ContentDocument"]["CreatedById"] == own or link["Visibility"] == FOR_CUSTOMERS)


def _name(document: dict[str, Any]) -> str:
    title, extension = str(document["Title"] or "file"), document["FileExtension"]
    return safe_name(title if not extension or title.lower().endswith(f".{extension}") else f"{title}.{extension}")
