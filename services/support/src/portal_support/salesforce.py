"""Cases in Salesforce: object Case and CaseComment (reference salesforce.md 3.2). Their names occur here alone."""

from typing import Any, Final

from portal_contracts.support import Case, CaseComment, CaseDetail, CaseType
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.dialect import DialectSource
from portal_salesforce.ids import is_id
from portal_support.ports import NewCase

ORIGIN: Final = "Portal Website"
TYPES: Final[dict[CaseType, str]] = {
    "general_inquiry": "General Inquiry",
    "eligibility_check": "Eligibility Check",
    "id_verification": "ID Verification",
    "cancellation_request": "Cancellation Request",
}
SUMMARY: Final = ("Id", "CaseNumber", "Subject", "Type", "Status", "IsClosed", "CreatedDate", "LastModifiedDate")
MOST_CASES: Final = 500
MOST_COMMENTS: Final = 200


def case_headers(auto_assign: str) -> dict[str, str]:
    """Give the headers of a client that opens cases.

    What Salesforce does without Sforce-Auto-Assign is not certain (reference 3.2), so it is always said.
    """
    return {"Sforce-Auto-Assign": auto_assign}


class SalesforceCases:
    """The `Cases` port on a Salesforce org."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce
        self._dialect = DialectSource(salesforce, "Case")

    async def open(self, case: NewCase) -> str:
        """Upsert by the external id, so that a lost answer is cured by a repeat; origin where the org has it (C23)."""
        dialect = await self._dialect.current()
        fields: dict[str, Any] = {
            "Subject": case.title,
            "Description": case.description,
            "Type": TYPES.get(case.type),
            "AccountId": case.account_id,
        }
        if dialect.has("case.origin"):
            fields[dialect.field("case.origin")] = ORIGIN
        case_id, _ = await self._salesforce.upsert("Case", dialect.field("case.key"), case.key, fields)
        return case_id

    async def of_account(self, account_id: str) -> list[Case]:
        """Query by account; descriptions and comments stay where they are."""
        statement = soql.select("Case", *SUMMARY).where(soql.equals("AccountId", account_id))
        # CreatedDate knows whole seconds only; the number tells cases of one second apart.
        statement = statement.order_by("CreatedDate", descending=True).order_by("CaseNumber", descending=True)
        statement = statement.limit(MOST_CASES)
        return [Case(**_summary(record)) for record in await self._salesforce.query(statement)]

    async def comment(self, case_id: str, text: str) -> None:
        """Create a CaseComment that is published, so that its customer sees it again."""
        fields: dict[str, str | bool] = {"ParentId": case_id, "CommentBody": text, "IsPublished": True}
        await self._salesforce.create("CaseComment", fields)

    async def read(self, case_id: str, account_id: str) -> CaseDetail | None:
        """Read the case, compare its account, then its published comments; unpublished ones are never asked for."""
        if not is_id(case_id, "Case"):
            return None
        record = await self._salesforce.read("Case", case_id, [*SUMMARY, "Description", "AccountId"])
        if record is None or record["AccountId"] != account_id:
            return None
        published = soql.all_of(soql.equals("ParentId", case_id), soql.equals("IsPublished", value=True))
        statement = soql.select("CaseComment", "CommentBody", "CreatedDate").where(published)
        # The newest are asked for, when there are more than fit, and told in the order they were written.
        newest = await self._salesforce.query(statement.order_by("CreatedDate", descending=True).limit(MOST_COMMENTS))
        comments = sorted(newest, key=lambda comment: str(comment["CreatedDate"]))
        return CaseDetail(
            **_summary(record),
            description=record["Description"] or "",
            comments=[
                CaseComment(text=comment["CommentBody"] or "", written_at=comment["CreatedDate"])
                for comment in comments
            ],
        )


def _summary(record: dict[str, Any]) -> dict[str, Any]:
    types = {text: name for name, text in TYPES.items()}
    return {
        "case_id": record["Id"],
        "case_number": record["CaseNumber"],
        "subject": record["Subject"] or "",
        "type": types.get(record["Type"], "unknown"),
        "status": record["Status"],
        "closed": record["IsClosed"],
        "opened_at": record["CreatedDate"],
        "updated_at": record["LastModifiedDate"],
    }
