"""What customers do in billing themselves: links, company and phone number; and what is told and cleared after it."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from portal_billing import consumers
from portal_billing.accept_order import Accept
from portal_billing.change_client import ChangeClient
from portal_billing.client import Client
from portal_billing.invoice import OwnedInvoice
from portal_billing.release_order import Release
from portal_billing.reserve_order import Reserve
from portal_chassis.actor import Actor
from portal_chassis.clocks import SystemMachineClock
from portal_chassis.testing.fake_bus import FakeBus
from portal_contracts import billing, billing_profile
from portal_contracts.account_notes import BillingNoted
from portal_contracts.billing_profile import ProfileChanged
from portal_contracts.problems import Refused, TryLater
from portal_contracts.values import Address, PersonName, long_salesforce_id

CLIENT, STRANGER = 5011, 5012
ADDRESS = Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3")


def actor(client=CLIENT):
    return Actor("u", client, "001000000000001AAA", ("owner",), "s", datetime(2026, 4, 1, tzinfo=UTC), "ja")


@pytest.fixture
def bus(world):
    bus = FakeBus()
    consumers.register(bus, world.use)
    for number in (CLIENT, STRANGER):
        world.clients.have(Client(number, "hanako@example.jp", "SNX-10001"))
        name = PersonName(family_name="山田", given_name="花子")
        world.reads.profiles[number] = billing.ClientProfile(name=name, email="hanako@example.jp", address=ADDRESS)
    return bus


def link(destination="home", **more):
    return billing.MintSsoLink(request_id="request-1", destination=destination, **more)


async def test_every_link_is_written_down_before_it_is_made(bus, world):  # D03
    await bus.call(link("payment_methods"), actor=actor())
    world.sign_on.blocked.add(CLIENT)
    with pytest.raises(Refused, match="SSO_REFUSED"):
        await bus.call(link("invoices"), actor=actor())
    assert world.sign_ons.admitted == [(CLIENT, "u", "payment_methods", None), (CLIENT, "u", "invoices", None)]


async def test_too_many_links_are_refused_with_a_time_to_come_back(bus, world):  # D03
    world.sign_ons.full = True
    with pytest.raises(TryLater, match="RATE_LIMITED") as told:
        await bus.call(link(), actor=actor())
    assert told.value.retry_after == 60
    assert world.sign_on.minted == []


async def test_a_foreign_id_is_not_even_written_down(bus, world, owned_invoice):
    world.reads.all_invoices[7] = owned_invoice(STRANGER)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await bus.call(link("invoice", invoice_id=7), actor=actor())
    assert world.sign_ons.admitted == []


async def test_a_link_that_whmcs_does_not_make_in_time_is_asked_for_again_later(new_world):
    world = new_world()
    world.whmcs_settings = world.whmcs_settings.model_copy(update={"patience_seconds": 0.02})
    world.engine, world.use = world.worker()
    bus = FakeBus()
    consumers.register(bus, world.use)
    world.sign_on.seconds = 5
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await bus.call(link(), actor=actor())


async def test_company_and_phone_are_written_once_and_the_rest_stays(bus, world):  # R007
    command = billing_profile.ChangeOwnProfile(request_id="request-1", company="例示株式会社")
    for _ in range(2):
        assert (await bus.call(command, actor=actor())).email == "hanako@example.jp"
    assert world.clients.profiles == {CLIENT: ("例示株式会社", None)}
    await bus.call(command.model_copy(update={"request_id": "request-2", "phone": "03-1234-5678"}), actor=actor())
    assert world.clients.profiles == {CLIENT: ("例示株式会社", "03-1234-5678")}
    await bus.call(command, actor=actor(STRANGER))  # another's key is another key
    assert set(world.clients.profiles) == {CLIENT, STRANGER}


async def test_a_change_of_nothing_asks_whmcs_nothing(bus, world):
    await bus.call(billing_profile.ChangeOwnProfile(request_id="request-1"), actor=actor())
    assert world.clients.profiles == {}


async def test_each_change_is_told_once_with_an_id_and_nothing_else(bus, world):
    address = billing.ChangeOwnAddress(request_id="request-1", address=ADDRESS)
    for _ in range(2):
        await bus.call(address, actor=actor())
    await bus.call(billing.ChangeClientAddress(request_id="request-2", whmcs_client_id=STRANGER, address=ADDRESS))
    told = [event for event in world.commands.events if isinstance(event, ProfileChanged)]
    assert told == [ProfileChanged(whmcs_client_id=one) for one in (CLIENT, STRANGER)]


async def test_the_owner_can_read_of_a_changed_address_and_profile_and_not_what_it_is(bus, world):  # R050
    profile = billing_profile.ChangeOwnProfile(request_id="request-2", phone="03-1234-5678")
    for command in (billing.ChangeOwnAddress(request_id="request-1", address=ADDRESS), profile, profile):
        await bus.call(command, actor=actor())
    noted = [event for event in world.commands.events if isinstance(event, BillingNoted)]
    assert [(one.whmcs_client_id, one.what) for one in noted] == [
        (CLIENT, "address_changed"),
        (CLIENT, "profile_changed"),
    ]
    assert set(BillingNoted.model_fields) == {"whmcs_client_id", "what", "at"}


def follow(client=CLIENT, request_id="request-9", former=("hanako@example.jp",), email="new@example.jp"):
    return billing_profile.ChangeClientEmail(
        request_id=request_id, whmcs_client_id=client, former_emails=former, email=email
    )


async def test_an_e_mail_address_follows_once_where_a_former_one_stands(bus, world):
    for _ in range(2):
        await bus.call(follow(former=("other@example.jp", "HANAKO@example.jp")))
    assert world.clients.clients[CLIENT].email == "new@example.jp"
    assert world.commands.events == [ProfileChanged(whmcs_client_id=CLIENT)]


async def test_an_address_staff_have_put_into_whmcs_stays(bus, world):
    await bus.call(follow(former=("other@example.jp",)))
    assert world.clients.clients[CLIENT].email == "hanako@example.jp"


async def test_an_address_another_client_has_is_refused_and_the_key_stays_free(bus, world):
    world.clients.have(Client(STRANGER, "new@example.jp", "SNX-10002"))
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await bus.call(follow())
    world.clients.have(Client(STRANGER, "third@example.jp", "SNX-10002"))
    await bus.call(follow())
    assert world.clients.clients[CLIENT].email == "new@example.jp"


class Copies:
    def __init__(self):
        self.cleared = []

    async def clear(self, client_id):
        self.cleared.append(client_id)


@pytest.mark.parametrize("problem", [None, TryLater("WHMCS_UNAVAILABLE"), Refused("BAD_REQUEST")])
async def test_what_is_kept_is_cleared_whatever_became_of_the_write(world, problem):  # R249, R252
    copies = Copies()
    change = ChangeClient(world.turns, world.commands, copies, SystemMachineClock())

    async def write():
        if problem is not None:
            raise problem

    command = billing.ChangeClientAddress(request_id="request-1", whmcs_client_id=CLIENT, address=ADDRESS)
    with suppress(TryLater, Refused):
        await change(command, CLIENT, write)
    assert copies.cleared == [CLIENT]
    assert (world.commands.events == []) == (problem is not None)


async def test_an_orders_steps_that_are_done_clear_what_is_kept_of_its_client(world):  # R173, R243
    copies = Copies()
    work = replace(world.use.reserve.work, copies=copies)
    use = replace(world.use, reserve=Reserve(work), accept=Accept(work), release=Release(work))
    for ask in (world.reserve, world.accept):
        await world.until_done(lambda ask=ask: ask(use=use))
        assert set(copies.cleared) == {CLIENT}
        copies.cleared.clear()
    other = long_salesforce_id("801000000000002")
    await world.until_done(lambda: world.reserve(other, use=use))
    copies.cleared.clear()
    await world.until_done(lambda: world.release(other, use=use))
    assert set(copies.cleared) == {CLIENT}


def owned(number, **more):
    amounts = {"subtotal": 0, "tax": 0, "credit": 0, "balance": 0, "lines": [], "payments": []}
    facts = {"state": "unpaid", "issued_on": date(2026, 3, number), "due_on": None, "paid_at": None, "total": number}
    return OwnedInvoice(
        CLIENT, False, billing.InvoiceDetail(id=number, number=str(number), **{**facts, **amounts, **more})
    )


@pytest.fixture
def invoices(world):
    states = {1: "paid", 2: "unpaid", 4: "overdue", 8: "collections", 16: "cancelled", 31: "overdue"}
    world.reads.all_invoices = {number: owned(number, state=state) for number, state in states.items()}
    world.reads.all_invoices[3] = owned(3, issued_on=None, state="paid")


@pytest.mark.usefixtures("invoices")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [31, 16, 8, 4, 2, 1, 3]),
        ({"only_open": True}, [31, 8, 4, 2]),
        ({"state": "overdue"}, [31, 4]),
        ({"state": "paid", "only_open": True}, []),
        ({"issued_from": date(2026, 3, 4)}, [31, 16, 8, 4]),
        ({"issued_until": date(2026, 3, 4)}, [4, 2, 1]),
        ({"issued_from": date(2026, 3, 2), "issued_until": date(2026, 3, 8), "state": "overdue"}, [4]),
        ({"issued_from": date(2027, 1, 1)}, []),
        ({"only_open": True, "offset": 1, "limit": 2}, [8, 4]),
    ],
)
async def test_invoices_are_filtered_and_what_is_owed_is_told_over_all_of_them(bus, asked, found):  # R203
    answer = await bus.call(billing.ListInvoices(**asked), actor=actor())
    assert [invoice.id for invoice in answer.invoices] == found
    totals = answer.totals
    assert (totals.open, totals.open_amount, totals.overdue, totals.overdue_amount) == (4, 45, 2, 35)
