"""One suite for each port that reaches WHMCS, on the fake and on the adapter: so the fake can be trusted."""

import math

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
from portal_billing.testing import (
    FakeBilledClients,
    FakeClients,
    FakeOrders,
    FakeProducts,
    FakeReads,
    FakeSignOn,
    Fates,
)
from portal_chassis.testing import ManualClock
from portal_contracts.billing import OrderLine
from portal_contracts.problems import Refused
from portal_contracts.values import Address, PersonName, long_salesforce_id
from portal_contracts.whmcs_orders import BilledClient

CLIENT, OTHER_CLIENT = 5011, 5012
ORDER, OTHER = long_salesforce_id("801000000000001"), long_salesforce_id("801000000000002")
EVER = math.inf
LINES = [
    OrderLine(sku="PLAN", whmcs_product_id=202, billing_cycle="monthly", quantity=1, unit_price=2970, service=True),
    OrderLine(sku="FEE", whmcs_product_id=211, billing_cycle="one_time", quantity=1, unit_price=3300, service=False),
    OrderLine(sku="MAIL", whmcs_product_id=221, billing_cycle="monthly", quantity=2, unit_price=330, service=False),
]
UNITS = units_of(LINES)


def draft(order_id=ORDER, client=CLIENT):
    return DraftOrder(order_id, client, UNITS, None)


def form(email="hanako@example.jp", number="SNX-10001"):
    return NewClient(
        customer_number=number,
        email=email,
        name=PersonName(family_name="山田", given_name="花子"),
        company="",
        phone=None,
        address=Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3"),
        locale="ja",
    )


def billed(client):
    return BilledClient(whmcs_client_id=client, address_fingerprint="0" * 64, services=[])


@pytest.fixture(params=["fake", "sandbox"])
def ports(request):
    if request.param == "sandbox":
        return request.getfixturevalue("whmcs")
    fates = Fates(ManualClock())
    products = {
        202: SoldProduct(202, True, {"monthly": 2970}, {"monthly": 0}),
        211: SoldProduct(211, True, {"one_time": 3300}, {"one_time": 0}),
    }
    return main.Whmcs(
        FakeReads(),
        FakeProducts(fates, products),
        FakeSignOn(),
        FakeClients(fates),
        FakeOrders(fates),
        FakeBilledClients(fates, {CLIENT: billed(CLIENT), OTHER_CLIENT: billed(OTHER_CLIENT), 5014: None}),
    )


async def test_what_was_ordered_is_found_complete_and_to_the_yen(ports):
    number = await ports.orders.add(draft(), send_by=EVER)
    (found,) = await ports.orders.search(CLIENT, ORDER)
    assert (found.id, found.state, found.amount) == (number, "pending", 2970 + 3300 + 660)
    assert is_complete(found, UNITS)
    check_markers(ORDER, found, UNITS)
    check_amounts(found, UNITS)
    assert found == await ports.orders.read(CLIENT, number)
    invoice = await ports.orders.invoice(CLIENT, found.invoice_id)
    check_invoice(found, UNITS, invoice)
    assert (invoice.state, invoice.gross, sum(invoice.charged.values())) == ("unpaid", found.amount, found.amount)
    assert await ports.orders.invoice(OTHER_CLIENT, found.invoice_id) is None
    assert await ports.orders.invoice(CLIENT, 987_654) is None


async def test_nothing_is_found_of_an_order_that_was_never_made(ports):
    assert list(await ports.orders.search(CLIENT, ORDER)) == []
    assert await ports.orders.read(CLIENT, 987_654) is None


async def test_orders_of_others_stay_apart(ports):
    number = await ports.orders.add(draft(), send_by=EVER)
    await ports.orders.add(draft(OTHER), send_by=EVER)
    assert [found.id for found in await ports.orders.search(CLIENT, ORDER)] == [number]
    assert list(await ports.orders.search(OTHER_CLIENT, ORDER)) == []
    assert await ports.orders.read(OTHER_CLIENT, number) is None


async def test_a_second_call_makes_a_second_order(ports):
    made = {await ports.orders.add(draft(), send_by=EVER) for _ in range(2)}
    assert {found.id for found in await ports.orders.search(CLIENT, ORDER)} == made
    assert len(made) == 2


async def test_only_a_pending_order_is_accepted_and_once(ports):
    number = await ports.orders.add(draft(), send_by=EVER)
    assert await ports.orders.accept(number, send_by=EVER)
    assert not await ports.orders.accept(number, send_by=EVER)
    assert not await ports.orders.cancel(number, send_by=EVER)
    found = await ports.orders.read(CLIENT, number)
    assert found.state == "active"
    assert {service.state for service in found.services} <= {"active", "completed"}
    assert list(await ports.orders.failed_set_ups(found.services[0].id)) == []


async def test_a_cancelled_order_is_still_found_and_never_accepted(ports):
    number = await ports.orders.add(draft(), send_by=EVER)
    assert await ports.orders.cancel(number, send_by=EVER)
    assert not await ports.orders.cancel(number, send_by=EVER)
    assert not await ports.orders.accept(number, send_by=EVER)
    assert [found.state for found in await ports.orders.search(CLIENT, ORDER)] == ["cancelled"]


async def test_an_order_nobody_made_is_neither_accepted_nor_cancelled(ports):
    assert not await ports.orders.accept(987_654, send_by=EVER)
    assert not await ports.orders.cancel(987_654, send_by=EVER)


async def test_a_lines_numbers_are_kept_with_its_service(ports):
    number = await ports.orders.add(draft(), send_by=EVER)
    service = (await ports.orders.read(CLIENT, number)).services[0]
    await ports.orders.annotate(ServiceNotes(service.id, 202, "note", "070-1234-5678", "8981100000000000001"))
    kept = (await ports.orders.read(CLIENT, number)).services[0]
    assert (kept.phone_number, kept.iccid, kept.order_id) == ("070-1234-5678", "8981100000000000001", ORDER)


async def test_a_marker_is_written_to_a_service_that_was_made_by_hand(ports):
    number = await ports.orders.add(draft(), send_by=EVER)
    service = (await ports.orders.read(CLIENT, number)).services[0]
    await ports.orders.mark(service.id, 202, marker(OTHER, 1))
    assert [found.id for found in await ports.orders.search(CLIENT, OTHER)] == [number]


async def test_an_open_invoice_is_cancelled_and_that_is_harmless_to_repeat(ports):
    number = await ports.orders.add(draft(), send_by=EVER)
    invoice_id = (await ports.orders.read(CLIENT, number)).invoice_id
    for _ in range(2):
        await ports.orders.cancel_invoice(invoice_id, send_by=EVER)
    assert (await ports.orders.invoice(CLIENT, invoice_id)).state == "cancelled"


async def test_the_invoice_of_a_cancelled_order_is_cancelled_too(ports):
    number = await ports.orders.add(draft(), send_by=EVER)
    await ports.orders.cancel(number, send_by=EVER)
    invoice_id = (await ports.orders.read(CLIENT, number)).invoice_id
    assert (await ports.orders.invoice(CLIENT, invoice_id)).state == "cancelled"


async def test_all_clients_are_listed_by_number_and_read_for_comparison(ports):
    numbers = await ports.billed.ids()
    assert list(numbers) == sorted(numbers)
    assert {CLIENT, OTHER_CLIENT} <= set(numbers)
    client = await ports.billed.read(CLIENT)
    assert (client.whmcs_client_id, len(client.address_fingerprint)) == (CLIENT, 64)
    assert await ports.billed.read(987_654) is None


async def test_products_have_marker_price_and_no_set_up_fee(ports):
    found = await ports.products.read([202, 211, 77_777])
    assert found == {
        202: SoldProduct(202, True, {"monthly": 2970}, {"monthly": 0}),
        211: SoldProduct(211, True, {"one_time": 3300}, {"one_time": 0}),
    }


async def test_a_client_is_made_once_per_e_mail_and_known_as_ours(ports):
    assert await ports.clients.find("hanako@example.jp") is None
    number = await ports.clients.create(form(), send_by=EVER)
    client = await ports.clients.find("hanako@example.jp")
    assert (client.id, client.customer_number, client.closed) == (number, "SNX-10001", False)
    assert client.made_for("SNX-10001", "hanako@example.jp")
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await ports.clients.create(form(number="SNX-10002"), send_by=EVER)


async def test_a_customer_number_is_written_over(ports):
    number = await ports.clients.create(form(), send_by=EVER)
    await ports.clients.set_customer_number(number, "SNX-10099")
    assert (await ports.clients.find("hanako@example.jp")).customer_number == "SNX-10099"


async def test_the_address_of_nobody_is_not_found(ports):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await ports.clients.change_address(987_654, form().address)
