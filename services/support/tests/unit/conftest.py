"""Support's use cases on fakes, and a customer who asks."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from portal_chassis.actor import Actor
from portal_chassis.testing import ManualClock
from portal_clamd import NoScanner
from portal_contracts.support import CaseDetail, OpenCase
from portal_support.add_comment import AddCustomerComment
from portal_support.attach_file import AttachCustomerFile
from portal_support.open_case import OpenCustomerCase
from portal_support.open_staff_case import OpenCaseForStaff
from portal_support.read_cases import ReadCustomerCases
from portal_support.read_file import ReadCustomerFile
from portal_support.testing import (
    InMemoryBelongings,
    InMemoryCases,
    InMemoryFiles,
    InMemoryLinks,
    InMemoryNews,
    InMemoryWrites,
)
from portal_support.write_once import WriteOnce

HANAKO = "001000000000001AAA"
TARO = "001000000000002AAA"


def customer(account_id: str = HANAKO) -> Actor:
    signed_in = datetime(2026, 11, 20, tzinfo=UTC)
    return Actor(f"user-of-{account_id}", 42, account_id, ("customer",), "session-example", signed_in, "ja")


@dataclass
class Desk:
    """Every use case, and the fakes below them."""

    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.cases, self.links, self.news = InMemoryCases(self.clock), InMemoryLinks(), InMemoryNews()
        self.files, self.belongings = InMemoryFiles(self.cases), InMemoryBelongings()
        self.writes = InMemoryWrites(self.clock)
        once = WriteOnce(self.writes)
        self.read = ReadCustomerCases(self.cases, self.links)
        self.open = OpenCustomerCase(self.cases, self.belongings, self.links, self.read, once)
        self.comment = AddCustomerComment(self.cases, self.read, self.news, once, self.clock)
        self.attach = AttachCustomerFile(self.read, self.files, once, NoScanner())
        self.fetch = ReadCustomerFile(self.files)
        self.for_staff = OpenCaseForStaff(self.cases)

    async def opened(self, request_id: str = "request-0001", account_id: str = HANAKO, **more: object) -> CaseDetail:
        command = OpenCase(request_id=request_id, title="回線が遅い", description="夜だけ遅くなります", **more)
        return await self.open(customer(account_id), command)


@pytest.fixture
def desk() -> Desk:
    return Desk()
