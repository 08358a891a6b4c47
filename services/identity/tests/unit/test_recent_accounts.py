"""Accounts looked up in Salesforce are kept for 30 seconds, and not over a write (R250)."""

import pytest

from portal_chassis.testing.clock import ManualClock
from portal_identity.recent_accounts import MOST, RecentAccounts
from portal_identity.testing import form


class CountingAccounts:
    """Knows every number and counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    async def find(self, customer_number):
        self.asked += 1
        return customer_number, self.asked

    async def open_account(self, customer_number, _form):
        return customer_number

    async def _written(self, *_):
        return None

    register = ensure_contact = erase = change_email = keep_profile = _written


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def recent(clock):
    return RecentAccounts(CountingAccounts(), clock)


@pytest.mark.parametrize(("seconds", "looks"), [(0, 1), (29, 1), (31, 2)])
async def test_an_account_is_looked_up_again_after_thirty_seconds(recent, clock, seconds, looks):
    await recent.find("SNX-10001")
    clock.advance(seconds)
    assert await recent.find("SNX-10001") == ("SNX-10001", looks)


@pytest.mark.parametrize(
    "write",
    [
        lambda recent: recent.open_account("SNX-10001", form()),
        lambda recent: recent.register("001", 42, "New Signup"),
        lambda recent: recent.ensure_contact("001", None),
        lambda recent: recent.erase("001", "hanako@example.jp"),
        lambda recent: recent.change_email("001", [], "hanako@example.jp"),
        lambda recent: recent.keep_profile("001", "hanako@example.jp", None),
    ],
    ids=["open_account", "register", "ensure_contact", "erase", "change_email", "keep_profile"],
)
async def test_a_write_is_seen_at_once(recent, write):
    await recent.find("SNX-10001")
    await write(recent)
    assert await recent.find("SNX-10001") == ("SNX-10001", 2)


async def test_the_oldest_is_forgotten_when_there_are_too_many(recent):
    for number in range(MOST + 1):
        await recent.find(f"SNX-{number}")
    assert (await recent.find(f"SNX-{MOST}"))[1] == MOST + 1
    assert (await recent.find("SNX-0"))[1] == MOST + 2
