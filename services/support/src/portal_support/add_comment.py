import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from portal_chassis.clocks import BusinessClock
from portal_contracts.problems import Refused
from portal_contracts.support import AddComment, CaseDetail
from portal_support.ports import Cases

REPEAT: Final = timedelta(minutes=10)
"""How long the newest comment's words, sent again, are a repeat rather than something said twice."""


@dataclass(frozen=True, slots=True)
class AddCustomerComment:
    """Add a comment to the caller's case.

    A comment has no external id, so a repeat after a lost answer is known by its words. The limits: a repeat that comes
    after somebody else's comment, or at the same moment through another instance, is added again.
    """

    cases: Cases
    clock: BusinessClock
    _turns: MutableMapping[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def __call__(self, account_id: str, command: AddComment) -> CaseDetail:
        """Give the case with the comment; Refused NOT_FOUND for anybody else's case as for none."""
        async with self._turns.setdefault(command.case_id, asyncio.Lock()):
            case = await self._read(account_id, command.case_id)
            if self._said(case, command.text):
                return case
            await self.cases.comment(command.case_id, command.text)
            return await self._read(account_id, command.case_id)

    async def _read(self, account_id: str, case_id: str) -> CaseDetail:
        case = await self.cases.read(case_id, account_id)
        if case is None:
            raise Refused("NOT_FOUND")
        return case

    def _said(self, case: CaseDetail, text: str) -> bool:
        """Whether these words are the newest comment's; of several in one second any may be the newest."""
        newest = max((comment.written_at for comment in case.comments), default=None)
        if newest is None or abs(self.clock.now() - newest) > REPEAT:
            return False
        return any(comment.text == text for comment in case.comments if comment.written_at == newest)
