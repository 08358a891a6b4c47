"""A purpose that waits for slow WHMCS keeps no other waiting, and reads alone are repeated (R281)."""

import asyncio

import pytest

from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import Address

CLIENT = 5011
SLOW = 30.0
ADDRESS = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3")
CROWDS = {
    "interactive": ("GetInvoices", lambda whmcs: whmcs.reads.invoices(CLIENT)),
    "clicks": ("CreateSsoToken", lambda whmcs: whmcs.sign_on.mint(CLIENT, "home", None)),
    "orders": ("GetProducts", lambda whmcs: whmcs.products.read([202])),
    "upkeep": ("GetInvoice", lambda whmcs: whmcs.upkeep.invoice(1)),
}
OTHERS = {
    "interactive": lambda whmcs: whmcs.reads.payment_methods(CLIENT),
    "clicks": lambda whmcs: whmcs.own_clients.change_address(CLIENT, ADDRESS),
    "orders": lambda whmcs: whmcs.live.payment_methods(CLIENT),
    "upkeep": lambda whmcs: whmcs.billed.read(CLIENT),
}


@pytest.fixture
async def crowd(whmcs, sandbox_whmcs):
    """Give a function that fills a bulkhead with calls WHMCS does not answer."""
    waiting = []

    async def fill(purpose):
        action, call = CROWDS[purpose]
        sandbox_whmcs.fault(action, "slow", times=None, params={"seconds": SLOW})
        waiting.extend(asyncio.create_task(call(whmcs)) for _ in range(20))
        async with asyncio.timeout(10):
            while not sandbox_whmcs.calls(action):
                await asyncio.sleep(0.01)
        return waiting

    yield fill
    sandbox_whmcs.core.faults.disarm()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("purpose", CROWDS)
async def test_one_purpose_that_hangs_leaves_the_others_alone(whmcs, crowd, purpose):
    waiting = await crowd(purpose)
    for other in OTHERS.keys() - {purpose}:
        await OTHERS[other](whmcs)
    assert not all(task.done() for task in waiting), "WHMCS still has not answered them"


@pytest.mark.parametrize("purpose", ["interactive", "clicks"])
async def test_who_finds_no_room_is_told_when_to_come_back(whmcs, crowd, purpose):
    await crowd(purpose)
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE") as told:
        await OTHERS[purpose](whmcs)
    assert 2 <= told.value.retry_after <= 30


READS = {
    "GetClientsDetails": lambda whmcs: whmcs.reads.profile(CLIENT),
    "GetPayMethods": lambda whmcs: whmcs.reads.payment_methods(CLIENT),
    "GetPaymentMethods": lambda whmcs: whmcs.reads.gateways(),
    "GetInvoices": lambda whmcs: whmcs.reads.invoices(CLIENT),
    "GetClientsProducts": lambda whmcs: whmcs.reads.subscriptions(CLIENT),
}
WRITES = {
    "CreateSsoToken": lambda whmcs: whmcs.sign_on.mint(CLIENT, "home", None),
    "UpdateClient": lambda whmcs: whmcs.own_clients.change_address(CLIENT, ADDRESS),
}
UNAVAILABLE = {"status": 503, "body": "away"}


@pytest.mark.parametrize("action", READS)
async def test_a_read_that_fails_once_or_twice_is_repeated(whmcs, sandbox_whmcs, action):
    expected = await READS[action](whmcs)
    sandbox_whmcs.fault(action, "status", times=2, params=UNAVAILABLE)
    assert await READS[action](whmcs) == expected


@pytest.mark.parametrize("action", WRITES)
async def test_a_write_leaves_once_whatever_becomes_of_it(whmcs, sandbox_whmcs, action):
    sandbox_whmcs.fault(action, "status", times=None, params=UNAVAILABLE)
    with pytest.raises(TryLater):
        await WRITES[action](whmcs)
    assert sandbox_whmcs.calls(action) == 1


async def test_while_whmcs_is_down_it_is_left_alone(whmcs, sandbox_whmcs):
    sandbox_whmcs.fault("GetPaymentMethods", "status", times=None, params=UNAVAILABLE)

    async def many(number):
        found = await asyncio.gather(*(whmcs.reads.gateways() for _ in range(number)), return_exceptions=True)
        assert {type(one) for one in found} == {TryLater}
        return sandbox_whmcs.calls("GetPaymentMethods")

    asked = await many(12)
    assert asked >= 20
    assert await many(50) == asked, "the circuit is open: nobody reaches WHMCS"
    sandbox_whmcs.core.faults.disarm()
    assert await whmcs.live.gateways(), "another purpose finds out by itself"


async def test_refusals_open_no_circuit(whmcs, sandbox_whmcs):
    for _ in range(30):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await whmcs.reads.invoice(999_999)
    known = (await whmcs.reads.invoices(CLIENT))[0].invoice.id
    assert (await whmcs.reads.invoice(known)).client_id == CLIENT
    assert sandbox_whmcs.calls("GetInvoice") == 31
