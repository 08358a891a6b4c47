"""Cases in Salesforce: object Case and CaseComment (reference salesforce.md 3.2). Their names occur here alone.

Every field that is asked for stands here: what is not named never leaves Salesforce. Unpublished comments, mails,
owners and cases that staff keep among themselves are not asked for.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from portal_contracts.problems import Refused
from portal_contracts.support import Case, CaseComment, CaseDetail, CaseType
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.composite import SubReply, change, creation, lookup
from portal_salesforce.dialect import Dialect, DialectSource
from portal_salesforce.errors import SalesforceRefusal
from portal_salesforce.field_values import FieldValue
from portal_salesforce.ids import is_id
from portal_support.case_words import WORDS, case_state
from portal_support.customers_text import before_end_line, with_end_line
from portal_support.open_staff_case import STAFF_ONLY
from portal_support.ports import NewCase
from portal_support.salesforce_files import FILE_FIELDS, MOST_LISTED, shown_files
from portal_support.salesforce_user import OwnUser

ORIGIN: Final = "Portal Website"
TYPES: Final[dict[CaseType, str]] = {
    "general_inquiry": "General Inquiry",
    "eligibility_check": "Eligibility Check",
    "id_verification": "ID Verification",
    "cancellation_request": "Cancellation Request",
}
SUMMARY: Final = ("Id", "CaseNumber", "Subject", "Type", "Status", "IsClosed", "CreatedDate", "LastModifiedDate")
MOST_COMMENTS: Final = 200
STATUS: Final = "case.status"
A_SECOND: Final = timedelta(seconds=1)
CLOCKS_APART: Final = timedelta(minutes=10)
"""How far Salesforce's clock may be behind the database's."""


def case_headers(auto_assign: str) -> dict[str, str]:
    """Give the headers of a client that opens cases.

    What Salesforce does without Sforce-Auto-Assign is not certain (reference 3.2), so it is always said.
    """
    return {"Sforce-Auto-Assign": auto_assign}


def visible(dialect: Dialect) -> soql.Condition:
    """Match what customers may see; cases that came by phone or mail have no key of ours."""
    key = dialect.field("case.key")
    return soql.any_of(soql.equals(key, None), soql.negation(soql.starts_with(key, STAFF_ONLY)))


def not_taken(refusal: SalesforceRefusal) -> Refused:
    """Say what it means that the org refused to write: its words may quote the customer and stay out."""
    return Refused("NOT_FOUND" if refusal.missing else "CASE_NOT_TAKEN")


class SalesforceCases:
    """The `Cases` port on a Salesforce org."""

    def __init__(self, salesforce: Salesforce, user: OwnUser) -> None:
        self._salesforce = salesforce
        self._user = user
        self._dialect = DialectSource(salesforce, "Case")

    async def open(self, case: NewCase) -> str:
        """Create it once for its external id; a repeat leaves alone what staff have written since (R195, C23)."""
        dialect = await self._dialect.current()
        fields: dict[str, FieldValue] = {
            "Subject": case.title,
            "Description": _description(case),
            "Type": TYPES.get(case.type),
            "AccountId": case.account_id,
        }
        if dialect.has("case.origin"):
            fields[dialect.field("case.origin")] = ORIGIN
        if case.opportunity_id is not None and dialect.has("case.opportunity"):
            fields[dialect.field("case.opportunity")] = case.opportunity_id
        try:
            return await self._salesforce.create_once("Case", dialect.field("case.key"), case.key, fields)
        except SalesforceRefusal as refusal:
            raise not_taken(refusal) from refusal

    async def page(self, account_id: str, after: str | None, most: int) -> list[Case]:
        """Query by account; descriptions and comments stay where they are."""
        dialect = await self._dialect.current()
        statement = soql.select("Case", *SUMMARY).where(soql.equals("AccountId", account_id), visible(dialect))
        if after is not None:
            statement = statement.where(_older(after))
        statement = statement.order_by("CreatedDate", descending=True).order_by("CaseNumber", descending=True)
        return [Case(**_summary(record, dialect)) for record in await self._salesforce.query(statement.limit(most))]

    async def read(self, case_id: str, account_id: str) -> CaseDetail | None:
        """Ask for the case of this account, its published comments and its files, all in one call."""
        if not is_id(case_id, "Case"):
            return None
        dialect, own = await self._dialect.current(), await self._user.id()
        key = dialect.field("case.key")
        case = soql.select("Case", *SUMMARY, "Description", key)
        published = soql.all_of(soql.equals("ParentId", case_id), soql.equals("IsPublished", value=True))
        comments = soql.select("CaseComment", "CommentBody", "CreatedDate", "CreatedById").where(published)
        files = soql.select("ContentDocumentLink", *FILE_FIELDS).where(soql.equals("LinkedEntityId", case_id))
        mine = (soql.equals("Id", case_id), soql.equals("AccountId", account_id), visible(dialect))
        replies = await self._salesforce.composite(
            [
                lookup("case", case.where(*mine)),
                # The newest are asked for, when there are more than fit, and told in the order they were written.
                lookup("comments", comments.order_by("CreatedDate", descending=True).limit(MOST_COMMENTS)),
                lookup("files", files.limit(MOST_LISTED)),
            ]
        )
        found = replies["case"].records
        if not found:
            return None
        return CaseDetail(
            **_summary(found[0], dialect),
            description=before_end_line(found[0]["Description"]) if found[0][key] else "",
            comments=_comments(replies["comments"], own),
            files=shown_files(replies["files"].records, own),
        )

    async def comment(self, case_id: str, text: str, *, reopen: bool = False) -> str:
        """Create a CaseComment that is published, with the case's new status in one transaction when it reopens."""
        fields: dict[str, FieldValue] = {"ParentId": case_id, "CommentBody": text, "IsPublished": True}
        try:
            if not reopen:
                return await self._salesforce.create("CaseComment", fields)
            status = (await self._dialect.current()).write(STATUS, "in_progress")
            steps = [change("case", "Case", case_id, {"Status": status}), creation("comment", "CaseComment", fields)]
            return (await self._salesforce.composite(steps))["comment"].id
        except SalesforceRefusal as refusal:
            raise not_taken(refusal) from refusal

    async def find_comment(self, case_id: str, text: str, since: datetime) -> str | None:
        """Read our own comments since then: what a comment says cannot be asked for (reference 2.9)."""
        own = soql.equals("CreatedById", await self._user.id())
        recent = soql.at_least("CreatedDate", since - CLOCKS_APART)
        statement = soql.select("CaseComment", "Id", "CommentBody").where(soql.equals("ParentId", case_id), own, recent)
        newest = await self._salesforce.query(statement.order_by("CreatedDate", descending=True).limit(MOST_COMMENTS))
        return next((str(one["Id"]) for one in newest if _letters(one["CommentBody"]) == _letters(text)), None)

    async def close(self, keys: Sequence[str]) -> bool:
        """Look for the key first: an upsert would open a case to close it."""
        dialect = await self._dialect.current()
        statement = soql.select("Case", "Id", "IsClosed").where(soql.one_of(dialect.field("case.key"), keys))
        found = await self._salesforce.query(statement)
        for case in found:
            if not case["IsClosed"]:
                try:
                    await self._salesforce.update("Case", case["Id"], {"Status": dialect.write(STATUS, "closed")})
                except SalesforceRefusal as refusal:
                    raise not_taken(refusal) from refusal
        return bool(found)


def _older(cursor: str) -> soql.Condition:
    moment, _, number = cursor.partition(".")
    created = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    # A literal has whole seconds, the field may have more.
    within = soql.all_of(soql.at_least("CreatedDate", created), soql.below("CreatedDate", created + A_SECOND))
    return soql.any_of(soql.below("CreatedDate", created), soql.all_of(within, soql.below("CaseNumber", number)))


def _description(case: NewCase) -> str:
    if case.key.startswith(STAFF_ONLY):
        return case.description
    return with_end_line(case.description)


def _letters(text: str | None) -> str:
    """Give what Salesforce keeps of a text whatever it does to white space."""
    return "".join((text or "").split())


def _comments(reply: SubReply, own: str) -> list[CaseComment]:
    return [
        CaseComment(
            text=comment["CommentBody"] or "",
            written_at=comment["CreatedDate"],
            by="customer" if comment["CreatedById"] == own else "support",
        )
        for comment in sorted(reply.records, key=lambda comment: str(comment["CreatedDate"]))
    ]


def _summary(record: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    types = {text: name for name, text in TYPES.items()}
    state = case_state(dialect.read(STATUS, record["Status"]), closed=record["IsClosed"])
    return {
        "case_id": record["Id"],
        "case_number": record["CaseNumber"],
        "subject": record["Subject"] or "",
        "type": types.get(record["Type"], "unknown"),
        "status": WORDS[state].en,
        "state": state,
        "state_text": WORDS[state],
        "closed": record["IsClosed"],
        "opened_at": record["CreatedDate"],
        "updated_at": record["LastModifiedDate"],
    }
