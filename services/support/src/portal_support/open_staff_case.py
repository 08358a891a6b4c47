from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused
from portal_contracts.support import CloseStaffCase, OpenStaffCase, StaffCase
from portal_support.ports import Cases, NewCase

STAFF_ONLY: Final = "staff-"
"""How the keys of cases begin that staff keep among themselves; Salesforce's copy of the key is what decides."""
LONGEST_KEY: Final = 80


def staff_key(key: str) -> str:
    """Give the key of a case that its customer does not see."""
    return STAFF_ONLY + (key if len(key) <= LONGEST_KEY - len(STAFF_ONLY) else sha256(key.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class OpenCaseForStaff:
    """Open and close cases on behalf of another service, once for their key (C39, R201, R213)."""

    cases: Cases

    async def __call__(self, command: OpenStaffCase) -> StaffCase:
        """Raise TryLater SALESFORCE_UNAVAILABLE when it cannot be opened now."""
        key = command.case_key if command.for_customer else staff_key(command.case_key)
        texts = (command.title, command.description)
        case = NewCase(key, command.account_id, command.type, *texts, command.opportunity_id)
        return StaffCase(case_id=await self.cases.open(case))

    async def close(self, command: CloseStaffCase) -> Acknowledged:
        """Close it; closed stays closed. Refused NOT_FOUND when none was opened with the key."""
        if not await self.cases.close((command.case_key, staff_key(command.case_key))):
            raise Refused("NOT_FOUND")
        return Acknowledged()
