import pytest

from portal_contracts.problems import Refused, TryLater
from portal_contracts.support import CaseComment, CloseStaffCase, ListCases, OpenStaffCase
from portal_support.case_words import WORDS, case_state
from portal_support.ports import Subject
from portal_support.testing import AN_INSTANT

HANAKO = "001000000000001AAA"
TARO = "001000000000002AAA"
ORDER = "801000000000001AAA"
OPPORTUNITY = "006000000000001AAA"


async def test_a_customer_opens_a_general_inquiry_and_reads_it_back(desk) -> None:  # R219, R223
    opened = await desk.opened()
    assert (opened.type, opened.subject, opened.closed) == ("general_inquiry", "回線が遅い", False)
    assert await desk.read.one(HANAKO, opened.case_id) == opened


async def test_the_same_request_sent_twice_opens_one_case(desk) -> None:
    first, second = await desk.opened(), await desk.opened()
    assert first.case_id == second.case_id
    assert len((await desk.read.page(HANAKO, ListCases())).cases) == 1


async def test_a_case_whose_opening_was_never_finished_is_opened_once_by_the_repeat(desk) -> None:
    opened = await desk.opened()
    (name,) = desk.writes.rows
    fingerprint, begun_at, _ = desk.writes.rows[name]
    desk.writes.rows[name] = (fingerprint, begun_at, None)  # killed between Salesforce's answer and the note of it
    assert (await desk.opened()).case_id == opened.case_id
    assert len(desk.cases.by_key) == 1


async def test_a_key_that_comes_with_another_wish_is_refused_and_changes_nothing(desk) -> None:  # C16
    opened = await desk.opened()
    desk.belongings.orders[HANAKO, ORDER] = Subject("Order 00000105", None)
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await desk.opened(order_id=ORDER)
    assert await desk.read.one(HANAKO, opened.case_id) == opened


async def test_two_customers_with_one_request_id_open_two_cases(desk) -> None:
    assert (await desk.opened()).case_id != (await desk.opened(account_id=TARO)).case_id


async def test_a_case_about_an_own_order_and_service_says_so_to_customer_and_staff(desk) -> None:  # R221
    desk.belongings.orders[HANAKO, ORDER] = Subject("Order 00000105", OPPORTUNITY)
    desk.belongings.services[HANAKO, 77] = Subject("Service 77", None)
    opened = await desk.opened(order_id=ORDER, service_id=77)
    assert (opened.order_id, opened.service_id) == (ORDER, 77)
    (listed,) = (await desk.read.page(HANAKO, ListCases())).cases
    assert (listed.order_id, listed.service_id) == (ORDER, 77)
    ((_, case),) = desk.cases.by_key.values()
    assert case.opportunity_id == OPPORTUNITY
    assert "Order 00000105" in case.description
    assert "Service 77" in case.description


@pytest.mark.parametrize("about", [{"order_id": ORDER}, {"service_id": 77}, {"order_id": ORDER, "service_id": 77}])
async def test_a_case_about_anothers_order_or_service_is_not_opened(desk, about) -> None:  # architecture §9
    desk.belongings.orders[TARO, ORDER] = Subject("Order 00000105", None)
    desk.belongings.services[TARO, 77] = Subject("Service 77", None)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await desk.opened(**about)
    assert desk.cases.by_key == {}
    assert (await desk.opened()).order_id is None, "the refused wish left its key free"


async def test_another_customers_case_is_not_found(desk) -> None:  # R009
    opened = await desk.opened()
    with pytest.raises(Refused, match="NOT_FOUND"):
        await desk.read.one(TARO, opened.case_id)
    assert (await desk.read.page(TARO, ListCases())).cases == []


async def test_what_staff_published_is_shown(desk) -> None:
    opened = await desk.opened()
    desk.cases.comments[opened.case_id] = [CaseComment(text="調査中です", written_at=AN_INSTANT)]
    read = await desk.read.one(HANAKO, opened.case_id)
    assert [(comment.text, comment.by) for comment in read.comments] == [("調査中です", "support")]


async def test_pages_join_to_the_whole_list_without_gap_or_repeat(desk) -> None:  # R220
    opened = [(await desk.opened(f"request-{number:04d}")).case_id for number in range(7)]
    listed, after, pages = [], None, 0
    while True:
        page = await desk.read.page(HANAKO, ListCases(after=after, limit=3))
        listed += [case.case_id for case in page.cases]
        pages, after = pages + 1, page.next
        if after is None:
            break
    assert (listed, pages) == (opened[::-1], 3)


def staff_case(**changes) -> OpenStaffCase:
    case = {"case_key": "signup-1", "account_id": HANAKO, "type": "general_inquiry"}
    texts = {"title": "Number not proven", "description": "Somebody else asks for this number."}
    return OpenStaffCase(**{**case, **texts, **changes})


async def test_a_service_opens_a_case_for_staff_once(desk) -> None:  # C39
    assert await desk.for_staff(staff_case()) == await desk.for_staff(staff_case())
    assert len(desk.cases.by_key) == 1


async def test_a_case_of_staff_is_never_shown_to_the_customer_it_is_about(desk) -> None:  # C39: it may name a stranger
    case_id = (await desk.for_staff(staff_case())).case_id
    assert (await desk.read.page(HANAKO, ListCases())).cases == []
    with pytest.raises(Refused, match="NOT_FOUND"):
        await desk.read.one(HANAKO, case_id)


async def test_a_request_that_the_customer_made_is_shown(desk) -> None:
    opened = await desk.for_staff(staff_case(for_customer=True, opportunity_id=OPPORTUNITY))
    assert (await desk.read.one(HANAKO, opened.case_id)).case_id == opened.case_id
    ((_, case),) = desk.cases.by_key.values()
    assert case.opportunity_id == OPPORTUNITY


@pytest.mark.parametrize("for_customer", [True, False])
async def test_a_service_closes_the_case_it_opened_and_no_other(desk, for_customer) -> None:  # R213
    case_id = (await desk.for_staff(staff_case(for_customer=for_customer))).case_id
    for _ in range(2):
        await desk.for_staff.close(CloseStaffCase(case_key="signup-1"))
    assert desk.cases.closed == {case_id}
    with pytest.raises(Refused, match="NOT_FOUND"):
        await desk.for_staff.close(CloseStaffCase(case_key="signup-2"))


async def test_two_long_keys_of_staff_stay_two_cases_within_salesforces_length(desk) -> None:
    keys = ["k" * 79 + letter for letter in "ab"]
    ids = {(await desk.for_staff(staff_case(case_key=key))).case_id for key in keys}
    assert len(ids) == 2
    assert all(len(key) <= 80 for key in desk.cases.by_key)


@pytest.mark.parametrize(
    ("read", "closed", "state"),
    [
        ("new", False, "new"),
        ("in_progress", False, "in_progress"),
        ("waiting_for_customer", False, "waiting_for_customer"),
        ("closed", True, "closed"),
        ("unknown", True, "closed"),
        ("unknown", False, "unknown"),
        ("closed", False, "unknown"),
    ],
)
def test_salesforce_says_whether_a_case_is_closed_and_unknown_words_stay_inside(read, closed, state) -> None:  # C02
    assert case_state(read, closed=closed) == state
    assert WORDS[case_state(read, closed=closed)].ja


async def test_a_case_that_cannot_be_seen_yet_is_later(desk) -> None:
    async def unseen(*_: object) -> None:
        return None

    desk.cases.read = unseen
    with pytest.raises(TryLater, match="SALESFORCE_UNAVAILABLE"):
        await desk.opened()
