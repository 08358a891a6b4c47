from datetime import UTC, datetime

import pytest

from portal_contracts.problems import Refused
from portal_contracts.support import CaseComment, OpenCase, OpenStaffCase
from portal_support.open_case import OpenCustomerCase
from portal_support.open_staff_case import OpenCaseForStaff
from portal_support.read_cases import ReadCustomerCases
from portal_support.testing import InMemoryCases

HANAKO = "001000000000001AAA"
TARO = "001000000000002AAA"


def command(request_id: str = "request-0001", title: str = "回線が遅い") -> OpenCase:
    return OpenCase(request_id=request_id, title=title, description="夜だけ遅くなります")


async def test_a_customer_opens_a_general_inquiry_and_reads_it_back() -> None:  # R219, R223
    cases = InMemoryCases()
    opened = await OpenCustomerCase(cases)("user-1", HANAKO, command())
    assert (opened.type, opened.subject, opened.closed) == ("general_inquiry", "回線が遅い", False)
    assert await ReadCustomerCases(cases).one(HANAKO, opened.case_id) == opened


async def test_the_same_request_sent_twice_opens_one_case() -> None:
    cases = InMemoryCases()
    open_case = OpenCustomerCase(cases)
    first, second = await open_case("user-1", HANAKO, command()), await open_case("user-1", HANAKO, command())
    assert first.case_id == second.case_id
    assert len((await ReadCustomerCases(cases).all(HANAKO)).cases) == 1


async def test_two_customers_with_one_request_id_open_two_cases() -> None:
    cases = InMemoryCases()
    open_case = OpenCustomerCase(cases)
    first, second = await open_case("user-1", HANAKO, command()), await open_case("user-2", TARO, command())
    assert first.case_id != second.case_id


async def test_another_customers_case_is_not_found() -> None:  # R009
    cases = InMemoryCases()
    opened = await OpenCustomerCase(cases)("user-1", HANAKO, command())
    with pytest.raises(Refused, match="NOT_FOUND"):
        await ReadCustomerCases(cases).one(TARO, opened.case_id)
    assert (await ReadCustomerCases(cases).all(TARO)).cases == []


async def test_what_staff_published_is_shown() -> None:
    cases = InMemoryCases()
    opened = await OpenCustomerCase(cases)("user-1", HANAKO, command())
    cases.comments[opened.case_id] = [CaseComment(text="調査中です", written_at=datetime(2026, 11, 20, tzinfo=UTC))]
    assert [comment.text for comment in (await ReadCustomerCases(cases).one(HANAKO, opened.case_id)).comments] == [
        "調査中です"
    ]


async def test_a_service_opens_a_case_for_staff_once() -> None:  # C39
    cases = InMemoryCases()
    ask = OpenStaffCase(
        case_key="signup-1", account_id=HANAKO, type="general_inquiry", title="Number not proven", description="-"
    )
    assert await OpenCaseForStaff(cases)(ask) == await OpenCaseForStaff(cases)(ask)
    assert len(cases.by_key) == 1
