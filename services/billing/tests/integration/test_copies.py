"""What is kept of a client, on a real Redis: for how long, for whom, and what ends it (R236, R241-R249, R252-R253)."""

import asyncio
import random
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from portal_billing.cached_reads import NEWEST_INVOICES, CachedReads
from portal_billing.invoice import OwnedInvoice
from portal_billing.testing import FakeReads
from portal_chassis.cache import Cache, Patience
from portal_chassis.machine_time import machine_time_from
from portal_contracts import billing
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import Address, PersonName

CLIENT, STRANGER = 5011, 5012
ADDRESS = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3")
PATIENCE = Patience(0.9, "WHMCS_UNAVAILABLE")


class MovableTime:
    """Machine time that a test moves."""

    moved = 0.0

    def epoch(self):
        return time.time() + self.moved

    def monotonic(self):
        return time.monotonic() + self.moved


class CountingReads(FakeReads):
    """WHMCS that counts what it is asked, and may be slow or away."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.seconds = 0.0
        self.away = False

    async def _asked(self, name):
        self.asked.append(name)
        await asyncio.sleep(self.seconds)
        if self.away:
            raise TryLater("WHMCS_UNAVAILABLE")

    async def profile(self, client_id):
        await self._asked("profile")
        return await super().profile(client_id)

    async def payment_methods(self, client_id):
        await self._asked("payment_methods")
        return await super().payment_methods(client_id)

    async def gateways(self):
        await self._asked("gateways")
        return await super().gateways()

    async def invoices(self, client_id):
        await self._asked("invoices")
        return await super().invoices(client_id)

    async def invoice(self, invoice_id):
        await self._asked(f"invoice {invoice_id}")
        return await super().invoice(invoice_id)

    async def subscriptions(self, client_id):
        await self._asked("subscriptions")
        return await super().subscriptions(client_id)

    async def subscription(self, client_id, service_id):
        await self._asked(f"subscription {service_id}")
        return await super().subscription(client_id, service_id)


def filled(reads, client, *, invoices=2):
    """Give a client records that all say whose they are."""
    canary = f"canary-{client}"
    name = PersonName(family_name=canary, given_name="花子")
    reads.profiles[client] = billing.ClientProfile(name=name, email=f"{canary}@example.jp", address=ADDRESS, credit=7)
    reads.methods[client] = [billing.PaymentMethod(id=client, kind="card", description=canary, usable=True)]
    reads.services[client] = [
        billing.Subscription(
            service_id=client * 10 + number,
            name=canary,
            group="SIM",
            whmcs_product_id=202,
            state="active",
            billing_cycle="monthly",
            amount=2970,
            started_on=date(2026, 1, 1),
            next_due_on=None,
        )
        for number in (1, 2)
    ]
    for number in range(invoices):
        invoice_id = client * 100 + number
        line = billing.InvoiceLine(description=canary, amount=2970, service_id=client * 10 + 1 + number % 2)
        detail = billing.InvoiceDetail(
            id=invoice_id,
            number=canary,
            state="paid" if number else "unpaid",
            issued_on=date(2026, 1, 1) + timedelta(days=30 * number),
            due_on=None,
            paid_at=None,
            total=2970,
            subtotal=2700,
            tax=270,
            credit=0,
            balance=0,
            lines=[line],
            payments=[],
        )
        reads.all_invoices[invoice_id] = OwnedInvoice(client, False, detail)


@pytest.fixture
def live():
    reads = CountingReads()
    reads.offered = [billing.PaymentGateway(code="stripe", name="カード")]
    for client in (CLIENT, STRANGER):
        filled(reads, client)
    return reads


@pytest.fixture
def clock():
    source = MovableTime()
    with machine_time_from(source):
        yield source


@pytest.fixture
async def cache(redis_url):
    opened = Cache(redis_url, prefix="billing", patience=5)
    yield opened
    await opened.close()


def copies(live, cache, patience=PATIENCE):
    hour = timedelta(hours=1)
    return CachedReads(live, cache, stale_for=hour, patience=patience, lines=live, patience_with_lines=patience)


@pytest.fixture
def reads(live, cache):
    return copies(live, cache)


INVOICE, SERVICE = CLIENT * 100, CLIENT * 10 + 1
READS = {
    "profile": (lambda reads: reads.profile(CLIENT), timedelta(minutes=30)),  # R249
    "payment methods": (lambda reads: reads.payment_methods(CLIENT, fresh=False), timedelta(minutes=15)),  # R247
    "gateways": (lambda reads: reads.gateways(), timedelta(hours=1)),  # R248
    "invoices": (lambda reads: reads.invoices(CLIENT, fresh=False), timedelta(seconds=90)),  # R241
    "invoice": (lambda reads: reads.invoice(CLIENT, INVOICE), timedelta(minutes=5)),  # R242
    "subscriptions": (lambda reads: reads.subscriptions(CLIENT, fresh=False), timedelta(minutes=5)),  # R244
    "subscription": (lambda reads: reads.subscription(CLIENT, SERVICE), timedelta(minutes=10)),  # R245
}
OF_A_CLIENT = [name for name in READS if name != "gateways"]


@pytest.mark.parametrize("what", READS)
async def test_each_read_is_kept_as_long_as_required_and_not_longer(reads, live, clock, what):
    read, ttl = READS[what]
    first = await read(reads)
    clock.moved = ttl.total_seconds() - 5
    assert await read(reads) == first
    assert len(live.asked) == 1
    clock.moved = ttl.total_seconds() + 1
    assert await read(reads) == first
    assert len(live.asked) == 2


@pytest.mark.parametrize("what", OF_A_CLIENT)
async def test_clearing_a_client_ends_every_copy_of_theirs_and_of_nobody_else(reads, live, what):
    read, _ = READS[what]
    await read(reads)
    await reads.drop(STRANGER)
    await read(reads)
    assert len(live.asked) == 1
    await reads.clear(CLIENT)
    await read(reads)
    assert len(live.asked) == 2


@pytest.mark.parametrize("what", READS)
async def test_while_whmcs_is_away_an_old_copy_serves_and_says_so_and_then_nothing_does(reads, live, clock, what):
    read, ttl = READS[what]
    first = await read(reads)
    read_at = datetime.now(UTC)
    live.away = True
    clock.moved = ttl.total_seconds() + 60
    stale = await read(reads)
    assert stale.value == first.value
    assert abs(stale.as_of - read_at) < timedelta(seconds=30)
    clock.moved = ttl.total_seconds() + 3601
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await read(reads)


@pytest.mark.parametrize("what", READS)
async def test_without_redis_everything_is_read_live(live, what):  # R253
    read, _ = READS[what]
    reads = copies(live, Cache(None, prefix="billing"))
    assert await read(reads) == await read(reads)
    assert len(live.asked) == 2
    await reads.clear(CLIENT)


async def test_redis_that_dies_is_not_noticed_by_customers_and_its_coming_back_neither(redis_server, redis_url, live):
    cache = Cache(redis_url, prefix="billing")
    reads = copies(live, cache)
    expected = await reads.invoices(CLIENT, fresh=False)
    redis_server.kill()
    assert await reads.invoices(CLIENT, fresh=False) == expected
    await reads.clear(CLIENT)
    with pytest.raises(TryLater):
        await reads.drop(CLIENT)
    redis_server.start()
    assert await reads.invoices(CLIENT, fresh=False) == expected
    await cache.close()


@pytest.mark.parametrize("number", [STRANGER * 100, 999_999])
async def test_a_foreign_invoice_is_not_found_whoever_looked_at_it_before(reads, live, number):
    if number in live.all_invoices:
        await reads.invoice(STRANGER, number)
    for _ in range(2):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await reads.invoice(CLIENT, number)


async def test_a_foreign_subscription_and_its_invoices_are_not_found(reads):
    foreign = STRANGER * 10 + 1
    assert (await reads.subscription(STRANGER, foreign)).value.service_id == foreign
    with pytest.raises(Refused, match="NOT_FOUND"):
        await reads.subscription(CLIENT, foreign)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await reads.invoices_of(CLIENT, foreign, fresh=False)


async def test_the_invoices_of_a_subscription_are_those_with_a_line_of_it(reads, live):
    filled(live, CLIENT, invoices=40)
    found = await reads.invoices_of(CLIENT, SERVICE, fresh=False)
    newest = [CLIENT * 100 + number for number in range(39, 39 - NEWEST_INVOICES, -1)]
    assert [invoice.id for invoice in found.value] == [number for number in newest if number % 2 == 0]
    asked = len([name for name in live.asked if name.startswith("invoice ")])
    assert asked == NEWEST_INVOICES
    await reads.clear(CLIENT)
    live.asked.clear()
    assert (await reads.invoices_of(CLIENT, SERVICE + 1, fresh=False)).value != found.value
    assert [name for name in live.asked if name.startswith("invoice ")] == [], "paid invoices are not asked again"


async def test_two_hundred_interleaved_customers_see_nobody_elses_records(live, cache, redis_server):
    """Cold and warm, Redis flushed in the middle, copies cleared all the time."""
    generator = random.Random(20261121)  # noqa: S311 - a seed makes the test repeatable
    reads = copies(live, cache, Patience(60, "WHMCS_UNAVAILABLE"))
    clients = range(7000, 7200)
    for client in clients:
        filled(live, client)
    live.seconds = 0.001
    few = asyncio.Semaphore(64)

    async def one(number, client):
        wanted = generator.choice(
            [
                lambda: reads.profile(client),
                lambda: reads.payment_methods(client, fresh=generator.random() < 0.2),
                lambda: reads.invoices(client, fresh=False),
                lambda: reads.invoice(client, client * 100 + 1),
                lambda: reads.subscriptions(client, fresh=False),
                lambda: reads.subscription(client, client * 10 + 2),
                lambda: reads.invoices_of(client, client * 10 + 2, fresh=False),
            ]
        )
        async with few:
            if number == 1500:
                await asyncio.to_thread(redis_server.flush)
            if number % 50 == 0:
                await reads.clear(client)
            return client, (await wanted()).value

    drawn = [generator.choice(clients) for _ in range(3000)]
    answers = await asyncio.gather(*(one(number, client) for number, client in enumerate(drawn)))
    for client, answer in answers:
        text = repr(answer)
        assert f"canary-{client}" in text
        assert text.count("canary-") == text.count(f"canary-{client}")
    assert len(live.asked) < len(drawn)


async def test_a_stampede_is_one_question_even_when_whmcs_is_slow(reads, live):
    live.seconds = 0.05
    answers = await asyncio.gather(*(reads.invoices(CLIENT, fresh=False) for _ in range(100)))
    assert len({answer.value[0].id for answer in answers}) == 1
    assert live.asked == ["invoices"]


async def test_a_customer_waits_for_slow_whmcs_no_longer_than_promised_and_finds_the_answer_later(live, cache):
    reads = copies(live, cache, Patience(0.05, "WHMCS_UNAVAILABLE"))
    live.seconds = 0.3
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE") as told:
        await reads.invoices_of(CLIENT, SERVICE, fresh=False)
    assert told.value.retry_after
    async with asyncio.timeout(10):
        while True:
            try:
                found = await reads.invoices_of(CLIENT, SERVICE, fresh=False)
                break
            except TryLater:
                await asyncio.sleep(0.1)
    assert found.as_of is None
    assert len(live.asked) == 3, "list and two invoices, each once; a line of the service says whose it is"
