"""What a customer may see, through the handlers of the bus: own things only, no drafts (R203–R206, R069–R072, D03)."""

from datetime import UTC, date, datetime

import pytest

from portal_billing import consumers
from portal_billing.client import Client
from portal_billing.invoice import OwnedInvoice
from portal_billing.service_consumers import ServiceCases, register_services
from portal_chassis.actor import Actor
from portal_chassis.testing.fake_bus import FakeBus
from portal_contracts import billing
from portal_contracts.personal_data_exports import ExportInvoices
from portal_contracts.problems import Misconfigured, Refused
from portal_contracts.setup_checks import check_setup
from portal_contracts.topology import SERVICES
from portal_contracts.values import Address, PersonName

CLIENT, STRANGER = 5011, 5012
ADDRESS = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3")


def actor(client=CLIENT):
    return Actor("u", client, "001000000000001AAA", ("owner",), "s", datetime(2026, 4, 1, tzinfo=UTC), "ja")


def owned(number, client=CLIENT, state="unpaid", *, draft=False, issued=date(2026, 3, 1)):
    detail = billing.InvoiceDetail(
        id=number,
        number=str(number),
        state=state,
        issued_on=issued,
        due_on=None,
        paid_at=None,
        total=2970,
        subtotal=2970,
        tax=0,
        credit=0,
        balance=2970,
        lines=[],
        payments=[],
    )
    return OwnedInvoice(client, draft, detail)


def subscription(number, product=202):
    return billing.Subscription(
        service_id=number,
        name="SIM",
        group="SIM",
        whmcs_product_id=product,
        state="active",
        billing_cycle="monthly",
        amount=2970,
        started_on=None,
        next_due_on=None,
    )


def method(*, usable):
    return billing.PaymentMethod(id=1, kind="card", description="", expires="01/30", usable=usable)


@pytest.fixture
def bus(world):
    bus = FakeBus()
    consumers.register(bus, world.use)
    for number, one in enumerate(
        [owned(1), owned(2, issued=date(2026, 3, 9)), owned(3, draft=True), owned(4, STRANGER), owned(5, state="paid")]
    ):
        world.reads.all_invoices[number + 1] = one
    world.reads.services = {CLIENT: [subscription(11), subscription(12)], STRANGER: [subscription(13)]}
    return bus


def test_every_message_of_the_topology_has_a_handler(bus, world):
    consumers.register_operators(bus, world.operators)
    consumers.register_logins(bus, world.use)
    register_services(bus, ServiceCases(None, None, None))
    wired_with_the_service = check_setup("billing")
    assert {*bus._handlers, wired_with_the_service} == set(SERVICES["billing"].serves)


async def test_invoices_come_newest_first_without_drafts_and_strangers(bus):
    found = await bus.call(billing.ListInvoices(), actor=actor())
    assert ([one.id for one in found.invoices], found.total) == ([2, 5, 1], 3)
    part = await bus.call(billing.ListInvoices(offset=1, limit=1), actor=actor())
    assert ([one.id for one in part.invoices], part.total) == ([5], 3)
    paid = await bus.call(billing.ListInvoices(state="paid"), actor=actor())
    assert [one.id for one in paid.invoices] == [5]


async def test_the_export_holds_a_clients_invoices_services_and_ways_to_pay(bus, world):  # D17
    world.reads.methods = {CLIENT: [method(usable=True)], STRANGER: []}
    found = await bus.call(ExportInvoices(whmcs_client_id=CLIENT))
    assert {one.id for one in found.invoices} == {1, 2, 5}
    assert [one.service_id for one in found.services] == [12, 11]
    assert found.payment_methods == [method(usable=True)]


@pytest.mark.parametrize("number", [3, 4, 99])
async def test_drafts_foreign_and_missing_invoices_are_not_found_alike(bus, number):
    with pytest.raises(Refused, match="NOT_FOUND"):
        await bus.call(billing.ReadInvoice(invoice_id=number), actor=actor())
    with pytest.raises(Refused, match="NOT_FOUND"):
        await bus.call(sso("invoice", invoice_id=number), actor=actor())


async def test_a_foreign_subscription_is_not_found(bus):
    assert (await bus.call(billing.ReadSubscription(service_id=11), actor=actor())).service_id == 11
    for message in (billing.ReadSubscription(service_id=13), sso("service", service_id=13)):
        with pytest.raises(Refused, match="NOT_FOUND"):
            await bus.call(message, actor=actor())


async def test_a_customer_message_without_a_customer_is_refused(bus):
    for message in (billing.ReadProfile(), billing.ListInvoices(), billing.ListSubscriptions(), sso("home")):
        with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
            await bus.call(message)


def sso(destination, **more):
    return billing.MintSsoLink(request_id="request-1", destination=destination, **more)


async def test_a_link_is_minted_anew_for_each_click_and_does_not_show_in_texts(bus, world):
    first = await bus.call(sso("invoice", invoice_id=1), actor=actor())
    again = await bus.call(sso("invoice", invoice_id=1), actor=actor())
    assert first.url != again.url
    assert "token" not in repr(first)
    assert world.sign_on.minted == [(CLIENT, "invoice", 1)] * 2
    assert first.expires_in == 60


@pytest.mark.parametrize("destination", ["invoice", "service"])
async def test_a_link_that_needs_an_id_says_so(bus, destination):
    with pytest.raises(Refused, match="BAD_REQUEST"):
        await bus.call(sso(destination), actor=actor())


async def test_a_blocked_client_is_told(bus, world):
    world.sign_on.blocked.add(CLIENT)
    with pytest.raises(Refused, match="SSO_REFUSED"):
        await bus.call(sso("home"), actor=actor())


async def test_only_a_usable_method_counts(bus, world):
    asked = billing.ReadPaymentMethodsSummary()
    assert (await bus.call(asked, actor=actor())).has_payment_method is False
    world.reads.methods[CLIENT] = [method(usable=False)]
    found = await bus.call(asked, actor=actor())
    assert (found.has_payment_method, found.count) == (False, 1)
    world.reads.methods[CLIENT] = [method(usable=False), method(usable=True)]
    assert (await bus.call(billing.CheckPaymentMethod(whmcs_client_id=CLIENT))).has_payment_method is True


async def test_products_tell_existence_marker_and_price(bus):
    found = await bus.call(billing.ListBillingProducts(whmcs_product_ids=[202, 299, 7, 202, 301]))
    assert [(one.whmcs_product_id, one.exists, one.marker_mapped, dict(one.prices)) for one in found.products] == [
        (7, False, False, {}),
        (202, True, True, {"monthly": 2970}),
        (299, True, False, {"monthly": 1650}),
        (301, True, True, {}),  # a set-up fee: the first payment and later ones differ
    ]


async def test_a_profile_is_the_callers_own(bus, world):
    name = PersonName(family_name="山田", given_name="花子")
    world.reads.profiles[CLIENT] = billing.ClientProfile(name=name, email="hanako@example.jp", address=ADDRESS)
    assert (await bus.call(billing.ReadProfile(), actor=actor())).name == name
    with pytest.raises(Refused, match="NOT_FOUND"):
        await bus.call(billing.ReadProfile(), actor=actor(STRANGER))
    assert (await bus.call(billing.ReadClientProfile(whmcs_client_id=CLIENT))).address == ADDRESS


async def test_an_address_is_written_once_per_request(bus, world):
    world.clients.have(client(CLIENT))
    command = billing.ChangeClientAddress(request_id="request-1", whmcs_client_id=CLIENT, address=ADDRESS)
    await bus.call(command)
    world.clients.addresses.clear()
    await bus.call(command)
    assert world.clients.addresses == {}
    await bus.call(command.model_copy(update={"request_id": "request-2"}))
    assert world.clients.addresses == {CLIENT: ADDRESS}


async def test_a_customer_changes_the_own_address_once_per_request_and_hears_what_whmcs_has(bus, world):  # R007, R057
    name = PersonName(family_name="山田", given_name="花子")
    for number in (CLIENT, STRANGER):
        world.clients.have(client(number))
        world.reads.profiles[number] = billing.ClientProfile(name=name, email="hanako@example.jp", address=ADDRESS)
    command = billing.ChangeOwnAddress(request_id="request-1", address=ADDRESS)
    assert (await bus.call(command, actor=actor())).address == ADDRESS
    assert world.clients.addresses == {CLIENT: ADDRESS}
    world.clients.addresses.clear()
    await bus.call(command, actor=actor())
    assert world.clients.addresses == {}
    with pytest.raises(Refused, match="IDEMPOTENCY_KEY_REUSED"):
        await bus.call(
            command.model_copy(update={"address": ADDRESS.model_copy(update={"street": "2-2"})}), actor=actor()
        )
    await bus.call(command, actor=actor(STRANGER))  # another's key is another key
    assert world.clients.addresses == {STRANGER: ADDRESS}
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        await bus.call(command)


def client(number):
    return Client(number, "hanako@example.jp", "SNX-10001")
