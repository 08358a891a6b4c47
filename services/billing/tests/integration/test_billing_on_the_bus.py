"""The service as it is deployed: processes on a real NATS, Postgres and the sandbox's WHMCS."""

import asyncio
import json
from datetime import UTC, datetime

import asyncpg
import pytest

from portal_chassis.actor import Actor, sign_actor
from portal_contracts import billing
from portal_contracts.problems import PortalProblem, Refused, TryLater
from portal_contracts.values import Address, PersonName, long_salesforce_id

CLIENT = 5011
ORDER = long_salesforce_id("801000000000001")
SECONDS = 30.0
EID = "89049032000000000000000000000001"


async def test_an_order_is_reserved_and_accepted_and_the_customer_sees_it(
    start, sandbox_whmcs, buses, fulfillment, key
):
    async with start():
        reserved = await fulfillment.reserve()
        accepted = await fulfillment.accept()
        assert reserved.whmcs_order_id == accepted.whmcs_order_id
        assert len(accepted.service_ids) == 3
        assert sandbox_whmcs.orders("created") == sandbox_whmcs.orders("accepted") == [accepted.whmcs_order_id]
        actor = Actor("u", CLIENT, "001000000000001AAA", ("owner",), "s", datetime.now(UTC), "ja")
        token = sign_actor(key, "test", actor)
        gateway = buses["gateway"]
        seen = await gateway.ask(billing.ReadSubscription(service_id=accepted.service_id), actor=token)  # R173
        assert (seen.state, seen.order_id, seen.amount) == ("active", ORDER, 2970)
        invoice = await gateway.ask(billing.ReadInvoice(invoice_id=accepted.whmcs_invoice_id), actor=token)
        assert (invoice.total, invoice.state) == (2970 + 3300 + 330, "unpaid")
        link = await gateway.ask(
            billing.MintSsoLink(request_id="click-001", destination="invoice", invoice_id=invoice.id), actor=token
        )
        secret = link.url.split("access_token=")[1]
        with pytest.raises(Refused, match="NOT_FOUND"):
            await gateway.ask(billing.ReadInvoice(invoice_id=999_999), actor=token)
    log = start.log.read_text()  # R268
    assert "a sign-on link was minted" in log
    for hidden in (secret, "sandbox-secret", EID, "070-1234-5678", "password2"):
        assert hidden not in log


async def test_a_customer_changes_the_own_address_and_whmcs_has_it(
    start, sandbox_whmcs, buses, key, database_url
):  # R007, R057
    token = sign_actor(key, "test", Actor("u", CLIENT, "001000000000001AAA", (), "s", datetime.now(UTC), "ja"))
    address = Address(postcode="530-0001", prefecture="大阪府", city="大阪市北区", street='梅田1-1 "A&B"', building="")
    command = billing.ChangeOwnAddress(request_id="request-1", address=address)
    async with start():
        gateway = buses["gateway"]
        await _until(buses["orders"], billing.ReadClientProfile(whmcs_client_id=CLIENT))
        sandbox_whmcs.fault("UpdateClient", "malformed", times=1)  # written, and the answer lost
        with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
            await gateway.ask(command, actor=token)
        for _ in range(2):
            assert (await gateway.ask(command, actor=token)).address == address
        assert (await gateway.ask(billing.ReadProfile(), actor=token)).address == address
        other = await buses["orders"].ask(billing.ReadClientProfile(whmcs_client_id=5012))
        assert other.address != address
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT body FROM portal_outbox WHERE subject = 'billing.profile.changed.v1'")
    await connection.close()
    assert [json.loads(row["body"]) for row in rows] == [{"whmcsClientId": CLIENT}], "told once, without the address"
    for hidden in ("梅田", "530-0001"):
        assert hidden not in start.log.read_text()


@pytest.mark.parametrize("kind", ["after_effect", "before_effect", "late", "malformed", "html", "empty"])
async def test_an_unclear_add_order_ends_in_one_accepted_order(start, sandbox_whmcs, fulfillment, kind):
    params = {"seconds": 0.5 if kind == "late" else 0.1}
    sandbox_whmcs.fault("AddOrder", kind, params=params)
    async with start():
        await fulfillment.reserve()
        accepted = await fulfillment.accept()
        assert sandbox_whmcs.orders("accepted") == [accepted.whmcs_order_id]
        assert len(sandbox_whmcs.orders("created")) == 1


async def test_an_effect_after_the_quiet_period_is_cancelled_by_the_sweeper(start, sandbox_whmcs, fulfillment):
    sandbox_whmcs.fault("AddOrder", "late", params={"seconds": 5})
    async with start():
        await fulfillment.reserve()
        accepted = await fulfillment.accept()
        async with asyncio.timeout(SECONDS):
            while not sandbox_whmcs.orders("cancelled"):
                await asyncio.sleep(0.1)
        assert sandbox_whmcs.orders("accepted") == [accepted.whmcs_order_id]
        twin = set(sandbox_whmcs.orders("created")) - {accepted.whmcs_order_id}
        assert set(sandbox_whmcs.orders("cancelled")) == twin
        assert len(twin) == 1


@pytest.mark.kill
@pytest.mark.parametrize("call", ["AddOrder", "AcceptOrder"])
async def test_a_process_killed_during_a_write_is_survived_by_another(start, sandbox_whmcs, fulfillment, call):
    sandbox_whmcs.fault(call, "after_effect", params={"seconds": 1.5})
    async with start(killed=True) as first:
        asked = asyncio.create_task(fulfillment.whole())
        while not sandbox_whmcs.core.faults.all()[0].hits:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        first.kill()
        await first.wait()
        async with start():
            accepted = await asyncio.wait_for(asked, 60)
            assert sandbox_whmcs.orders("accepted") == [accepted.whmcs_order_id]
            assert len(sandbox_whmcs.orders("created")) == 1


async def test_two_instances_and_many_repeats_make_one_order(start, sandbox_whmcs, buses, fulfillment):
    callers = [type(fulfillment)(buses["fulfillment"]) for _ in range(6)]
    for caller in callers:
        caller.generation = 100
    async with start(), start():
        reserved = await asyncio.gather(*(caller.reserve() for caller in callers))
        assert len({reply.whmcs_order_id for reply in reserved}) == 1
        await asyncio.gather(*(caller.accept() for caller in callers))
    assert len(sandbox_whmcs.orders("created")) == len(sandbox_whmcs.orders("accepted")) == 1


async def test_a_release_cancels_and_a_new_reservation_is_a_new_order(start, sandbox_whmcs, fulfillment):
    async with start():
        first = await fulfillment.reserve()
        await fulfillment.release()
        assert sandbox_whmcs.orders("cancelled") == [first.whmcs_order_id]
        second = await fulfillment.reserve()
        assert second.whmcs_order_id != first.whmcs_order_id


@pytest.mark.parametrize("kind", ["after_effect", "before_effect", "malformed"])
async def test_a_client_is_made_once_whatever_is_lost(start, sandbox_whmcs, buses, kind):
    sandbox_whmcs.fault("AddClient", kind, params={"seconds": 0.1})
    command = billing.EnsureClient(
        customer_number="SNX-10001",
        email="hanako@example.jp",
        name=PersonName(family_name="山田", given_name="花子"),
        address=Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3"),
        locale="ja",
    )
    async with start(), asyncio.timeout(SECONDS):
        while True:
            try:
                reply = await buses["identity"].ask(command)
                break
            except TryLater:
                await asyncio.sleep(0.1)
        assert await buses["identity"].ask(command) == reply
    assert sandbox_whmcs.kinds().count("whmcs.client.created") == 1
    assert "hanako" not in start.log.read_text()


async def test_whmcs_away_is_later_and_back_again_without_a_restart(start, sandbox_whmcs, buses):
    async with start(), asyncio.timeout(SECONDS):
        asked = billing.CheckPaymentMethod(whmcs_client_id=CLIENT)
        orders = buses["orders"]
        await _until(orders, asked)
        sandbox_whmcs.fault("GetPayMethods", "refused", times=None)
        with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
            await orders.ask(asked)
        sandbox_whmcs.core.faults.disarm()
        assert (await _until(orders, asked)).has_payment_method


async def _until(bus, query):
    while True:
        try:
            return await bus.ask(query)
        except PortalProblem:
            await asyncio.sleep(0.1)
