"""Cases in Salesforce: object Case and CaseComment (reference salesforce.md 3.2). Their names occur here alone."""

from typing import Any, Final

from portal_contracts.support import Case, CaseComment, CaseDetail, CaseType
from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_support.ports import NewCase

ORIGIN: Final = "Portal Website"
KEY: Final = "Portal_Case_Key__c"
TYPES: Final[dict[CaseType, str]] = {
    "general_inquiry": "General Inquiry",
    "eligibility_check": "Eligibility Check",
    "id_verification": "ID Verification",
    "cancellation_request": "Cancellation Request",
}
SUMMARY: Final = ("Id", "CaseNumber", "Subject", "Type", "Status", "IsClosed", "CreatedDate", "LastModifiedDate")
MOST_CASES: Final = 500
MOST_COMMENTS: Final = 200


class SalesforceCases:
    """The `Cases` port on a Salesforce org."""

    def __init__(self, salesforce: Salesforce) -> None:
        self._salesforce = salesforce

    async def open(self, case: NewCase) -> str:
        """Upsert by the external id, so that a lost answer is cured by a repeat."""
        fields: dict[str, Any] = {
            "Subject": case.title,
            "Description": case.description,
            "Type": TYPES.get(case.type),
            "AccountId": case.account_id,
            "Origin": ORIGIN,
        }
        case_id, _ = await self._salesforce.upsert("Case", KEY, case.key, fields)
        return case_id

    async def of_account(self, account_id: str) -> list[Case]:
        """Query by account; descriptions and comments stay where they are."""
        statement = soql.select("Case", *SUMMARY).where(soql.equals("AccountId", account_id))
        statement = statement.order_by("CreatedDate", descending=True).limit(MOST_CASES)
        return [Case(**_summary(record)) for record in await self._salesforce.query(statement)]

    async def read(self, case_id: str, account_id: str) -> CaseDetail | None:
        """Read the case, compare its account, then its published comments; unpublished ones are never asked for."""
        record = await self._salesforce.read("Case", case_id, [*SUMMARY, "Description", "AccountId"])
        if record is None or record["AccountId"] != account_id:
            return None
        published = soql.all_of(soql.equals("ParentId", case_id), soql.equals("IsPublished", value=True))
        statement = soql.select("CaseComment", "CommentBody", "CreatedDate").where(published)
        comments = await self._salesforce.query(statement.order_by("CreatedDate").limit(MOST_COMMENTS))
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
