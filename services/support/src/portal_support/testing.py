"""A fake of support's port."""

import asyncio
from datetime import UTC, datetime

from portal_chassis.clocks import MachineClock, SystemMachineClock
from portal_contracts.problems import TryLater
from portal_contracts.support import Case, CaseComment, CaseDetail
from portal_contracts.values import long_salesforce_id
from portal_support.ports import NewCase

AN_INSTANT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


class InMemoryCases:
    """Cases in a dictionary, one for each key. The answers of the next `answers_lost` comments are lost."""

    def __init__(self, clock: MachineClock | None = None) -> None:
        self.clock = clock or SystemMachineClock()
        self.answers_lost = 0
        self.by_key: dict[str, tuple[str, NewCase]] = {}
        self.comments: dict[str, list[CaseComment]] = {}

    async def open(self, case: NewCase) -> str:
        """Keep the case under its key; a repeat changes nothing that matters."""
        case_id = self.by_key.get(case.key, (long_salesforce_id(f"500{len(self.by_key) + 1:012d}"), case))[0]
        self.by_key[case.key] = (case_id, case)
        return case_id

    async def of_account(self, account_id: str) -> list[Case]:
        """Give the account's cases, the newest first."""
        found = [(case_id, case) for case_id, case in self.by_key.values() if case.account_id == account_id]
        return [Case.model_validate(self._detail(case_id, case).model_dump()) for case_id, case in reversed(found)]

    async def comment(self, case_id: str, text: str) -> None:
        """Keep the comment."""
        await asyncio.sleep(0)
        comment = CaseComment(text=text, written_at=self.clock.now())
        self.comments[case_id] = [*self.comments.get(case_id, []), comment]
        if self.answers_lost:
            self.answers_lost -= 1
            raise TryLater("SALESFORCE_UNAVAILABLE")  # after the effect

    async def read(self, case_id: str, account_id: str) -> CaseDetail | None:
        """Give one of the account's cases."""
        for found_id, case in self.by_key.values():
            if found_id == case_id and case.account_id == account_id:
                return self._detail(case_id, case)
        return None

    def _detail(self, case_id: str, case: NewCase) -> CaseDetail:
        return CaseDetail(
            case_id=case_id,
            case_number=case_id[-6:],
            subject=case.title,
            type=case.type,
            status="New",
            closed=False,
            opened_at=AN_INSTANT,
            updated_at=AN_INSTANT,
            description=case.description,
            comments=self.comments.get(case_id, []),
        )
