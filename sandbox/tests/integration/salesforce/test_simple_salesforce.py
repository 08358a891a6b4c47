"""The vendor's own kind of client, simple-salesforce 1.12.10, over TLS with the sandbox's authority."""

import asyncio

import pytest
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_external_id, format_soql

from portal_sandbox.salesforce.seed import account_id


async def test_it_queries_all_pages(salesforce, switch):
    switch(queryBatchSize=7)
    rows = await asyncio.to_thread(lambda: list(salesforce.query_all_iter("SELECT Id, Name FROM Account")))
    assert len(rows) == 30


async def test_it_escapes_what_the_sandbox_unescapes(salesforce):
    name = 'O\'Brien \\ "100%"\n太郎'
    made = await asyncio.to_thread(salesforce.Account.create, {"Name": name})
    text = format_soql("SELECT Id FROM Account WHERE Name = {name}", name=name)
    found = await asyncio.to_thread(salesforce.query, text)
    assert [row["Id"] for row in found["records"]] == [made["id"]]


async def test_it_creates_reads_upserts_and_deletes(salesforce, switch):
    switch(rightsMistakes="Account+delete")
    made = await asyncio.to_thread(salesforce.Account.create, {"Name": "A", "SF_Account_No__c": "S S/1"})
    path = format_external_id("SF_Account_No__c", "S S/1")
    again = await asyncio.to_thread(lambda: salesforce.Account.upsert(path, {"Name": "B"}, raw_response=True))
    assert again.json()["created"] is False
    assert (await asyncio.to_thread(salesforce.Account.get, path))["Name"] == "B"
    assert await asyncio.to_thread(salesforce.Account.update, made["id"], {"Name": "C"}) == 204
    assert await asyncio.to_thread(salesforce.Account.delete, made["id"]) == 204


async def test_it_names_refusals_by_status(salesforce, switch):
    with pytest.raises(SalesforceMalformedRequest) as caught:
        await asyncio.to_thread(salesforce.Account.create, {"Nope__c": 1})
    assert caught.value.content[0]["errorCode"] == "INVALID_FIELD"
    with pytest.raises(SalesforceResourceNotFound):
        await asyncio.to_thread(salesforce.Account.get, "001000000000001AAA")
    switch(tokenGeneration=1)
    with pytest.raises(SalesforceExpiredSession):
        await asyncio.to_thread(salesforce.Account.get, account_id("SNX-10001"))


async def test_it_describes_and_sends_composites(salesforce):
    described = await asyncio.to_thread(salesforce.Order.describe)
    assert "Portal_Order_Key__c" in {field["name"] for field in described["fields"]}
    body = {
        "compositeRequest": [
            {"method": "GET", "url": "/services/data/v62.0/query/?q=SELECT+COUNT()+FROM+Account", "referenceId": "q"}
        ]
    }
    reply = await asyncio.to_thread(lambda: salesforce.restful("composite", method="POST", json=body))
    assert reply["compositeResponse"][0]["body"]["totalSize"] == 30
