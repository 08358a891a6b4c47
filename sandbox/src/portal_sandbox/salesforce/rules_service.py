"""The rules of contacts, opportunities, cases and files (reference/salesforce.md 3.2, 3.4)."""

import base64
import hashlib
from pathlib import PurePosixPath

from portal_sandbox.salesforce import record_store
from portal_sandbox.salesforce.dialect import OPPORTUNITY_STAGES
from portal_sandbox.salesforce.errors import bad_request
from portal_sandbox.salesforce.objects_sales import CLOSED_OPPORTUNITY_STAGES
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.transaction import Rules, Save, Transaction
from portal_sandbox.salesforce.wire_times import to_wire

WON_STAGE = OPPORTUNITY_STAGES[3]


class DerivedRules(Rules):
    """An object whose derived fields are the same function on insert and update."""

    def derive(self, save: Save) -> None:
        """Fills the derived fields."""

    def before_insert(self, save: Save) -> None:
        """Derives on insert."""
        self.derive(save)

    def before_update(self, save: Save) -> None:
        """Derives on update."""
        self.derive(save)


class AccountRules(Rules):
    """An account with orders, opportunities or cases cannot be deleted."""

    def before_delete(self, save: Save) -> None:
        """Names what still hangs on it."""
        transaction, record = save.transaction, save.record
        for entity in ("Order", "Opportunity", "Case"):
            if transaction.children(entity, "AccountId", record["Id"]):
                raise bad_request(
                    "DELETE_FAILED",
                    f"Your attempt to delete {record['Name']} could not be completed because it is associated with "
                    f"the following {entity} records.",
                )


class ContactRules(DerivedRules):
    """Name from first and last name."""

    def derive(self, save: Save) -> None:
        """Joins the names."""
        record = save.record
        record["Name"] = " ".join(part for part in (record["FirstName"], record["LastName"]) if part)


class OpportunityRules(DerivedRules):
    """Closed and won follow the stage."""

    def derive(self, save: Save) -> None:
        """Reads the stage."""
        record = save.record
        record["IsClosed"] = record["StageName"] in CLOSED_OPPORTUNITY_STAGES
        record["IsWon"] = record["StageName"] == WON_STAGE


class CaseRules(DerivedRules):
    """Number, closing date, the contact's account and e-mail, and the write-only comment."""

    def derive(self, save: Save) -> None:
        """Fills what follows from status and contact."""
        transaction, before, record = save.transaction, save.before, save.record
        if before is None:
            record["CaseNumber"] = f"{record_store.next_number(transaction.db, 'case number'):08d}"
        record["IsClosed"] = record["Status"] == "Closed"
        if not record["IsClosed"]:
            record["ClosedDate"] = None
        elif before is None or not before["IsClosed"]:
            record["ClosedDate"] = to_wire(transaction.now)
        contact = transaction.find("Contact", record["ContactId"]) if record["ContactId"] else None
        record["ContactEmail"] = contact["Email"] if contact else None
        if contact and record["AccountId"] is None:
            record["AccountId"] = contact["AccountId"]

    def after_save(self, save: Save) -> None:
        """Turns `Comments` into a CaseComment."""
        transaction, record = save.transaction, save.record
        text = record.pop("Comments", None)
        if text is not None:
            record_store.replace(transaction.db, {**record, "Comments": None})
            transaction.create(
                transaction.schema.objects["CaseComment"], {"ParentId": record["Id"], "CommentBody": text}
            )
        record["Comments"] = None


class ContentVersionRules(Rules):
    """A first version makes its document; FirstPublishLocationId also makes the link."""

    def before_insert(self, save: Save) -> None:
        """Moves the bytes aside and describes them."""
        transaction, record = save.transaction, save.record
        content = base64.b64decode(record["VersionData"])
        record_store.store_blob(transaction.db, record["Id"], content)
        path = PurePosixPath(record["PathOnClient"])
        record["VersionData"] = None
        record["Title"] = record["Title"] or path.stem
        record["FileExtension"] = path.suffix.removeprefix(".").lower() or None
        record["FileType"] = (record["FileExtension"] or "UNKNOWN").upper()
        record["ContentSize"] = len(content)
        record["Checksum"] = hashlib.md5(content, usedforsecurity=False).hexdigest()
        record["IsLatest"] = True
        record["PublishStatus"] = "P" if record["FirstPublishLocationId"] else "R"
        earlier = self._earlier_versions(transaction, record)
        record["VersionNumber"] = str(len(earlier) + 1)
        if record["ContentDocumentId"] is None:
            described = {name: record[name] for name in ("Title", "FileType", "FileExtension", "ContentSize")}
            document = transaction.create(transaction.schema.objects["ContentDocument"], described, system=True)
            record["ContentDocumentId"] = document["Id"]
        for version in earlier:
            transaction.write_silently(version, {"IsLatest": False})

    def after_save(self, save: Save) -> None:
        """Points the document at its newest version and links it."""
        transaction, before, record = save.transaction, save.before, save.record
        if before is not None:
            return
        document = transaction.find("ContentDocument", record["ContentDocumentId"])
        if document is not None:
            transaction.write_silently(
                document, {"LatestPublishedVersionId": record["Id"], "ContentSize": record["ContentSize"]}
            )
        if record["FirstPublishLocationId"]:
            link = {
                "ContentDocumentId": record["ContentDocumentId"],
                "LinkedEntityId": record["FirstPublishLocationId"],
                "ShareType": "V",
            }
            transaction.create(transaction.schema.objects["ContentDocumentLink"], link)

    def _earlier_versions(self, transaction: Transaction, record: Record) -> list[Record]:
        if record["ContentDocumentId"] is None:
            return []
        if record["FirstPublishLocationId"]:
            raise bad_request(
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                "FirstPublishLocationId can only be set on the first version.",
                ["FirstPublishLocationId"],
            )
        return transaction.children("ContentVersion", "ContentDocumentId", record["ContentDocumentId"])


class ContentDocumentRules(Rules):
    """Documents come from versions and take them along."""

    def before_insert(self, save: Save) -> None:
        """Only the system makes a document: it has a type then."""
        record = save.record
        if record["FileType"] is None:
            raise bad_request("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted: ContentDocument")

    def after_delete(self, save: Save) -> None:
        """Removes versions and links."""
        transaction, record = save.transaction, save.record
        for version in transaction.children("ContentVersion", "ContentDocumentId", record["Id"]):
            record_store.remove(transaction.db, {**version, "IsDeleted": True}, recycled=True)
        for link in transaction.children("ContentDocumentLink", "ContentDocumentId", record["Id"]):
            record_store.remove(transaction.db, link, recycled=False)
