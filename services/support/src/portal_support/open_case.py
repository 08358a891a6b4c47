from dataclasses import dataclass
from hashlib import sha256

from portal_contracts.problems import TryLater
from portal_contracts.support import CaseDetail, OpenCase
from portal_support.ports import Cases, NewCase


@dataclass(frozen=True, slots=True)
class OpenCustomerCase:
    """Open a General Inquiry for the caller (R219, R223); a repeat gives the same case."""

    cases: Cases

    async def __call__(self, user_id: str, account_id: str, command: OpenCase) -> CaseDetail:
        """Raise TryLater SALESFORCE_UNAVAILABLE when the case cannot be opened or read back now."""
        key = sha256(f"{user_id}:{command.request_id}".encode()).hexdigest()
        case = NewCase(key, account_id, "general_inquiry", command.title, command.description)
        case_id = await self.cases.open(case)
        opened = await self.cases.read(case_id, account_id)
        if opened is None:  # just written and not visible yet
            raise TryLater("SALESFORCE_UNAVAILABLE")
        return opened
