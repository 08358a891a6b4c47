import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from portal_chassis.testing import ManualClock
from portal_contracts.problems import Refused, TryLater
from portal_contracts.support import AddComment, CaseComment, OpenCase, OpenStaffCase
from portal_support.add_comment import AddCustomerComment
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


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cases(clock) -> InMemoryCases:
    return InMemoryCases(clock)


@pytest.fixture
async def case_id(cases) -> str:
    return (await OpenCustomerCase(cases)("user-1", HANAKO, command())).case_id


def comment(case_id: str, text: str = "まだ遅いです") -> AddComment:
    return AddComment(request_id="request-0001", case_id=case_id, text=text)


def texts(case) -> list[str]:
    return [one.text for one in case.comments]


async def test_a_customer_adds_comments_and_sees_them_in_order(cases, clock, case_id) -> None:
    add = AddCustomerComment(cases, clock)
    await add(HANAKO, comment(case_id))
    clock.advance(1)
    assert texts(await add(HANAKO, comment(case_id, "直りました"))) == ["まだ遅いです", "直りました"]


async def test_nobody_comments_on_anothers_case(cases, clock, case_id) -> None:  # R009
    for account, case in ((TARO, case_id), (HANAKO, "500000000000999AAA")):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await AddCustomerComment(cases, clock)(account, comment(case))
    assert cases.comments == {}


async def test_a_comment_whose_answer_was_lost_is_not_added_twice(cases, clock, case_id) -> None:
    add = AddCustomerComment(cases, clock)
    cases.answers_lost = 1
    with pytest.raises(TryLater):
        await add(HANAKO, comment(case_id))
    clock.advance(timedelta(minutes=9))
    assert texts(await add(HANAKO, comment(case_id))) == ["まだ遅いです"]


async def test_ten_clicks_at_once_are_one_comment(cases, clock, case_id) -> None:
    add = AddCustomerComment(cases, clock)
    found = await asyncio.gather(*(add(HANAKO, comment(case_id)) for _ in range(10)))
    assert {len(case.comments) for case in found} == {1}


async def test_the_same_words_are_said_again_later_or_after_an_answer(cases, clock, case_id) -> None:
    add = AddCustomerComment(cases, clock)
    await add(HANAKO, comment(case_id, "はい"))
    clock.advance(timedelta(minutes=11))
    await add(HANAKO, comment(case_id, "はい"))
    clock.advance(1)
    await cases.comment(case_id, "再起動しましたか?")
    clock.advance(1)
    assert texts(await add(HANAKO, comment(case_id, "はい"))) == ["はい", "はい", "再起動しましたか?", "はい"]


async def test_a_service_opens_a_case_for_staff_once() -> None:  # C39
    cases = InMemoryCases()
    ask = OpenStaffCase(
        case_key="signup-1", account_id=HANAKO, type="general_inquiry", title="Number not proven", description="-"
    )
    assert await OpenCaseForStaff(cases)(ask) == await OpenCaseForStaff(cases)(ask)
    assert len(cases.by_key) == 1
