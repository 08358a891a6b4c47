"""Headers a service wants on each of its calls."""

import pytest

from portal_salesforce import Salesforce, upsertion
from portal_salesforce.soql import select

ASSIGN = {"Sforce-Auto-Assign": "false"}


@pytest.fixture
async def connect(sandbox, settings_for):
    opened = []

    def make(**more):
        opened.append(Salesforce(settings_for(sandbox), **more))
        return opened[-1]

    yield make
    for connector in opened:
        await connector.close()


async def test_a_clients_own_headers_go_with_each_of_its_calls(connect, heard):
    connector = connect(headers=ASSIGN)
    await connector.upsert("Case", "Portal_Case_Key__c", "key-1", {"Subject": "s"})
    await connector.query(select("Case", "Id").limit(1))
    await connector.composite([upsertion("one", "Case", "Portal_Case_Key__c", "key-2", {"Subject": "s"})])
    calls = [headers for _, path, headers in heard if "/services/data/" in path]
    assert len(calls) == 3
    for headers in calls:
        assert headers["sforce-auto-assign"] == "false"
        assert headers["authorization"].startswith("Bearer ")
        assert headers["sforce-call-options"] == "client=CustomerPortal"


async def test_another_client_does_not_send_them(connect, heard):
    connect(headers=ASSIGN)
    await connect().query(select("Case", "Id").limit(1))
    assert all("sforce-auto-assign" not in headers for _, _, headers in heard)
