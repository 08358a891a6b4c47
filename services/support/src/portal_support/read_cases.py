from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from portal_contracts.personal_data_exports import CaseExport
from portal_contracts.problems import Refused
from portal_contracts.support import Case, CaseDetail, CaseList, ListCases
from portal_support.ports import About, Cases, Links

_CASES_IN_A_PAGE: Final = 200


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

    async def export(self, account_id: str) -> CaseExport:
        """Give all of them in full, one after another; one that staff have taken away meanwhile is left out (D17)."""
        found: list[Case] = []
        while page := await self.cases.page(account_id, cursor(found[-1]) if found else None, _CASES_IN_A_PAGE):
            found += page
            if len(page) < _CASES_IN_A_PAGE:
                break
        read = [await self.cases.read(case.case_id, account_id) for case in found]
        return CaseExport(cases=[case for case in read if case is not None])


def cursor(case: Case) -> str:
    """Name the place after a case; numbers tell cases of one second apart."""
    return f"{case.opened_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}.{case.case_number}"


def _about(links: Mapping[str, About], case: Case) -> dict[str, Any]:
    about = links.get(case.case_id)
    return {} if about is None else {"order_id": about.order_id, "service_id": about.service_id}
