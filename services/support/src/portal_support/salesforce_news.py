"""What staff did to cases, asked for by time: Case has no change events to spare, CaseComment has none at all (C24)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from portal_salesforce import soql
from portal_salesforce.client import Salesforce
from portal_salesforce.dialect import DialectSource
from portal_salesforce.field_values import moment
from portal_support.open_staff_case import STAFF_ONLY
from portal_support.ports import ChangedCase
from portal_support.salesforce import visible
from portal_support.salesforce_user import OwnUser


class SalesforceNews:
    """The `ChangedCases` port on a Salesforce org: two calls, however many customers there are."""

    def __init__(self, salesforce: Salesforce, user: OwnUser) -> None:
        self._salesforce = salesforce
        self._user = user
        self._dialect = DialectSource(salesforce, "Case")

    async def since(self, moment: datetime) -> Sequence[ChangedCase]:
        """Query both objects by SystemModstamp; a comment that is published later counts from then on."""
        dialect, own = await self._dialect.current(), await self._user.id()
        key = dialect.field("case.key")
        recent, owned = soql.at_least("SystemModstamp", moment), soql.differs("AccountId", None)
        fields = ("Id", "CaseNumber", "AccountId", "IsClosed", "ClosedDate", "CreatedDate", "SystemModstamp")
        cases = soql.select("Case", *fields).where(recent, owned, visible(dialect))
        parent = ("Parent.CaseNumber", "Parent.AccountId", "Parent.CreatedDate", f"Parent.{key}")
        comments = soql.select("CaseComment", "Id", "ParentId", "SystemModstamp", *parent).where(
            recent, soql.equals("IsPublished", value=True), soql.differs("CreatedById", own)
        )
        found = [_case(record) for record in await self._salesforce.query(cases)]
        published = await self._salesforce.query(comments)
        found += [_comment(record) for record in published if _for_customer(record["Parent"], key)]
        return sorted(found, key=lambda change: change.changed_at)


def _case(record: dict[str, Any]) -> ChangedCase:
    return ChangedCase(
        case_id=record["Id"],
        case_number=record["CaseNumber"],
        account_id=record["AccountId"],
        changed_at=datetime.fromisoformat(record["SystemModstamp"]),
        closed_at=moment(record["ClosedDate"]) if record["IsClosed"] else None,
        opened_at=moment(record["CreatedDate"]),
    )


def _comment(record: dict[str, Any]) -> ChangedCase:
    return ChangedCase(
        case_id=record["ParentId"],
        case_number=record["Parent"]["CaseNumber"],
        account_id=record["Parent"]["AccountId"],
        changed_at=datetime.fromisoformat(record["SystemModstamp"]),
        comment_id=record["Id"],
        opened_at=moment(record["Parent"]["CreatedDate"]),
    )


def _for_customer(case: dict[str, Any] | None, key: str) -> bool:
    return case is not None and bool(case["AccountId"]) and not str(case[key] or "").startswith(STAFF_ONLY)
