"""The whole service on a real NATS and the sandbox's Salesforce over TLS, asked as the gateway asks."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace

import pytest

from portal_chassis.bus import Bus, BusAddress, Call
from portal_contracts.billing import ListClientServices, SubscriptionList
from portal_contracts.customer_news import CaseUpdated
from portal_contracts.examples import example_of
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_contracts.support import (
    AddComment,
    CloseStaffCase,
    ListCases,
    OpenCase,
    OpenStaffCase,
    ReadCase,
    ReopenCase,
)
from portal_contracts.topology import SERVICES, ServiceTopology
from portal_salesforce import Salesforce
from portal_salesforce.soql import equals, select
from portal_support.salesforce import SalesforceCases
from portal_support.salesforce_user import OwnUser
from portal_support.watch_process import KEY, KIND

CASES = (OpenStaffCase, CloseStaffCase)
STAFF_ASKER = ServiceTopology("identity", asks=SERVICES["identity"].asks, database=False)


def open_case(request_id="request-0001", title="回線が遅い"):
    return OpenCase(request_id=request_id, title=title, description="夜だけ遅くなります。")


def add_comment(case_id="500000000000999AAA"):
    return AddComment(request_id="request-0002", case_id=case_id, text="まだ遅いです")


async def test_a_customer_opens_a_case_lists_it_and_reads_it(customers, salesforce) -> None:  # R009, R219, R220, R223
    hanako, _ = customers
    opened = await hanako.ask(open_case())
    assert (opened.type, opened.subject, opened.closed) == ("general_inquiry", "回線が遅い", False)
    assert await hanako.ask(ReadCase(case_id=opened.case_id)) == opened
    assert [case.case_id for case in (await hanako.ask(ListCases())).cases][:1] == [opened.case_id]
    stored = await salesforce.read("Case", opened.case_id, ["Origin", "Type", "AccountId"])
    assert stored == {
        "Id": opened.case_id,
        "Origin": "Portal Website",  # C23
        "Type": "General Inquiry",
        "AccountId": hanako.account_id,
    }


async def test_the_same_request_sent_twice_is_one_case_and_no_rule_assigns_it(customers, heard) -> None:
    hanako, _ = customers
    first, second = await asyncio.gather(*(hanako.ask(open_case()) for _ in range(2)))
    assert first.case_id == second.case_id
    written = [headers for method, path, headers in heard if method != "GET" and "/sobjects/" in path]
    assert {headers["sforce-auto-assign"] for headers in written} == {"false"}


async def test_another_customers_case_is_not_found_and_not_listed(customers) -> None:
    hanako, taro = customers
    opened = await hanako.ask(open_case())
    for case_id in (opened.case_id, "500000000000999AAA", hanako.account_id):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await taro.ask(ReadCase(case_id=case_id))
    assert opened.case_id not in [case.case_id for case in (await taro.ask(ListCases())).cases]


async def test_a_customer_comments_on_an_own_case_and_nobody_else_can(customers, salesforce) -> None:
    hanako, taro = customers
    case_id = (await hanako.ask(open_case())).case_id
    for _ in range(2):  # a repeat
        found = await hanako.ask(add_comment(case_id))
        assert [comment.text for comment in found.comments] == ["まだ遅いです"]
    with pytest.raises(Refused, match="NOT_FOUND"):
        await taro.ask(add_comment(case_id))
    condition = equals("ParentId", case_id)
    stored = await salesforce.query(select("CaseComment", "CommentBody", "IsPublished").where(condition))
    assert [(one["CommentBody"], one["IsPublished"]) for one in stored] == [("まだ遅いです", True)]


async def test_a_comment_whose_answer_was_lost_is_there_once_after_the_repeat(customers, sandbox) -> None:
    hanako, _ = customers
    case_id = (await hanako.ask(open_case())).case_id
    sandbox.faults.arm({"vendor": "salesforce", "call": "POST CaseComment", "kind": "after_effect", "times": 1})
    with pytest.raises(TryLater):
        await hanako.ask(add_comment(case_id))
    assert len((await hanako.ask(add_comment(case_id))).comments) == 1


@pytest.mark.parametrize(
    "message", [ListCases(), ReadCase(case_id="500000000000999AAA"), open_case(), add_comment("500000000000999AAA")]
)
async def test_without_a_signed_in_customer_nothing_is_told(gateway, message) -> None:
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        await gateway.ask(message)


async def test_a_service_opens_a_case_for_staff_once(gateway, customers, nats_url) -> None:  # C39
    identity = Bus("identity", BusAddress(nats_url), topology=STAFF_ASKER)
    await identity.connect()
    command = OpenStaffCase(
        case_key="signup-1",
        account_id=customers[0].account_id,
        type="id_verification",
        title="Sign-up could not be proven",
        description="-",
    )
    assert await identity.ask(command) == await identity.ask(command)
    await identity.stop()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "refused"},
        {"kind": "before_effect", "params": {"seconds": 30}},
        {"kind": "status", "params": {"status": 503, "body": "maintenance"}},
    ],
)
@pytest.mark.parametrize("message", [ListCases(), ReadCase(case_id="500000000000999AAA"), open_case(), add_comment()])
async def test_while_salesforce_is_away_the_answer_is_later_and_comes_in_time(
    customers, sandbox, fault, message
) -> None:  # R255
    hanako, _ = customers
    sandbox.faults.arm({"vendor": "salesforce", "call": "*", "times": None, **fault})
    with pytest.raises(TryLater) as caught:
        await hanako.ask(message, timeout=1.5)
    assert caught.value.code == "SALESFORCE_UNAVAILABLE"  # an answer of support's, not the silence after the deadline
    assert caught.value.retry_after


async def test_support_answers_again_as_soon_as_salesforce_does(customers, sandbox) -> None:
    hanako, _ = customers
    sandbox.faults.arm({"vendor": "salesforce", "call": "query", "kind": "refused", "times": 3})
    with pytest.raises(TryLater):
        await hanako.ask(ListCases())
    assert (await hanako.ask(ListCases())).cases is not None


async def test_a_case_of_staff_about_a_customer_is_not_theirs_to_see(gateway, customers, nats_url) -> None:  # C39
    hanako, _ = customers
    identity = Bus("identity", BusAddress(nats_url), topology=STAFF_ASKER)
    await identity.connect()
    facts = {"account_id": hanako.account_id, "type": "general_inquiry", "title": "-", "description": "a stranger"}
    hidden = await identity.ask(OpenStaffCase(case_key="signup-1", **facts))
    shown = await identity.ask(OpenStaffCase(case_key="wish-1", for_customer=True, **facts))
    await identity.stop()
    listed = [case.case_id for case in (await hanako.ask(ListCases())).cases]
    assert shown.case_id in listed
    assert hidden.case_id not in listed
    with pytest.raises(Refused, match="NOT_FOUND"):
        await hanako.ask(ReadCase(case_id=hidden.case_id))


async def test_a_request_that_was_taken_back_is_closed_for_its_customer_too(
    gateway, customers, nats_url, sandbox
) -> None:  # R213: a cancellation revoked
    hanako, _ = customers
    orders = Bus("orders", BusAddress(nats_url), topology=ServiceTopology("orders", asks=CASES, database=False))
    await orders.connect()
    words = {"type": "cancellation_request", "title": "Cancellation: VPN", "description": "Last day: 2026-12-31"}
    command = OpenStaffCase(case_key="cancellation:1", account_id=hanako.account_id, for_customer=True, **words)
    case_id = (await orders.ask(command)).case_id
    shown = await hanako.ask(ReadCase(case_id=case_id))
    assert (shown.type, shown.closed, shown.description) == ("cancellation_request", False, "Last day: 2026-12-31")
    sandbox.faults.arm({"vendor": "salesforce", "call": "sobjects", "kind": "after_effect", "times": 1})
    for _ in range(2):  # its answer is lost; orders asks again
        with suppress(TryLater):
            await orders.ask(CloseStaffCase(case_key="cancellation:1"))
    assert await orders.ask(CloseStaffCase(case_key="cancellation:1")) == Acknowledged()
    assert (await hanako.ask(ReadCase(case_id=case_id))).closed
    await orders.stop()


async def test_a_case_whose_answer_was_lost_is_opened_once_and_keeps_staffs_notes(customers, sandbox, staff) -> None:
    hanako, _ = customers
    # The answer to what made it, and those to the repeats and the look that follow at once.
    sandbox.faults.arm({"vendor": "salesforce", "call": "POST Case", "kind": "after_effect", "times": 1})
    sandbox.faults.arm({"vendor": "salesforce", "call": "query", "kind": "refused", "times": 3})
    with pytest.raises(TryLater):
        await hanako.ask(open_case())
    case = await staff.query_one(select("Case", "Id", "Description").where(equals("Subject", open_case().title)))
    noted = case["Description"] + "Called back."
    await staff.update("Case", case["Id"], {"Description": noted})
    opened = await hanako.ask(open_case())
    assert [case.case_id for case in (await hanako.ask(ListCases())).cases].count(opened.case_id) == 1
    assert sum(case.subject == opened.subject for case in (await hanako.ask(ListCases())).cases) == 1
    assert (opened.case_id, (await staff.read("Case", opened.case_id, ["Description"]))["Description"]) == (
        case["Id"],
        noted,
    )


async def test_a_case_that_came_by_phone_is_shown_without_what_the_agent_noted(customers, staff) -> None:
    hanako, _ = customers
    noted = {"Subject": "Router", "Description": "He shouted.", "Origin": "Phone", "AccountId": hanako.account_id}
    case_id = await staff.create("Case", noted)
    found = await hanako.ask(ReadCase(case_id=case_id))
    assert (found.subject, found.description) == ("Router", "")


async def test_a_status_that_the_profile_does_not_know_is_shown_in_words_of_ours(
    customers, staff, salesforce_settings, tmp_path
) -> None:  # C02
    hanako, _ = customers
    case_id = (await hanako.ask(open_case())).case_id
    await staff.update("Case", case_id, {"Status": "Escalated"})
    assert (await hanako.ask(ReadCase(case_id=case_id))).state == "in_progress"
    profile = tmp_path / "without.toml"
    profile.write_text('name = "without"\n[picklists."case.status"]\nin_progress = ["Working"]\n')
    salesforce = Salesforce(salesforce_settings.model_copy(update={"dialect": str(profile)}))
    found = await SalesforceCases(salesforce, OwnUser(salesforce)).read(case_id, hanako.account_id)
    await salesforce.close()
    assert (found.state, found.status) == ("unknown", "We are working on it")


async def told(service, database) -> list[tuple[str, str]]:
    """Let the watch look, and give what is in the outbox."""
    async with database.transaction() as transaction:
        await service.processes.wake(transaction, KIND, KEY)
    await service.processes.run_until_idle()
    bodies = await database.fetch("SELECT body FROM portal_outbox WHERE subject = $1 ORDER BY id", CaseUpdated.subject)
    updates = [CaseUpdated.model_validate_json(bytes(row["body"])) for row in bodies]
    return [(update.case_id, update.change) for update in updates]


async def test_customers_are_told_what_staff_did_and_not_what_they_did_themselves(
    service, customers, staff, database
) -> None:
    hanako, _ = customers
    assert await told(service, database) == []
    case_id = (await hanako.ask(open_case())).case_id
    await hanako.ask(add_comment(case_id))
    assert await told(service, database) == []
    await staff.create("CaseComment", {"ParentId": case_id, "CommentBody": "調査中です", "IsPublished": True})
    await staff.create("CaseComment", {"ParentId": case_id, "CommentBody": "a note", "IsPublished": False})
    assert await told(service, database) == [(case_id, "answered")]
    await staff.update("Case", case_id, {"Status": "Closed"})
    assert await told(service, database) == [(case_id, "answered"), (case_id, "closed")]
    await hanako.ask(ReopenCase(request_id="reopen-0001", case_id=case_id, text="また遅いです"))
    assert await told(service, database) == [(case_id, "answered"), (case_id, "closed")]
    await staff.update("Case", case_id, {"Status": "Closed"})
    await staff.update("Case", case_id, {"Priority": "High"})
    assert len(await told(service, database)) == 3
    await staff.update("Case", case_id, {"Status": "Working"})
    assert (await told(service, database))[3:] == [(case_id, "reopened")]


async def test_the_watch_goes_on_after_salesforce_was_away(service, customers, staff, sandbox, database) -> None:
    hanako, _ = customers
    case_id = (await hanako.ask(open_case())).case_id
    assert await told(service, database) == []
    await staff.create("CaseComment", {"ParentId": case_id, "CommentBody": "調査中です", "IsPublished": True})
    sandbox.faults.arm(
        {"vendor": "salesforce", "call": "query", "kind": "status", "times": 3, "params": {"status": 503}}
    )
    assert await told(service, database) == []
    assert await told(service, database) == [(case_id, "answered")]


async def test_a_page_of_five_hundred_cases_costs_as_many_calls_as_one_of_two(customers, staff, heard) -> None:
    hanako, _ = customers
    case_id = (await hanako.ask(open_case())).case_id

    async def calls(message) -> int:
        heard.clear()
        await hanako.ask(message)
        return len(heard)

    few = [await calls(message) for message in (ListCases(), ReadCase(case_id=case_id))]
    rows = {f"bulk-{number:04d}": {"Subject": "Question", "AccountId": hanako.account_id} for number in range(500)}
    await staff.upsert_many("Case", "Portal_Case_Key__c", rows)
    page = await hanako.ask(ListCases(limit=100))
    assert (len(page.cases), page.next is not None) == (100, True)
    many = [await calls(message) for message in (ListCases(after=page.next, limit=100), ReadCase(case_id=case_id))]
    assert (few, many) == ([1, 1], [1, 1])


@pytest.mark.parametrize(
    ("vendor_error", "code"),
    [
        ({"code": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded.", "status": 403}, "UNAVAILABLE"),
        ({"code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "status": 400}, "UNAVAILABLE"),
        ({"code": "ENTITY_IS_LOCKED", "message": "the entity is locked for editing", "status": 400}, "UNAVAILABLE"),
        ({"code": "INVALID_FIELD", "message": "No such column 'Portal_Case_Key__c'", "status": 400}, "MISCONFIGURED"),
        (
            {
                "code": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                "message": "Type: bad value for restricted picklist field",
                "status": 400,
            },
            "MISCONFIGURED",
        ),
        ({"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Ask your boss.", "status": 400}, "NOT_TAKEN"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["code"].lower(),
)
async def test_each_refusal_of_salesforce_has_its_answer_and_its_words_stay_inside(
    customers, sandbox, vendor_error, code
) -> None:
    hanako, _ = customers
    case_id = (await hanako.ask(open_case())).case_id
    body = [{"errorCode": vendor_error["code"], "message": vendor_error["message"], "fields": []}]
    params = {"status": vendor_error["status"], "body": json.dumps(body)}
    expected = {"UNAVAILABLE": TryLater, "MISCONFIGURED": Misconfigured, "NOT_TAKEN": Refused}[code]
    for call, message in (
        ("POST Case", open_case("request-0009")),
        ("POST CaseComment", add_comment(case_id)),
    ):
        sandbox.faults.arm({"vendor": "salesforce", "call": call, "kind": "status", "times": None, "params": params})
        with pytest.raises(expected) as caught:
            await hanako.ask(message, timeout=3.0)
        assert caught.value.code.endswith(code)
        assert "boss" not in str(caught.value)
        sandbox.faults.disarm()


async def test_a_case_is_about_an_own_order_and_not_about_anothers(customers, salesforce) -> None:
    hanako, taro = customers
    fields = {"AccountId": hanako.account_id, "StageName": "Active", "CloseDate": "2026-11-20", "Name": "SIM"}
    opportunity = await salesforce.create("Opportunity", {**fields, "WHMCS_Service_ID__c": 77})
    order = {"AccountId": hanako.account_id, "EffectiveDate": "2026-11-20", "Status": "Draft"}
    order_id = await salesforce.create("Order", {**order, "OpportunityId": opportunity})
    opened = await hanako.ask(open_case().model_copy(update={"order_id": order_id, "service_id": 77}))
    assert (opened.order_id, opened.service_id) == (order_id, 77)
    stored = await salesforce.read("Case", opened.case_id, ["OpportunityId__c"])
    assert stored["OpportunityId__c"] == opportunity  # R221
    with pytest.raises(Refused, match="NOT_FOUND"):
        await taro.ask(open_case().model_copy(update={"order_id": order_id}))


async def test_a_service_from_before_the_portal_is_known_by_billing(customers, nats_url) -> None:
    hanako, _ = customers
    offline = {"database": False, "records": (), "consumes": (), "asks": (), "serves": (ListClientServices,)}
    billing = Bus("billing", BusAddress(nats_url), topology=replace(SERVICES["billing"], **offline))
    listed = SubscriptionList.model_validate(example_of(SubscriptionList))

    @billing.answers(ListClientServices)
    async def list_services(_: ListClientServices, __: Call) -> SubscriptionList:
        return listed

    await billing.connect()
    await billing.start()
    own = listed.subscriptions[0].service_id
    opened = await hanako.ask(open_case().model_copy(update={"service_id": own}))
    assert opened.service_id == own
    with pytest.raises(Refused, match="NOT_FOUND"):
        await hanako.ask(open_case("request-0002").model_copy(update={"service_id": own + 1}))
    await billing.stop()


async def test_an_org_without_the_optional_fields_takes_cases_all_the_same(customers, sandbox) -> None:  # C17, C23
    sandbox.switches.update({"salesforce": {"fieldMistakes": "Case.Origin:hidden,Case.OpportunityId__c:hidden"}})
    hanako, _ = customers
    opened = await hanako.ask(open_case())
    assert (await hanako.ask(ReadCase(case_id=opened.case_id))).case_id == opened.case_id


@pytest.mark.parametrize("field", ["Case.Portal_Case_Key__c", "Case.Status", "CaseComment.IsPublished"])
async def test_without_a_field_that_must_be_there_nothing_is_shown_or_guessed(customers, sandbox, field) -> None:
    hanako, _ = customers
    case_id = (await hanako.ask(open_case())).case_id
    sandbox.switches.update({"salesforce": {"fieldMistakes": f"{field}:hidden"}})
    with pytest.raises(Misconfigured, match="SALESFORCE_MISCONFIGURED"):
        await hanako.ask(ReadCase(case_id=case_id))
