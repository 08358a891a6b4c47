"""Reading all clients for the nightly comparison (D14): pages, single clients, and time that runs out."""

import pytest

from portal_billing.testing import Fate
from portal_chassis.deadline import Deadline
from portal_contracts.problems import TryLater
from portal_contracts.whmcs_orders import BilledClient, ListBilledClients


def client(number):
    return BilledClient(whmcs_client_id=number, address_fingerprint="0" * 64, services=[])


@pytest.fixture
def compare(world):
    world.billed.clients = {number: client(number) for number in (5, 3, 9, 12)} | {7: None}

    async def ask(seconds=60, **query):
        page = await world.use.compare_clients(ListBilledClients(**query), Deadline.after(seconds))
        return [found.whmcs_client_id for found in page.clients], page.last_client_id

    return ask


async def test_clients_come_by_ascending_number_and_the_last_page_says_so(compare):
    assert await compare(limit=2) == ([3, 5], 5)
    assert await compare(limit=2, after_client_id=5) == ([9], 9)  # the second of the two was deleted meanwhile
    assert await compare(limit=2, after_client_id=9) == ([12], None)
    assert await compare(limit=2, after_client_id=12) == ([], None)


async def test_only_the_clients_asked_for_are_read(compare, world):
    assert await compare(whmcs_client_ids=[12, 7, 3]) == ([3, 12], None)
    assert "GetUsers" not in world.fates.calls


async def test_without_time_for_a_single_client_the_caller_comes_later(compare):
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await compare(seconds=0.5)


async def test_a_client_that_cannot_be_read_is_not_one_without_services(compare, world):
    world.fate("compare", Fate(), Fate("down"))
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await compare()
