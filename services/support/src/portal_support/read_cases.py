from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from portal_contracts.problems import Refused
from portal_contracts.support import Case, CaseDetail, CaseList, ListCases
from portal_support.ports import About, Cases, Links


@dataclass(frozen=True, slots=True)
class ReadCustomerCases:
    """Read the caller's cases, live (R009, R220, R251), with what the caller said they are about."""

    cases: Cases
    links: Links

    async def page(self, account_id: str, query: ListCases) -> CaseList:
        """Give a page, the newest first: one call to Salesforce, however many cases there are."""
        found = await self.cases.page(account_id, query.after, query.limit + 1)
        shown = found[: query.limit]
        links = await self.links.of([case.case_id for case in shown])
        cases = [case.model_copy(update=_about(links, case)) for case in shown]
        return CaseList(cases=cases, next=cursor(shown[-1]) if len(found) > len(shown) else None)

    async def one(self, account_id: str, case_id: str) -> CaseDetail:
        """Give one; Refused NOT_FOUND for anybody else's as for none."""
        case = await self.cases.read(case_id, account_id)
        if case is None:
            raise Refused("NOT_FOUND")
        return case.model_copy(update=_about(await self.links.of([case_id]), case))


def cursor(case: Case) -> str:
    """Name the place after a case; numbers tell cases of one second apart."""
    return f"{case.opened_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}.{case.case_number}"


def _about(links: Mapping[str, About], case: Case) -> dict[str, Any]:
    about = links.get(case.case_id)
    return {} if about is None else {"order_id": about.order_id, "service_id": about.service_id}
