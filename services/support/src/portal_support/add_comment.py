import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from portal_chassis.clocks import BusinessClock
from portal_chassis.idempotency import fingerprint
from portal_contracts.support import AddComment, CaseDetail, ReopenCase
from portal_support.ports import Cases, News, WriteKey
from portal_support.read_cases import ReadCustomerCases
from portal_support.write_once import WriteOnce

REPEAT: Final = timedelta(minutes=10)
"""How long the newest comment's words, sent again, are a repeat rather than something said twice."""
REPEATED: Final = "repeated"
"""Stands for the comment when its words were there already."""


@dataclass(frozen=True, slots=True)
class AddCustomerComment:
    """Add a comment to the caller's case, or open it again with one.

    A comment has no external id, so it is written once for the command's key. A browser that sends no key is known by
    its words.
    """

    cases: Cases
    reading: ReadCustomerCases
    news: News
    once: WriteOnce
    clock: BusinessClock
    _turns: MutableMapping[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def __call__(self, account_id: str, command: AddComment | ReopenCase) -> CaseDetail:
        """Give the case with the comment; Refused NOT_FOUND for anybody else's case as for none."""
        async with self._turns.setdefault(command.case_id, asyncio.Lock()):
            case = await self.reading.one(account_id, command.case_id)
            reopen = isinstance(command, ReopenCase) and case.closed

            async def make() -> str:
                if not reopen and self._said(case, command.text):
                    return REPEATED
                return await self.cases.comment(command.case_id, command.text, reopen=reopen)

            key = WriteKey("comment", account_id, command.request_id, fingerprint(command))
            await self.once(key, make, lambda since: self.cases.find_comment(command.case_id, command.text, since))
            if isinstance(command, ReopenCase):
                await self.news.reopened_by_customer(command.case_id, account_id, command.request_id)
            return await self.reading.one(account_id, command.case_id)

    def _said(self, case: CaseDetail, text: str) -> bool:
        """Whether these words are the newest comment's; of several in one second any may be the newest."""
        newest = max((comment.written_at for comment in case.comments), default=None)
        if newest is None or abs(self.clock.now() - newest) > REPEAT:
            return False
        return any(comment.text == text for comment in case.comments if comment.written_at == newest)
