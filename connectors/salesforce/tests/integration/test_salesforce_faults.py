"""What the connector makes of an org that is slow, away, full or confused; on the sandbox only."""

import asyncio
import json
import secrets
from datetime import date

import pytest

from portal_chassis.deadline import Deadline, within
from portal_contracts.problems import Misconfigured, TryLater
from portal_salesforce import Salesforce, SalesforceRefusal, upsertion
from portal_salesforce.soql import equals, select

ACCOUNTS = select("Account", "Id", "SF_Account_No__c").order_by("SF_Account_No__c")


@pytest.fixture
async def connect(sandbox, settings_for):
    """A connector on the sandbox that never pauses between tries."""
    opened = []

    async def no_pause(_seconds):
        await asyncio.sleep(0)

    def make(**changes):
        opened.append(Salesforce(settings_for(sandbox, **changes), pause=no_pause))
        return opened[-1]

    yield make
    for connector in opened:
        await connector.close()


@pytest.fixture
def arm(sandbox):
    def arm(call, kind, times=1, **params):
        if not isinstance(params.get("body", ""), str):
            params["body"] = json.dumps(params["body"])
        sandbox.faults.arm({"vendor": "salesforce", "call": call, "kind": kind, "times": times, "params": params})

    return arm


@pytest.fixture
def switch(sandbox):
    def switch(**values):
        sandbox.switches.update({"salesforce": values})

    return switch


def called(sandbox, call):
    return sandbox.faults.calls.get("salesforce", {}).get(call, 0)


def refusal(code, message="", status=400):
    return {"status": status, "body": [{"errorCode": code, "message": message}]}


@pytest.fixture
async def order(connect):
    """Makes an order by its key and gives the connector, the key and how to write it."""
    connector = connect()
    key = f"test-{secrets.token_hex(8)}"
    account = await connector.query_one(ACCOUNTS)
    fields = {
        "AccountId": account["Id"],
        "EffectiveDate": date(2026, 11, 20),
        "Status": "Draft",
        "Pricebook2Id": connector.settings.require_pricebook(),
    }

    async def write(**changes):
        return await connector.upsert("Order", "Portal_Order_Key__c", key, {**fields, **changes})

    write.connector, write.key, write.fields = connector, key, fields
    return write


async def stored(order):
    return await order.connector.query(select("Order", "Id").where(equals("Portal_Order_Key__c", order.key)))


async def test_all_pages_of_a_query_arrive(connect, switch):
    switch(queryBatchSize=4)
    numbers = [row["SF_Account_No__c"] for row in await connect().query(ACCOUNTS)]
    assert len(numbers) == len(set(numbers)) == 30


async def test_an_expired_session_costs_one_login_however_many_calls_meet_it(connect, sandbox, switch):
    connector = connect()
    await connector.query(ACCOUNTS)
    switch(tokenGeneration=1)
    await asyncio.gather(*(connector.query(ACCOUNTS) for _ in range(15)))
    assert called(sandbox, "token") == 2


async def test_a_session_that_is_never_accepted_is_not_logged_in_for_ever(connect, sandbox, arm):
    connector = connect()
    arm(
        "query",
        "status",
        50,
        status=401,
        body=[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}],
    )
    with pytest.raises(Misconfigured):
        await connector.query(ACCOUNTS)
    assert (called(sandbox, "token"), called(sandbox, "query")) == (2, 2)


async def test_a_refused_login_is_ours_to_mend_and_not_repeated(connect, sandbox):
    connector = connect(username="nobody@sandbox.invalid")
    for _ in range(5):
        with pytest.raises(Misconfigured, match="hasn't approved"):
            await connector.query(ACCOUNTS)
    assert called(sandbox, "token") == 1


async def test_a_key_that_is_none_is_ours_to_mend(connect):
    with pytest.raises(Misconfigured, match="private key"):
        await connect(private_key_base64="bm90IGEga2V5").query(ACCOUNTS)


async def test_a_stranger_with_another_certificate_gets_nothing(connect, sandbox):
    """The sandbox's authority is not one of the public ones."""
    connector = connect(ca_bundle=None)
    with pytest.raises(TryLater):
        await connector.query(ACCOUNTS)
    assert called(sandbox, "token") == 0


@pytest.mark.parametrize("kind", ["refused", "before_effect", "malformed", "html", "empty"])
async def test_a_read_survives_a_passing_fault(connect, arm, kind):
    arm("query", kind, 1, seconds=0.2)
    assert len(await connect().query(ACCOUNTS)) == 30


async def test_a_read_that_keeps_failing_asks_to_come_back(connect, sandbox, arm):
    arm("query", "status", 50, status=503, body="<html>maintenance</html>")
    with pytest.raises(TryLater) as caught:
        await connect().query(ACCOUNTS)
    assert caught.value.code == "SALESFORCE_UNAVAILABLE"
    assert called(sandbox, "query") == 3


@pytest.mark.parametrize("kind", ["after_effect", "malformed", "empty", "before_effect", "refused"])
async def test_a_write_whose_answer_is_lost_happens_once(order, arm, kind):
    """The heart of reference 6: upsert by external id makes every repeat safe."""
    arm("PATCH Order", kind, 1, seconds=0.2)
    order_id, _ = await order()
    assert [row["Id"] for row in await stored(order)] == [order_id]


async def test_a_composite_whose_answer_is_lost_happens_once(order, arm):
    arm("composite", "after_effect")
    step = upsertion("order", "Order", "Portal_Order_Key__c", order.key, order.fields)
    replies = await order.connector.composite([step])
    assert [row["Id"] for row in await stored(order)] == [replies["order"].id]


async def test_a_create_without_a_key_is_never_repeated_blindly(connect, sandbox, arm):
    arm("POST Case", "after_effect", 5)
    with pytest.raises(TryLater):
        await connect().create("Case", {"Subject": "s"})
    assert called(sandbox, "POST Case") == 1


async def test_a_locked_row_is_tried_again_and_then_left_for_later(order, sandbox, arm):
    arm("PATCH Order", "status", 2, **refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"))
    assert (await order())[1]
    arm("PATCH Order", "status", 9, **refusal("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "flow: UNABLE_TO_LOCK_ROW"))
    before = called(sandbox, "PATCH Order")
    with pytest.raises(TryLater):
        await order(Description="x")
    assert called(sandbox, "PATCH Order") - before == 3


async def test_a_lock_inside_a_composite_is_tried_again(order, arm):
    locked = [
        {
            "referenceId": "order",
            "httpStatusCode": 400,
            "httpHeaders": {},
            "body": refusal("UNABLE_TO_LOCK_ROW")["body"],
        }
    ]
    arm("composite", "status", 1, status=200, body={"compositeResponse": locked})
    step = upsertion("order", "Order", "Portal_Order_Key__c", order.key, order.fields)
    assert (await order.connector.composite([step]))["order"].created


async def test_two_who_create_at_once_get_the_same_record(order, arm):
    arm("PATCH Order", "status", 1, **refusal("DUPLICATE_VALUE", "duplicate value found: Portal_Order_Key__c"))
    order_id, _ = await order()
    assert [row["Id"] for row in await stored(order)] == [order_id]


async def test_what_was_created_once_stays_as_others_wrote_it_after_a_lost_answer(connect, sandbox, arm):
    connector, key = connect(), secrets.token_hex(8)
    arm("POST Case", "after_effect", 1)
    case_id = await connector.create_once("Case", "Portal_Case_Key__c", key, {"Subject": "s"})
    await connector.update("Case", case_id, {"Subject": "of staff"})
    assert await connector.create_once("Case", "Portal_Case_Key__c", key, {"Subject": "s"}) == case_id
    assert [row["Subject"] for row in await connector.query(select("Case", "Subject"))].count("of staff") == 1
    assert called(sandbox, "POST Case") == 3


async def test_what_exists_is_found_though_a_rule_would_not_let_it_be_created_today(connect, arm):
    connector, key = connect(), secrets.token_hex(8)
    case_id = await connector.create_once("Case", "Portal_Case_Key__c", key, {"Subject": "s"})
    arm("POST Case", "status", 2, **refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", "not on Sundays"))
    assert await connector.create_once("Case", "Portal_Case_Key__c", key, {"Subject": "s"}) == case_id
    with pytest.raises(SalesforceRefusal):
        await connector.create_once("Case", "Portal_Case_Key__c", secrets.token_hex(8), {"Subject": "s"})


async def test_a_used_up_quota_stops_us_for_a_while(connect, sandbox, switch):
    connector = connect()
    await connector.query(ACCOUNTS)
    switch(dailyApiRequests=1)
    for _ in range(4):
        with pytest.raises(TryLater) as caught:
            await connector.query(ACCOUNTS)
        assert caught.value.retry_after >= 600
    assert called(sandbox, "query") == 2


async def test_a_rule_of_the_org_is_a_refusal_for_the_caller(order, arm):
    arm("PATCH Order", "status", 1, **refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", "not on Sundays"))
    with pytest.raises(SalesforceRefusal) as caught:
        await order()
    assert (caught.value.error_code, caught.value.message) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "not on Sundays")


@pytest.mark.parametrize("kind", ["slow", "drip", "before_effect"])
async def test_nobody_waits_beyond_the_deadline(connect, arm, kind):
    connector = connect()
    await connector.query(ACCOUNTS)
    arm("query", kind, 9, seconds=30)
    started = asyncio.get_running_loop().time()
    with within(Deadline.after(0.6)), pytest.raises(TryLater):
        await connector.query(ACCOUNTS)
    assert asyncio.get_running_loop().time() - started < 5


async def test_a_slow_org_does_not_hold_up_the_process(connect, arm):
    connector = connect(call_seconds=0.5)
    await connector.query(ACCOUNTS)
    arm("query", "slow", 3, seconds=20)
    with pytest.raises(TryLater):
        await connector.query(ACCOUNTS)


async def test_our_calls_are_named_so_that_change_events_know_them(order, sandbox):
    await order()
    with sandbox.store.transaction() as db:
        payloads = [bytes(row["payload"]) for row in db.execute("SELECT payload FROM salesforce_event")]
    assert any(b"client=CustomerPortal" in payload for payload in payloads)


async def test_the_token_never_shows(connect):
    connector = connect()
    token = await connector.tokens.current()
    assert token.value not in repr(token)
    assert token.organization_id.startswith("00D")
    assert token.user_id.startswith("005")
