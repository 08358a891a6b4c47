"""Making a customer's WHMCS client once: D04, D05, R023, T-22."""

import pytest

from portal_billing.client import Client, made_by
from portal_billing.client_process import CLIENT
from portal_billing.testing import Fate
from portal_contracts.billing import EnsureClient
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_contracts.values import Address, PersonName


async def ensured(world, form=None):
    """Ask again and again, as identity does; gives the client's id or the refusal's code."""
    for _ in range(500):
        try:
            return (await (world.ensure() if form is None else world.ensure(form))).whmcs_client_id
        except TryLater:
            world.revive()
            await world.pass_time(30)
        except Refused as problem:
            return problem.code
    raise AssertionError("stuck")


async def test_a_client_is_made_once_and_given_again_afterwards(world):
    first = await world.ensure()
    assert await world.ensure() == first
    assert world.clients.created == ["SNX-10001"]
    assert world.clients.clients[first.whmcs_client_id].customer_number == "SNX-10001"


async def test_the_form_is_forgotten_once_the_client_stands(world):
    await world.ensure()
    view = await world.engine.read(CLIENT, "SNX-10001")
    assert view.state["form"] is None
    assert "hanako" not in str(view)


@pytest.mark.parametrize("fate", ["lost_before", "lost_after", "late", "killed_before", "killed_after", "down"])
@pytest.mark.parametrize("times", [1, 2])
async def test_whatever_is_lost_there_is_one_client(world, fate, times):
    world.fate("AddClient", *[Fate(fate, 200)] * times)
    client = await ensured(world)
    await world.pass_time(600)
    assert client in world.clients.clients
    assert world.clients.created == ["SNX-10001"]


async def test_an_unclear_call_is_looked_up_only_after_the_quiet_period(world):
    world.fate("AddClient", Fate("lost_after"))
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await world.ensure()
    await world.pass_time(124)
    with pytest.raises(TryLater, match="IN_PROGRESS"):
        await world.ensure()
    await world.pass_time(2)
    assert (await world.ensure()).whmcs_client_id == 5001


@pytest.mark.parametrize("call", ["GetClientsDetails", "AddClient"])
@pytest.mark.parametrize("fate", ["killed_before", "killed_after"])
async def test_a_killed_worker_is_survived(world, call, fate):
    world.fate(call, Fate(fate))
    await ensured(world)
    assert world.clients.created == ["SNX-10001"]


@pytest.mark.parametrize("number", ["", "SNX-10001", "SNX-99999"])
async def test_a_client_the_portal_did_not_make_is_not_taken(world, number):
    world.clients.have(Client(77, "hanako@example.jp", number))
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await world.ensure()
    assert world.clients.created == []


async def test_the_form_of_a_refused_sign_up_is_forgotten_too(world):  # requirements §5 item 10
    world.clients.have(Client(77, "hanako@example.jp", ""))
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await world.ensure()
    view = await world.engine.read(CLIENT, "SNX-10001")
    assert view.state["form"] is None
    assert "hanako" not in str(view)


async def test_a_refused_sign_up_may_try_again_with_another_e_mail(world):
    world.clients.have(Client(77, "hanako@example.jp", ""))
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await world.ensure()
    form = world_form("hanako.yamada@example.jp")
    assert (await world.ensure(form)).whmcs_client_id == 78


async def test_a_client_of_ours_is_known_again_even_when_our_database_forgot_it(world):
    world.clients.have(Client(77, "Hanako@Example.jp", "SNX-10001", made_by("SNX-10001")))
    assert (await world.ensure()).whmcs_client_id == 77
    assert world.clients.created == []


async def test_a_closed_client_of_ours_is_not_given_out(world):
    world.clients.have(Client(77, "hanako@example.jp", "SNX-10001", made_by("SNX-10001"), closed=True))
    with pytest.raises(Refused, match="BILLING_ACCOUNT_EXISTS"):
        await world.ensure()


async def test_a_number_whmcs_dropped_is_written_once_more(world):
    world.clients.ignore_fields = True
    client = (await world.ensure()).whmcs_client_id
    assert world.clients.clients[client].customer_number == "SNX-10001"


async def test_a_number_whmcs_never_keeps_is_our_set_up(world):
    world.clients.ignore_fields = world.clients.ignore_fields_of_updates = True
    with pytest.raises(Misconfigured, match="WHMCS_MISCONFIGURED"):
        await world.ensure()


async def test_wrong_credentials_are_told_and_resume(world):
    world.fate("AddClient", Fate("forbidden"))
    with pytest.raises(Misconfigured):
        await world.ensure()
    assert (await world.ensure()).whmcs_client_id == 5001


def world_form(email):
    return EnsureClient(
        customer_number="SNX-10001",
        email=email,
        name=PersonName(family_name="山田", given_name="花子"),
        address=Address(postcode="150-0001", prefecture="東京都", city="渋谷区", street="神宮前1-2-3"),
        locale="ja",
    )
