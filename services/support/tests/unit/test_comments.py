import asyncio
from datetime import timedelta

import pytest

from portal_contracts.problems import Refused, TryLater
from portal_contracts.support import AddComment, CaseComment, ReopenCase
from portal_support.write_once import SETTLED_SECONDS

HANAKO = "001000000000001AAA"
TARO = "001000000000002AAA"


@pytest.fixture
async def case_id(desk) -> str:
    return (await desk.opened()).case_id


def comment(case_id: str, text: str = "まだ遅いです", request_id: str = "comment-0001") -> AddComment:
    return AddComment(request_id=request_id, case_id=case_id, text=text)


def texts(case) -> list[str]:
    return [one.text for one in case.comments]


async def test_a_customer_adds_comments_and_sees_them_in_order(desk, case_id) -> None:
    await desk.comment(HANAKO, comment(case_id))
    desk.clock.advance(1)
    case = await desk.comment(HANAKO, comment(case_id, "直りました", "comment-0002"))
    assert texts(case) == ["まだ遅いです", "直りました"]
    assert {one.by for one in case.comments} == {"customer"}


async def test_nobody_comments_on_anothers_case(desk, case_id) -> None:  # R009
    for account, case in ((TARO, case_id), (HANAKO, "500000000000999AAA")):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await desk.comment(account, comment(case))
    assert desk.cases.comments == {}


async def test_a_comment_whose_answer_was_lost_is_not_added_twice(desk, case_id) -> None:
    desk.cases.answers_lost = 1
    with pytest.raises(TryLater):
        await desk.comment(HANAKO, comment(case_id))
    desk.clock.advance(timedelta(days=2))
    assert texts(await desk.comment(HANAKO, comment(case_id))) == ["まだ遅いです"]


async def test_a_lost_answer_is_found_though_staff_wrote_meanwhile(desk, case_id) -> None:
    desk.cases.answers_lost = 1
    with pytest.raises(TryLater):
        await desk.comment(HANAKO, comment(case_id))
    desk.clock.advance(60)
    answer = CaseComment(text="再起動しましたか?", written_at=desk.clock.now())
    desk.cases.comments[case_id].append(answer)
    assert texts(await desk.comment(HANAKO, comment(case_id))) == ["まだ遅いです", "再起動しましたか?"]


async def test_a_comment_that_arrives_late_is_waited_for_and_there_once(desk, case_id) -> None:
    desk.cases.comments_late = 1
    with pytest.raises(TryLater, match="SALESFORCE_UNAVAILABLE"):
        await desk.comment(HANAKO, comment(case_id))
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await desk.comment(HANAKO, comment(case_id))
    desk.cases.arrive()
    assert texts(await desk.comment(HANAKO, comment(case_id))) == ["まだ遅いです"]


async def test_a_comment_that_never_arrived_is_written_once_it_cannot_come_any_more(desk, case_id) -> None:
    desk.cases.comments_late = 1
    with pytest.raises(TryLater):
        await desk.comment(HANAKO, comment(case_id))
    desk.clock.advance(SETTLED_SECONDS + 1)
    assert texts(await desk.comment(HANAKO, comment(case_id))) == ["まだ遅いです"]


async def test_ten_clicks_at_once_are_one_comment(desk, case_id) -> None:
    clicks = (comment(case_id, request_id=f"comment-{number:04d}") for number in range(10))
    found = await asyncio.gather(*(desk.comment(HANAKO, click) for click in clicks))
    assert {len(case.comments) for case in found} == {1}


async def test_a_key_that_comes_with_other_words_is_refused(desk, case_id) -> None:  # C16
    await desk.comment(HANAKO, comment(case_id))
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await desk.comment(HANAKO, comment(case_id, "直りました"))


async def test_the_same_words_are_said_again_later(desk, case_id) -> None:
    await desk.comment(HANAKO, comment(case_id, "はい"))
    desk.clock.advance(timedelta(minutes=11))
    case = await desk.comment(HANAKO, comment(case_id, "はい", "comment-0002"))
    assert texts(case) == ["はい", "はい"]


def reopen(case_id: str, request_id: str = "reopen-0001") -> ReopenCase:
    return ReopenCase(request_id=request_id, case_id=case_id, text="また遅くなりました")


async def test_a_closed_case_is_opened_again_with_the_reason_and_a_repeat_adds_nothing(desk, case_id) -> None:
    desk.cases.closed.add(case_id)
    for _ in range(2):
        case = await desk.comment(HANAKO, reopen(case_id))
        assert (case.closed, texts(case)) == (False, ["また遅くなりました"])


async def test_a_reopening_whose_answer_was_lost_happened_once(desk, case_id) -> None:
    desk.cases.closed.add(case_id)
    desk.cases.answers_lost = 1
    with pytest.raises(TryLater):
        await desk.comment(HANAKO, reopen(case_id))
    case = await desk.comment(HANAKO, reopen(case_id))
    assert (case.closed, texts(case)) == (False, ["また遅くなりました"])


async def test_nobody_reopens_anothers_case(desk, case_id) -> None:  # R009
    desk.cases.closed.add(case_id)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await desk.comment(TARO, reopen(case_id))
    assert desk.cases.closed == {case_id}
