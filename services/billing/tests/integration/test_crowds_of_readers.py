"""Many customers look at once at what nothing is kept of, and WHMCS is well: it is their turn that they wait for."""

import asyncio

import pytest

from portal_chassis.cache import Cache

CROWD = 64
MODEL = 5011
FIRST = 20_000
LATENCY = {"seconds": 0.02}
UNHURRIED = {"patience_seconds": 10, "crowd_seconds": 60}
"""What counts here is who is turned away for want of room, not how fast the machine of the test is."""


class Member:
    """A client with one service and two invoices for it."""

    def __init__(self, number):
        self.client = FIRST + number
        self.service = 2 * FIRST + number
        self.invoices = [4 * FIRST + 2 * number, 4 * FIRST + 2 * number + 1]


def copy(db, table, where, **changes):
    """Insert a copy of a row."""
    row = dict(db.execute(f"SELECT * FROM {table} WHERE {where} LIMIT 1").fetchone()) | changes
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


@pytest.fixture
def crowd(sandbox_whmcs):
    """Give members that WHMCS knows, each call to which takes a moment."""
    members = [Member(number) for number in range(CROWD)]
    with sandbox_whmcs.core.store.transaction() as db:
        for one in members:
            copy(
                db,
                "whmcs_client",
                f"id = {MODEL}",
                id=one.client,
                uuid=str(one.client),
                email=f"{one.client}@a.example",
            )
            copy(db, "whmcs_service", f"client_id = {MODEL}", id=one.service, client_id=one.client)
            for invoice in one.invoices:
                copy(db, "whmcs_invoice", f"client_id = {MODEL}", id=invoice, client_id=one.client)
                of_service = {"id": invoice, "invoice_id": invoice, "relid": one.service}
                copy(db, "whmcs_invoice_item", "type = 'Hosting'", **of_service)
    sandbox_whmcs.fault("*", "slow", times=None, params=LATENCY)
    return members


@pytest.fixture
async def reads(connected, redis_url):
    cache = Cache(redis_url, prefix="billing", patience=5)
    yield connected(**UNHURRIED).copies(cache)
    await cache.close()


READS = {
    "profile": (lambda reads, one: reads.profile(one.client), 1),
    "payment methods": (lambda reads, one: reads.payment_methods(one.client, fresh=False), 1),
    "invoices": (lambda reads, one: reads.invoices(one.client, fresh=False), 1),
    "invoice": (lambda reads, one: reads.invoice(one.client, one.invoices[0]), 1),
    "subscriptions": (lambda reads, one: reads.subscriptions(one.client, fresh=False), 1),
    "subscription": (lambda reads, one: reads.subscription(one.client, one.service), 1),
    "invoices of a subscription": (lambda reads, one: reads.invoices_of(one.client, one.service, fresh=False), 3),
}


def calls(sandbox_whmcs):
    return sum(sandbox_whmcs.core.faults.calls.get("whmcs", {}).values())


@pytest.mark.parametrize("what", READS)
async def test_a_crowd_of_customers_is_answered_when_nothing_is_kept_yet(reads, crowd, sandbox_whmcs, what):
    read, calls_each = READS[what]
    answers = await asyncio.gather(*(read(reads, one) for one in crowd))
    assert all(answer.as_of is None for answer in answers)
    assert calls(sandbox_whmcs) == CROWD * calls_each
    if what == "invoices of a subscription":
        found = [{invoice.id for invoice in answer.value} for answer in answers]
        assert found == [set(one.invoices) for one in crowd]


async def test_a_crowd_at_one_customers_page_is_one_reader_to_whmcs(reads, crowd, sandbox_whmcs):
    one = crowd[0]
    await asyncio.gather(*(reads.invoices_of(one.client, one.service, fresh=False) for _ in range(CROWD)))
    assert calls(sandbox_whmcs) == 3


async def test_who_looks_at_one_thing_does_not_wait_behind_those_who_look_at_many(reads, crowd, sandbox_whmcs):
    sandbox_whmcs.core.faults.disarm()
    *many, one = crowd
    await asyncio.gather(*(reads.invoices(member.client, fresh=False) for member in many))
    sandbox_whmcs.fault("GetInvoice", "slow", times=None, params={"seconds": 5})
    waiting = [asyncio.create_task(reads.invoices_of(other.client, other.service, fresh=False)) for other in many]
    async with asyncio.timeout(10):
        while not sandbox_whmcs.calls("GetInvoice"):
            await asyncio.sleep(0.01)
    await reads.invoices(one.client, fresh=False)
    assert not any(task.done() for task in waiting)
    sandbox_whmcs.core.faults.disarm()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
