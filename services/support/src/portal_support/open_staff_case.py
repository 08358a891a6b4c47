from dataclasses import dataclass

from portal_contracts.support import OpenStaffCase, StaffCase
from portal_support.ports import Cases, NewCase


@dataclass(frozen=True, slots=True)
class OpenCaseForStaff:
    """Open a case on behalf of another service, once for its key (C39, R201)."""

    cases: Cases

    async def __call__(self, command: OpenStaffCase) -> StaffCase:
        """Raise TryLater SALESFORCE_UNAVAILABLE when it cannot be opened now."""
        case = NewCase(command.case_key, command.account_id, command.type, command.title, command.description)
        return StaffCase(case_id=await self.cases.open(case))
