"""The port's one suite: on the fake, and on the sandbox or a real org (architecture §12)."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from portal_contracts.support import CaseComment
from portal_contracts.values import long_salesforce_id
from portal_salesforce import Salesforce
from portal_salesforce.soql import equals, select
from portal_support.customers_text import END_LINE
from portal_support.open_staff_case import staff_key
from portal_support.ports import Cases, NewCase
from portal_support.read_cases import ReadCustomerCases, cursor
from portal_support.salesforce import SalesforceCases
from portal_support.salesforce_user import OwnUser
from portal_support.testing import InMemoryCases, InMemoryLinks

pytestmark = pytest.mark.real_vendor

NUMBERS = os.environ.get("PORTAL_TEST_CUSTOMER_NUMBERS", "SNX-10001,SNX-10002").split(",")


@dataclass
class Org:
    """The port under test, two accounts, and what staff do beside it."""

    cases: Cases
    hanako: str
    taro: str

    async def comment(self, case_id: str, text: str, *, published: bool) -> None:
        """Staff write a comment."""

    async def close(self, case_id: str) -> None:
        """Staff close a case."""

    async def describe(self, case_id: str, change: Callable[[str], str]) -> None:
        """Staff write in the description."""

    def new(self, **changes: Any) -> NewCase:
        values = {"key": f"test-{secrets.token_hex(8)}", "account_id": self.hanako, "type": "general_inquiry"}
        return NewCase(**{**values, "title": "回線が遅い", "description": "夜だけ遅くなります。\n2行目", **changes})


class FakeOrg(Org):
    async def comment(self, case_id: str, text: str, *, published: bool) -> None:
        if published:
            comment = CaseComment(text=text, written_at=datetime.now(UTC))
            self.cases.comments.setdefault(case_id, []).append(comment)

    async def close(self, case_id: str) -> None:
        self.cases.closed.add(case_id)

    async def describe(self, case_id: str, change: Callable[[str], str]) -> None:
        self.cases.descriptions[case_id] = change(self.cases.descriptions[case_id])


@dataclass
class SalesforceOrg(Org):
    staff: Salesforce

    async def comment(self, case_id: str, text: str, *, published: bool) -> None:
        fields = {"ParentId": case_id, "CommentBody": text, "IsPublished": published}
        await self.staff.create("CaseComment", fields)

    async def close(self, case_id: str) -> None:
        await self.staff.update("Case", case_id, {"Status": "Closed"})

    async def describe(self, case_id: str, change: Callable[[str], str]) -> None:
        kept = await self.staff.read("Case", case_id, ["Description"])
        await self.staff.update("Case", case_id, {"Description": change(kept["Description"])})


@pytest.fixture
def fake_org() -> Org:
    hanako, taro = (long_salesforce_id(f"00100000000000{number}") for number in (1, 2))
    return FakeOrg(InMemoryCases(), hanako, taro)


@pytest.fixture
async def salesforce_org(salesforce: Salesforce, staff: Salesforce) -> Org:
    ids = []
    for number in NUMBERS:
        account = await salesforce.query_one(select("Account", "Id").where(equals("SF_Account_No__c", number)))
        ids.append(account["Id"])
    return SalesforceOrg(SalesforceCases(salesforce, OwnUser(salesforce)), ids[0], ids[1], staff)


@pytest.fixture(params=["fake", "2025-12", "2025-08"])
def implementation(request) -> str:
    return request.param


@pytest.fixture
def dialect(implementation) -> str:
    return implementation


@pytest.fixture
def org(implementation, request) -> Org:
    return request.getfixturevalue("fake_org" if implementation == "fake" else "salesforce_org")


async def test_an_opened_case_is_read_back_with_its_words(org: Org) -> None:  # R219
    new = org.new()
    case_id = await org.cases.open(new)
    found = await org.cases.read(case_id, org.hanako)
    assert found is not None
    assert (found.case_id, found.subject, found.description) == (case_id, new.title, new.description)
    assert (found.type, found.closed, list(found.comments)) == ("general_inquiry", False, [])
    assert found.case_number
    assert found.opened_at.tzinfo is not None
    assert found.updated_at >= found.opened_at


async def test_what_staff_write_below_the_customers_words_stays_with_staff(org: Org) -> None:  # R195
    new = org.new()
    case_id = await org.cases.open(new)
    await org.describe(case_id, lambda text: f"{text}\nShouts at us. Credit risk, see #412.")
    exported = await ReadCustomerCases(org.cases, InMemoryLinks()).export(org.hanako)
    assert [case.description for case in exported.cases if case.case_id == case_id] == [new.description]
    assert (await org.cases.read(case_id, org.hanako)).description == new.description


async def test_a_description_without_its_end_line_is_not_shown(org: Org) -> None:  # R195
    case_id = await org.cases.open(org.new())
    await org.describe(case_id, lambda text: text.replace(END_LINE, "") + "Shouts at us.")
    assert (await org.cases.read(case_id, org.hanako)).description == ""


async def test_asking_twice_with_one_key_opens_one_case(org: Org) -> None:
    new = org.new()
    assert await org.cases.open(new) == await org.cases.open(new)
    assert await org.cases.open(org.new()) != await org.cases.open(new)


async def test_a_repeat_leaves_alone_what_staff_have_made_of_a_case(org: Org) -> None:
    new = org.new()
    case_id = await org.cases.open(new)
    await org.describe(case_id, lambda text: text.replace(new.description, "Asked by phone: only at night.") + "Note.")
    await org.close(case_id)
    written = await org.cases.read(case_id, org.hanako)
    assert await org.cases.open(new) == case_id
    assert await org.cases.read(case_id, org.hanako) == written
    assert (written.description, written.closed) == ("Asked by phone: only at night.", True)


@pytest.mark.parametrize(
    "kind", ["general_inquiry", "eligibility_check", "id_verification", "cancellation_request", "unknown"]
)
async def test_every_type_is_read_as_it_was_written(org: Org, kind) -> None:
    case_id = await org.cases.open(org.new(type=kind))
    found = await org.cases.read(case_id, org.hanako)
    assert found is not None
    assert found.type == kind


async def test_an_accounts_cases_come_newest_first_and_nobody_elses_among_them(org: Org) -> None:  # R009
    mine = [await org.cases.open(org.new(title=f"Question {number}")) for number in range(3)]
    foreign = await org.cases.open(org.new(account_id=org.taro))
    listed = [case.case_id for case in await org.cases.page(org.hanako, None, 100)]
    assert listed[:3] == mine[::-1]
    assert foreign not in listed
    assert foreign in [case.case_id for case in await org.cases.page(org.taro, None, 100)]


async def test_a_page_goes_on_where_the_one_before_ended(org: Org) -> None:  # R220
    mine = [await org.cases.open(org.new(title=f"Question {number}")) for number in range(4)]
    first = await org.cases.page(org.hanako, None, 2)
    second = await org.cases.page(org.hanako, cursor(first[-1]), 2)
    assert [case.case_id for case in (*first, *second)] == mine[::-1]


async def test_a_case_of_staff_is_not_listed_and_not_read(org: Org) -> None:
    hidden = await org.cases.open(org.new(key=staff_key(f"test-{secrets.token_hex(8)}")))
    assert hidden not in [case.case_id for case in await org.cases.page(org.hanako, None, 100)]
    assert await org.cases.read(hidden, org.hanako) is None


async def test_how_a_case_stands_is_said_in_words_for_customers(org: Org) -> None:
    case_id = await org.cases.open(org.new())
    found = await org.cases.read(case_id, org.hanako)
    assert (found.state, found.status, found.state_text.ja) == ("new", "Received", "受付済み")
    await org.close(case_id)
    found = await org.cases.read(case_id, org.hanako)
    assert (found.state, found.closed, found.state_text.ja) == ("closed", True, "完了")


async def test_a_closed_case_opens_again_with_the_words_that_say_why(org: Org) -> None:
    case_id = await org.cases.open(org.new())
    await org.close(case_id)
    await org.cases.comment(case_id, "また遅いです", reopen=True)
    found = await org.cases.read(case_id, org.hanako)
    assert (found.closed, [comment.text for comment in found.comments]) == (False, ["また遅いです"])


async def test_our_own_comment_is_found_by_its_words_and_staffs_is_not(org: Org) -> None:
    case_id, since = await org.cases.open(org.new()), datetime.now(UTC)
    await org.comment(case_id, "調査中です", published=True)
    await org.cases.comment(case_id, "まだ遅いです\n夜だけ @{x.id}")
    assert await org.cases.find_comment(case_id, "まだ遅いです\n夜だけ @{x.id}", since)
    assert await org.cases.find_comment(case_id, "調査中です", since) is None
    assert await org.cases.find_comment(case_id, "まだ", since) is None


async def test_a_case_is_closed_by_the_key_it_was_opened_with(org: Org) -> None:  # R213
    new = org.new()
    case_id = await org.cases.open(new)
    for _ in range(2):
        assert await org.cases.close((new.key, staff_key(new.key)))
    assert (await org.cases.read(case_id, org.hanako)).closed
    assert not await org.cases.close(("nobodys",))


async def test_another_accounts_case_is_none(org: Org) -> None:
    foreign = await org.cases.open(org.new(account_id=org.taro))
    assert await org.cases.read(foreign, org.hanako) is None
    without_account = await org.cases.open(org.new(account_id=None))
    assert await org.cases.read(without_account, org.hanako) is None


async def test_what_is_no_case_is_none(org: Org) -> None:
    for record_id in (org.hanako, long_salesforce_id("500000000000999"), long_salesforce_id("801000000000001")):
        assert await org.cases.read(record_id, org.hanako) is None


async def test_published_comments_are_shown_in_order_and_internal_ones_are_not(org: Org) -> None:
    case_id = await org.cases.open(org.new())
    await org.comment(case_id, "調査中です", published=True)
    await org.comment(case_id, "internal: the customer shouts", published=False)
    await org.comment(case_id, "直りました", published=True)
    found = await org.cases.read(case_id, org.hanako)
    assert found is not None
    assert {comment.text for comment in found.comments} == {"調査中です", "直りました"}
    written = [comment.written_at for comment in found.comments]
    assert written == sorted(written)


async def test_a_customers_comment_is_among_the_published_ones(org: Org) -> None:
    case_id = await org.cases.open(org.new())
    await org.comment(case_id, "調査中です", published=True)
    await org.cases.comment(case_id, "まだ遅いです")
    found = await org.cases.read(case_id, org.hanako)
    assert found is not None
    written = {(comment.text, comment.by) for comment in found.comments}
    assert written == {("調査中です", "support"), ("まだ遅いです", "customer")}
    newest = max(comment.written_at for comment in found.comments)
    assert abs((datetime.now(UTC) - newest).total_seconds()) < 60


@pytest.mark.parametrize("letter", ["a", "語", "😀"])
async def test_the_longest_comment_the_contract_allows_is_kept_whole(org: Org, letter) -> None:
    case_id = await org.cases.open(org.new())
    await org.cases.comment(case_id, letter * 1000)
    found = await org.cases.read(case_id, org.hanako)
    assert found is not None
    assert found.comments[0].text == letter * 1000


@pytest.mark.parametrize("title", ["O'Brien; DROP \\ %_", '<script>alert(1)</script> & "x"', "絵文字 😀 と @{x.id}"])
async def test_whatever_a_customer_types_stays_text(org: Org, title) -> None:
    case_id = await org.cases.open(org.new(title=title, description=title))
    found = await org.cases.read(case_id, org.hanako)
    assert found is not None
    assert found.subject.replace("@ {", "@{") == title
    assert title in [case.subject.replace("@ {", "@{") for case in await org.cases.page(org.hanako, None, 100)]
