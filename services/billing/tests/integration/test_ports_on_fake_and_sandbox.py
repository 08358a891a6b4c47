"""One suite for each port that reaches WHMCS, on the fake and on the adapter: so the fake can be trusted.

The adapter speaks to the sandbox, or to a real installation when PORTAL_TEST_REAL_WHMCS=1 (see the README): then it
makes orders and clients there, and cancels what it made.
"""

import math
import os
import secrets
from dataclasses import dataclass

import pytest

from portal_billing import main
from portal_billing.client import NewClient
from portal_billing.order import (
    DraftOrder,
    ServiceNotes,
    check_amounts,
    check_invoice,
    check_markers,
    is_complete,
    marker,
    units_of,
)
from portal_billing.product import SoldProduct
from portal_billing.settings import WhmcsSettings
from portal_billing.testing import (
    FakeBilledClients,
    FakeClients,
    FakeOrders,
    FakeProducts,
    FakeReads,
    FakeSignOn,
    Fates,
)
from portal_billing.whmcs_api import connect
from portal_chassis.clocks import RealClock, SystemMachineClock
from portal_chassis.testing import ManualClock
from portal_contracts.billing import OrderLine
from portal_contracts.problems import Refused
from portal_contracts.values import Address, PersonName, long_salesforce_id
from portal_contracts.whmcs_orders import BilledClient

pytestmark = pytest.mark.real_vendor
REAL = os.environ.get("PORTAL_TEST_REAL_WHMCS") == "1"
EVER = math.inf
NOBODY = 987_654


@dataclass(frozen=True)
class Ground:
    """What the suite stands on: two clients, three products with their prices, ids nobody used before."""

    ports: main.Whmcs
    client: int
    other_client: int
    products: tuple[tuple[int, int], ...]
    run: str

    @property
    def order(self):
        return long_salesforce_id(f"801{self.run}1")

    @property
    def other(self):
        return long_salesforce_id(f"801{self.run}2")

    @property
    def customer_number(self):
        return f"TEST-{self.run.upper()}"

    @property
    def email(self):
        return f"hanako.{self.run}@example.jp"

    @property
    def units(self):
        (plan, price), (fee, once), (option, more) = self.products
        monthly, one_time = {"billing_cycle": "monthly"}, {"billing_cycle": "one_time"}
        lines = [
            OrderLine(sku="PLAN", whmcs_product_id=plan, quantity=1, unit_price=price, service=True, **monthly),
            OrderLine(sku="FEE", whmcs_product_id=fee, quantity=1, unit_price=once, service=False, **one_time),
            OrderLine(sku="MAIL", whmcs_product_id=option, quantity=2, unit_price=more, service=False, **monthly),
        ]
        return units_of(lines)

    @property
    def total(self):
        return sum(unit.line.unit_price for unit in self.units)

    async def add(self, order_id=None):
        draft = DraftOrder(order_id or self.order, self.client, self.units, None)
        return await self.ports.orders.add(draft, send_by=EVER)

    def form(self, number=None):
        return NewClient(
            customer_number=number or self.customer_number,
            email=self.email,
            name=PersonName(family_name="山田", given_name="花子"),
            company="",
            phone=None,
            address=Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3"),
            locale="ja",
        )


def on_fakes():
    fates = Fates(ManualClock())
    products = {
        202: SoldProduct(202, True, {"monthly": 2970}, {"monthly": 0}),
        211: SoldProduct(211, True, {"one_time": 3300}, {"one_time": 0}),
    }
    billed = {
        number: BilledClient(whmcs_client_id=number, address_fingerprint="0" * 64, services=[])
        for number in (5011, 5012)
    }
    settings = WhmcsSettings(
        api_url="https://whmcs.example/includes/api.php",
        identifier="fake-identifier",
        secret="fake-secret",
        fields_path="whmcs_fields.toml",
    )
    reads, clients = FakeReads(), FakeClients(fates)
    return main.Whmcs(
        settings=settings,
        reads=reads,
        lines=reads,
        live=reads,
        upkeep=reads,
        products=FakeProducts(fates, products),
        sign_on=FakeSignOn(),
        clients=clients,
        own_clients=clients,
        orders=FakeOrders(fates),
        billed=FakeBilledClients(fates, {**billed, 5014: None}),
        keeps_up=lambda _seconds: True,
        keeps_up_with_lines=lambda _seconds: True,
    )


@pytest.fixture
async def real_ground():
    """A real installation; orders that were made there are cancelled."""
    connection = connect(WhmcsSettings(), SystemMachineClock())
    ports = main.on_whmcs(connection, RealClock().today)
    client, other = (int(part) for part in os.environ["WHMCS_TEST_CLIENTS"].split(","))
    priced = [part.split(":") for part in os.environ["WHMCS_TEST_PRODUCTS"].split(",")]
    ground = Ground(ports, client, other, tuple((int(number), int(price)) for number, price in priced), unused())
    yield ground
    for order_id in (ground.order, ground.other):
        for found in await ports.orders.search(client, order_id):
            await ports.orders.cancel(found.id, send_by=EVER)
    await connection.close()


def unused():
    """Give part of an id that nobody has used before."""
    return secrets.token_hex(6)[:11]


@pytest.fixture(params=["fake", "real" if REAL else "sandbox"])
def ground(request):
    if request.param == "real":
        return request.getfixturevalue("real_ground")
    ports = on_fakes() if request.param == "fake" else request.getfixturevalue("whmcs")
    return Ground(ports, 5011, 5012, ((202, 2970), (211, 3300), (221, 330)), unused())


@pytest.fixture
def ports(ground):
    return ground.ports


async def test_what_was_ordered_is_found_complete_and_to_the_yen(ports, ground):
    number = await ground.add()
    (found,) = await ports.orders.search(ground.client, ground.order)
    assert (found.id, found.state, found.amount) == (number, "pending", ground.total)
    assert is_complete(found, ground.units)
    check_markers(ground.order, found, ground.units)
    check_amounts(found, ground.units)
    assert found == await ports.orders.read(ground.client, number)
    invoice = await ports.orders.invoice(ground.client, found.invoice_id)
    check_invoice(found, ground.units, invoice)
    assert (invoice.state, invoice.gross, sum(invoice.charged.values())) == ("unpaid", found.amount, found.amount)
    assert await ports.orders.invoice(ground.other_client, found.invoice_id) is None
    assert await ports.orders.invoice(ground.client, NOBODY) is None


async def test_nothing_is_found_of_an_order_that_was_never_made(ports, ground):
    assert list(await ports.orders.search(ground.client, ground.order)) == []
    assert await ports.orders.read(ground.client, NOBODY) is None


async def test_orders_of_others_stay_apart(ports, ground):
    number = await ground.add()
    await ground.add(ground.other)
    assert [found.id for found in await ports.orders.search(ground.client, ground.order)] == [number]
    assert list(await ports.orders.search(ground.other_client, ground.order)) == []
    assert await ports.orders.read(ground.other_client, number) is None


async def test_a_second_call_makes_a_second_order(ports, ground):
    made = {await ground.add() for _ in range(2)}
    assert {found.id for found in await ports.orders.search(ground.client, ground.order)} == made
    assert len(made) == 2


async def test_only_a_pending_order_is_accepted_and_once(ports, ground):
    number = await ground.add()
    assert await ports.orders.accept(number, send_by=EVER)
    assert not await ports.orders.accept(number, send_by=EVER)
    assert not await ports.orders.cancel(number, send_by=EVER)
    found = await ports.orders.read(ground.client, number)
    assert found.state == "active"
    assert {service.state for service in found.services} <= {"active", "completed"}
    assert list(await ports.orders.failed_set_ups(found.services[0].id)) == []


async def test_a_cancelled_order_is_still_found_and_never_accepted(ports, ground):
    number = await ground.add()
    assert await ports.orders.cancel(number, send_by=EVER)
    assert not await ports.orders.cancel(number, send_by=EVER)
    assert not await ports.orders.accept(number, send_by=EVER)
    assert [found.state for found in await ports.orders.search(ground.client, ground.order)] == ["cancelled"]


async def test_an_order_nobody_made_is_neither_accepted_nor_cancelled(ports):
    assert not await ports.orders.accept(NOBODY, send_by=EVER)
    assert not await ports.orders.cancel(NOBODY, send_by=EVER)


async def test_a_lines_numbers_are_kept_with_its_service(ports, ground):
    number = await ground.add()
    service = (await ports.orders.read(ground.client, number)).services[0]
    notes = ServiceNotes(service.id, service.product_id, "note", "070-1234-5678", "8981100000000000001")
    await ports.orders.annotate(notes)
    kept = (await ports.orders.read(ground.client, number)).services[0]
    numbers = (kept.phone_number, kept.iccid, kept.order_id)
    assert numbers == ("070-1234-5678", "8981100000000000001", ground.order)


async def test_a_marker_is_written_to_a_service_that_was_made_by_hand(ports, ground):
    number = await ground.add()
    service = (await ports.orders.read(ground.client, number)).services[0]
    await ports.orders.mark(service.id, service.product_id, marker(ground.other, 1))
    assert [found.id for found in await ports.orders.search(ground.client, ground.other)] == [number]


async def test_an_open_invoice_is_cancelled_and_that_is_harmless_to_repeat(ports, ground):
    number = await ground.add()
    invoice_id = (await ports.orders.read(ground.client, number)).invoice_id
    for _ in range(2):
        await ports.orders.cancel_invoice(invoice_id, send_by=EVER)
    assert (await ports.orders.invoice(ground.client, invoice_id)).state == "cancelled"


async def test_the_invoice_of_a_cancelled_order_is_cancelled_too(ports, ground):
    number = await ground.add()
    await ports.orders.cancel(number, send_by=EVER)
    invoice_id = (await ports.orders.read(ground.client, number)).invoice_id
    assert (await ports.orders.invoice(ground.client, invoice_id)).state == "cancelled"


async def test_all_clients_are_listed_by_number_and_read_for_comparison(ports, ground):
    numbers = await ports.billed.ids()
    assert list(numbers) == sorted(numbers)
    assert {ground.client, ground.other_client} <= set(numbers)
    client = await ports.billed.read(ground.client)
    assert (client.whmcs_client_id, len(client.address_fingerprint)) == (ground.client, 64)
    assert await ports.billed.read(NOBODY) is None


async def test_products_have_marker_price_and_no_set_up_fee(ports, ground):
    (plan, price), (fee, once), _ = ground.products
    found = await ports.products.read([plan, fee, 77_777])
    assert set(found) == {plan, fee}
    assert (found[plan].has_marker, found[plan].first_payment("monthly")) == (True, price)
    assert (found[fee].has_marker, found[fee].first_payment("one_time")) == (True, once)


async def test_a_client_is_made_once_per_e_mail_and_known_as_ours(ports, ground):
    assert await ports.clients.find(ground.email) is None
    number = await ports.clients.create(ground.form(), send_by=EVER)
    client = await ports.clients.find(ground.email)
    assert (client.id, client.customer_number, client.closed) == (number, ground.customer_number, False)
    assert client.made_for(ground.customer_number, ground.email)
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await ports.clients.create(ground.form("TEST-OTHER"), send_by=EVER)


async def test_a_customer_number_is_written_over(ports, ground):
    number = await ports.clients.create(ground.form(), send_by=EVER)
    await ports.clients.set_customer_number(number, "TEST-OTHER")
    assert (await ports.clients.find(ground.email)).customer_number == "TEST-OTHER"


async def test_the_address_of_nobody_is_not_found(ports, ground):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await ports.clients.change_address(NOBODY, ground.form().address)


async def test_the_profile_and_the_subscriptions_of_nobody_are_not_found(ports, ground):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await ports.own_clients.change_profile(NOBODY, company="x", phone=None)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await ports.reads.subscription(ground.client, 999_999)
