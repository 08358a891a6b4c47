from dataclasses import dataclass

from portal_contracts.personal_data_exports import CaseExport
from portal_contracts.problems import Refused
from portal_contracts.support import CaseDetail, CaseList
from portal_support.ports import Cases


@dataclass(frozen=True, slots=True)
class ReadCustomerCases:
    """Read the caller's cases, live (R009, R220, R251)."""

    cases: Cases

    async def all(self, account_id: str) -> CaseList:
        """Give all of them, the newest first."""
        return CaseList(cases=await self.cases.of_account(account_id))

    async def one(self, account_id: str, case_id: str) -> CaseDetail:
        """Give one; Refused NOT_FOUND for anybody else's as for none."""
        case = await self.cases.read(case_id, account_id)
        if case is None:
            raise Refused("NOT_FOUND")
        return case

    async def export(self, account_id: str) -> CaseExport:
        """Give all of them in full, one after another; one that staff have taken away meanwhile is left out (D17)."""
        found = [await self.cases.read(case.case_id, account_id) for case in await self.cases.of_account(account_id)]
        return CaseExport(cases=[case for case in found if case is not None])
