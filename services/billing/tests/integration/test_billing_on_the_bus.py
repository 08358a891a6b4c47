"""The service as it is deployed: processes on a real NATS, Postgres and the sandbox's WHMCS."""

import asyncio
import base64
import json
import math
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_billing.order import DraftOrder, units_of
from portal_chassis.actor import Actor, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_contracts import billing, whmcs_orders
from portal_contracts.operators import list_operator_actions
from portal_contracts.problems import PortalProblem, Refused, TryLater
from portal_contracts.topology import SERVICES
from portal_contracts.values import Address, PersonName, long_salesforce_id

CLIENT = 5011
ORDER = long_salesforce_id("801000000000001")
SECONDS = 30.0
EID = "89049032000000000000000000000001"


def line(sku, pid, price, **more):
    return billing.OrderLine(
        sku=sku,
        whmcs_product_id=pid,
        unit_price=price,
        **{"billing_cycle": "monthly", "quantity": 1, "service": False, **more},
    )


LINES = [
    line("SIM-VOICE-ESIM-20G", 202, 2970, service=True),
    line("SIM-ACTIVATION", 211, 3300, billing_cycle="one_time"),
    line("SIM-VOICEMAIL", 221, 330),
]


class Fulfillment:
    """Asks as fulfillment does, with a generation that grows."""

    def __init__(self, bus):
        self.bus = bus
        self.generation = 0

    async def reserve(self, order_id=ORDER):
        return await self._ask(
            billing.ReserveOrder(
                order_id=order_id, generation=self._newer(), whmcs_client_id=CLIENT, lines=LINES, eid=EID
            )
        )

    async def accept(self, order_id=ORDER):
        return await self._ask(
            billing.AcceptOrder(
                order_id=order_id, generation=self._newer(), phone_number="070-1234-5678", iccid="8981100000000000001"
            )
        )

    async def release(self, order_id=ORDER):
        return await self._ask(billing.ReleaseOrder(order_id=order_id, generation=self._newer(), reason="test"))

    async def _ask(self, command):
        """Ask until done, through everything that means later."""
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    reply = await self.bus.ask(command, timeout=3)
                    if reply.state == "done":
                        return reply
                except TryLater:
                    pass
                await asyncio.sleep(0.1)

    def _newer(self):
        self.generation += 1
        return self.generation


@pytest.fixture
def key(tmp_path):
    private = Ed25519PrivateKey.generate()
    raw = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    (tmp_path / "actors.json").write_text(json.dumps({"test": raw}))
    return private


@pytest.fixture
def start(nats_url, database_url, sandbox_whmcs, tmp_path, key):
    """Run one process of the service for a block."""
    settings = sandbox_whmcs.settings()

    @asynccontextmanager
    async def running(*, killed=False):
        environment = {
            **os.environ,
            "PORTAL_ENVIRONMENT": "development",
            "PORTAL_NATS_URL": nats_url,
            "PORTAL_DATABASE_URL": database_url,
            "PORTAL_ACTOR_PUBLIC_KEYS_PATH": str(tmp_path / "actors.json"),
            "PORTAL_WHMCS_QUIET_SECONDS": "2",
            "PORTAL_WHMCS_SWEEP_SECONDS": "1",
            "WHMCS_API_URL": str(settings.api_url),
            "WHMCS_IDENTIFIER": "sandbox-identifier",
            "WHMCS_SECRET": "sandbox-secret",
            "WHMCS_FIELDS_PATH": str(settings.fields_path),
            "WHMCS_ORDER_SECONDS": "2",
        }
        log = tmp_path / "billing.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "portal_billing", env=environment, stdout=output, stderr=output
            )
        try:
            yield process
            if not killed:
                process.terminate()
                assert await asyncio.wait_for(process.wait(), 10) == 0, log.read_text()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    running.log = tmp_path / "billing.log"
    return running


@pytest.fixture
async def buses(nats_url):
    topologies = {
        name: replace(SERVICES[name], database=False, serves=(), records=(), consumes=(), watches=())
        for name in ("gateway", "identity", "orders", "fulfillment")
    }
    opened = {name: Bus(name, BusAddress(nats_url), topology=found) for name, found in topologies.items()}
    for bus in opened.values():
        await bus.connect()
        await bus.start()
    yield opened
    for bus in opened.values():
        await bus.stop(within=1)


@pytest.fixture
def fulfillment(buses):
    return Fulfillment(buses["fulfillment"])


def ledger(sandbox_whmcs, kind):
    entries = sandbox_whmcs.core.ledger.entries(kind=f"whmcs.order.{kind}")
    return [entry.detail["order_id"] for entry in entries if entry.key.startswith(ORDER)]


async def test_an_order_is_reserved_and_accepted_and_the_customer_sees_it(
    start, sandbox_whmcs, buses, fulfillment, key
):
    async with start():
        reserved = await fulfillment.reserve()
        accepted = await fulfillment.accept()
        assert reserved.whmcs_order_id == accepted.whmcs_order_id
        assert len(accepted.service_ids) == 3
        assert ledger(sandbox_whmcs, "created") == ledger(sandbox_whmcs, "accepted") == [accepted.whmcs_order_id]
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


async def test_a_customer_changes_the_own_address_and_whmcs_has_it(start, sandbox_whmcs, buses, key):  # R007, R057
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
    for hidden in ("梅田", "530-0001"):
        assert hidden not in start.log.read_text()


@pytest.mark.parametrize("kind", ["after_effect", "before_effect", "late", "malformed", "html", "empty"])
async def test_an_unclear_add_order_ends_in_one_accepted_order(start, sandbox_whmcs, fulfillment, kind):
    params = {"seconds": 0.5 if kind == "late" else 0.1}
    sandbox_whmcs.fault("AddOrder", kind, params=params)
    async with start():
        await fulfillment.reserve()
        accepted = await fulfillment.accept()
        assert ledger(sandbox_whmcs, "accepted") == [accepted.whmcs_order_id]
        assert len(ledger(sandbox_whmcs, "created")) == 1


async def test_an_effect_after_the_quiet_period_is_cancelled_by_the_sweeper(start, sandbox_whmcs, fulfillment):
    sandbox_whmcs.fault("AddOrder", "late", params={"seconds": 5})
    async with start():
        await fulfillment.reserve()
        accepted = await fulfillment.accept()
        async with asyncio.timeout(SECONDS):
            while not ledger(sandbox_whmcs, "cancelled"):
                await asyncio.sleep(0.1)
        assert ledger(sandbox_whmcs, "accepted") == [accepted.whmcs_order_id]
        twin = set(ledger(sandbox_whmcs, "created")) - {accepted.whmcs_order_id}
        assert set(ledger(sandbox_whmcs, "cancelled")) == twin
        assert len(twin) == 1


@pytest.fixture
def operator(key):
    """An operator's token, of somebody who may decide about orders."""
    roles = ("operator_devops",)
    actor = Actor("o", 0, "", roles, "s", datetime.now(UTC), "en", operator="operator@staff.example")
    return sign_actor(key, "test", actor)


def decision(kind, **more):
    return kind(request_id=f"request-{kind.__name__}", dry_run=False, reason="asked to", order_id=ORDER, **more)


async def needs_a_person(fulfillment):
    """Ask until billing says that a person has to decide."""
    with pytest.raises(Refused, match="WHMCS_ORDER_UNCLEAR"):
        await fulfillment.reserve()


async def test_an_operator_sees_the_evidence_and_allows_one_more_creation(
    start, sandbox_whmcs, buses, fulfillment, operator
):
    sandbox_whmcs.fault("AddOrder", "html", times=2)
    gateway, read = buses["gateway"], whmcs_orders.ReadWhmcsOrder(order_id=ORDER)
    async with start():
        await needs_a_person(fulfillment)
        file = await gateway.ask(read, actor=operator)
        assert (file.code, file.found, [one.state for one in file.journal]) == (
            "WHMCS_ORDER_UNCLEAR",
            [],
            ["unknown", "unknown"],
        )
        retry = decision(whmcs_orders.RetryWhmcsOrder)
        assert not (await gateway.ask(retry.model_copy(update={"dry_run": True}), actor=operator)).carried_out
        assert ledger(sandbox_whmcs, "created") == []
        told = await gateway.ask(retry, actor=operator)
        assert told == await gateway.ask(retry, actor=operator)
        accepted = await whole(fulfillment)
        assert ledger(sandbox_whmcs, "created") == ledger(sandbox_whmcs, "accepted") == [accepted.whmcs_order_id]
        file = await gateway.ask(read, actor=operator)
        assert ([one.verdict for one in file.found], file.phase) == (["winner"], "accepted")
        actions = await gateway.ask(list_operator_actions("billing")(target=ORDER), actor=operator)
        assert [(one.operator, one.carried_out) for one in actions.actions] == [
            ("operator@staff.example", True),
            ("operator@staff.example", False),
        ]


async def test_an_operator_links_an_order_that_staff_made(
    start, sandbox_whmcs, buses, fulfillment, operator, connected
):
    sandbox_whmcs.fault("AddOrder", "html", times=2)
    async with start():
        await needs_a_person(fulfillment)
        orders = connected().orders
        number = await orders.add(DraftOrder(ORDER, CLIENT, units_of(LINES), None), send_by=math.inf)
        with sandbox_whmcs.core.store.transaction() as db:
            db.execute("DELETE FROM whmcs_custom_value")
        link = decision(whmcs_orders.LinkWhmcsOrder, whmcs_order_id=number)
        assert len((await buses["gateway"].ask(link, actor=operator)).changes) == 1 + len(LINES)
        accepted = await whole(fulfillment)
        assert accepted.whmcs_order_id == number
        (found,) = await orders.search(CLIENT, ORDER)
        assert [service.ordinal for service in found.services] == [1, 2, 3]


async def test_an_operator_gives_an_order_up_and_nothing_is_left_of_it(
    start, sandbox_whmcs, buses, fulfillment, operator
):
    async with start():
        reserved = await fulfillment.reserve()
        await buses["gateway"].ask(decision(whmcs_orders.CancelWhmcsOrder), actor=operator)
        with pytest.raises(Refused, match="PROVISIONING_CANCELLED"):
            await fulfillment.reserve()
        await fulfillment.release()
        assert ledger(sandbox_whmcs, "cancelled") == [reserved.whmcs_order_id]


async def test_a_customer_and_an_operator_without_the_role_decide_nothing(start, buses, fulfillment, key):
    customer = Actor("u", CLIENT, "001000000000001AAA", ("owner",), "s", datetime.now(UTC), "ja")
    viewer = Actor("o", 0, "", ("operator_viewer",), "s", datetime.now(UTC), "en", operator="viewer@staff.example")
    async with start():
        await fulfillment.reserve()
        for actor in (customer, viewer):
            with pytest.raises(Refused):
                token = sign_actor(key, "test", actor)
                await buses["gateway"].ask(decision(whmcs_orders.CancelWhmcsOrder), actor=token)
        assert (await fulfillment.reserve()).state == "done"


async def test_all_clients_are_compared_page_by_page(start, buses, fulfillment):
    async with start():
        accepted = await whole(fulfillment)
        clients, after = [], 0
        while after is not None:
            page = await buses["orders"].ask(
                whmcs_orders.ListBilledClients(after_client_id=after, limit=3), timeout=SECONDS
            )
            clients += page.clients
            after = page.last_client_id
        numbers = [client.whmcs_client_id for client in clients]
        assert numbers == sorted(set(numbers))
        client = next(client for client in clients if client.whmcs_client_id == CLIENT)
        mine = [service for service in client.services if service.order_id == ORDER]
        assert {service.service_id for service in mine} == set(accepted.service_ids)
        assert sorted(service.amount for service in mine) == [330, 2970, 3300]
        (one,) = (
            await buses["orders"].ask(whmcs_orders.ListBilledClients(whmcs_client_ids=[CLIENT]), timeout=SECONDS)
        ).clients
        assert one == client


@pytest.mark.kill
@pytest.mark.parametrize("call", ["AddOrder", "AcceptOrder"])
async def test_a_process_killed_during_a_write_is_survived_by_another(start, sandbox_whmcs, fulfillment, call):
    sandbox_whmcs.fault(call, "after_effect", params={"seconds": 1.5})
    async with start(killed=True) as first:
        asked = asyncio.create_task(whole(fulfillment))
        while not sandbox_whmcs.core.faults.all()[0].hits:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        first.kill()
        await first.wait()
        async with start():
            accepted = await asyncio.wait_for(asked, 60)
            assert ledger(sandbox_whmcs, "accepted") == [accepted.whmcs_order_id]
            assert len(ledger(sandbox_whmcs, "created")) == 1


async def whole(fulfillment):
    async with asyncio.timeout(60):
        while True:
            try:
                await fulfillment.reserve()
                return await fulfillment.accept()
            except TimeoutError:
                continue


async def test_two_instances_and_many_repeats_make_one_order(start, sandbox_whmcs, buses):
    callers = [Fulfillment(buses["fulfillment"]) for _ in range(6)]
    for caller in callers:
        caller.generation = 100
    async with start(), start():
        reserved = await asyncio.gather(*(caller.reserve() for caller in callers))
        assert len({reply.whmcs_order_id for reply in reserved}) == 1
        await asyncio.gather(*(caller.accept() for caller in callers))
    assert len(ledger(sandbox_whmcs, "created")) == len(ledger(sandbox_whmcs, "accepted")) == 1


async def test_a_release_cancels_and_a_new_reservation_is_a_new_order(start, sandbox_whmcs, fulfillment):
    async with start():
        first = await fulfillment.reserve()
        await fulfillment.release()
        assert ledger(sandbox_whmcs, "cancelled") == [first.whmcs_order_id]
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
