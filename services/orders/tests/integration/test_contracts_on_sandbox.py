"""Opportunities of running services on the sandbox's Salesforce, in both wordings; cancellations in Postgres (C27)."""

import asyncio
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest

from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_orders.cancellation_ports import KeptCancellation
from portal_orders.cancellation_salesforce import SalesforceContracts
from portal_orders.cancellation_store import PostgresCancellations
from portal_orders.ports import OrderMoved
from portal_sandbox.salesforce.seed import account_id

SERVICE = 7001
ENDS = datetime(2026, 11, 30, 15, tzinfo=UTC)


@pytest.fixture(params=["2025-12", "2025-08"])
async def contracts(request, sandbox, connected):
    return SalesforceContracts(connected(sandbox, SF_DIALECT=request.param))


@pytest.fixture
async def opportunity(staff):
    """An active opportunity that names a WHMCS service."""
    return await staff.create(
        "Opportunity",
        Name="SIM",
        AccountId=account_id("SNX-10001"),
        StageName="Active",
        CloseDate="2026-11-20",
        CommodityType="SIM",
        WHMCS_Service_ID__c=SERVICE,
    )


async def found(contracts):
    contract = await contracts.of_service(account_id("SNX-10001"), SERVICE)
    assert contract is not None
    return contract


async def test_a_service_is_found_by_its_number_for_its_own_account_alone(contracts, opportunity):  # R208, C06
    contract = await found(contracts)
    assert (contract.opportunity_id, contract.stage, contract.category) == (opportunity, "active", "sim")
    assert await contracts.of_service(account_id("SNX-10001"), SERVICE + 1) is None
    assert await contracts.of_service(account_id("SNX-10002"), SERVICE) is None


async def test_the_stages_are_written_byte_for_byte_with_date_notice_and_return(contracts, opportunity, staff):  # C27
    await contracts.write_cancelling(await found(contracts), ENDS, equipment=True)
    record = await staff.record("Opportunity", opportunity)
    assert record["StageName"].encode() == b"\xe2\x96\xb3Cancelling"
    assert (record["CancellationNotice__c"], record["LineReturn__c"]) == ("Received", "NotYet")
    contract = await found(contracts)
    assert (contract.stage, contract.ends_at, contract.line_return) == ("cancelling", ENDS, "not_yet")
    await contracts.write_cancelled(contract)
    assert (await staff.record("Opportunity", opportunity))["StageName"].encode() == b"\xe2\x96\xb3Cancelled"


async def test_what_was_taken_back_leaves_nothing_behind(contracts, opportunity, staff):
    await contracts.write_cancelling(await found(contracts), ENDS, equipment=False)
    await contracts.write_active(await found(contracts))
    record = await staff.record("Opportunity", opportunity)
    assert record["StageName"] == "Active"
    assert not record["ScheduledCancellationDateAndTime__c"]
    assert not record["CancellationNotice__c"]


async def test_a_write_holds_only_while_the_opportunity_is_as_it_was_read(contracts, opportunity, staff):
    before = await found(contracts)
    await asyncio.sleep(1.1)  # the times of Salesforce are exact to a second
    await staff.change("Opportunity", opportunity, Description="edited")
    with pytest.raises(OrderMoved):
        await contracts.write_cancelling(before, ENDS, equipment=False)
    assert (await found(contracts)).stage == "active"


async def test_a_lost_answer_leaves_the_write_in_place(contracts, opportunity, staff):
    staff.fault("composite", "after_effect")
    contract = await found(contracts)
    with suppress(OrderMoved):  # the connector's second try found that the first had landed
        await contracts.write_cancelling(contract, ENDS, equipment=False)
    assert (await found(contracts)).stage == "cancelling"


@pytest.fixture
async def cancellations(database_url):
    database = Database(database_url)
    await migrate(database, "portal_chassis", "portal_orders")
    await database.connect()
    yield database, PostgresCancellations(database)
    await database.close()


def kept(number, request="r-1", service_id=SERVICE):
    at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number)
    return KeptCancellation(
        f"{number:032x}",
        account_id("SNX-10001"),
        service_id,
        None,
        "sim",
        request,
        b"x",
        False,
        at,
        date(2026, 11, 30),
        ENDS,
    )


async def test_a_service_has_one_open_cancellation_and_a_request_one(cancellations):
    database, rows = cancellations

    async def add(one):
        async with database.transaction() as transaction:
            return await rows.add(transaction, one)

    both = await asyncio.gather(add(kept(1)), add(kept(2, "r-2")))
    assert sorted(both) == [False, True]
    newest = await rows.of_service(account_id("SNX-10001"), SERVICE)
    assert await rows.of_request(account_id("SNX-10001"), newest.request) == newest
    async with database.transaction() as transaction:
        assert await rows.lock(transaction, newest.cancellation_id) == newest
        assert not await rows.move(transaction, newest.cancellation_id, ("ending",), "completed")
        assert await rows.move(transaction, newest.cancellation_id, ("requested",), "withdrawn")
    assert not await add(kept(3, newest.request))
    assert await add(kept(4, "r-4"))
    async with database.transaction() as transaction:
        await rows.reschedule(transaction, kept(4).cancellation_id, date(2026, 12, 31), ENDS + timedelta(days=31))
    assert (await rows.of_service(account_id("SNX-10001"), SERVICE)).ends_on == date(2026, 12, 31)
