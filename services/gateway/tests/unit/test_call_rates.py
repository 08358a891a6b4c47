"""What needs no session is counted by network, so that nobody fills memory or database for free (D18)."""

from dataclasses import replace

import pytest

from portal_chassis.clocks import SystemMachineClock
from portal_contracts.orders_of_customers import KeepCart
from portal_contracts.problems import CATALOGUE, TryLater
from portal_gateway.call_rates import CallRate
from portal_gateway.open_api import problems_of
from portal_gateway.routes import OPERATIONS

GROUPS = {
    "GET /catalog": "catalog",
    "GET /catalog/{sku}": "catalog",
    "GET /auth/signup/form": "catalog",
    "PUT /carts/{cartId}": "carts",
    "POST /auth/signup": "account",
    "POST /auth/signup/confirm": "account",
    "POST /auth/link": "account",
    "POST /auth/link/confirm": "account",
    "POST /auth/login": "account",
    "POST /auth/password/request-reset": "account",
    "POST /auth/password/reset": "account",
    "POST /auth/email/confirm": "account",
    "POST /auth/passkey/begin": "account",
    "POST /auth/passkey": "account",
    "POST /operator/session": "account",
    "POST /operator/enrolment/begin": "account",
    "POST /operator/enrolment/finish": "account",
    "POST /orders/{orderId}/provision": "machines",
    "POST /hooks/whmcs": "machines",
    "POST /hooks/sendgrid": "machines",
}
LOWEST = {
    "catalog_reads_a_minute_per_address": 1,
    "carts_a_minute_per_address": 1,
    "account_calls_a_minute_per_address": 1,
    "machine_calls_a_minute_per_address": 1,
}
PUBLIC = [operation for operation in OPERATIONS if not operation.needs_session]
CART = {"lines": [{"reference": "vpn", "sku": "VPN-US"}]}
CART_PATH = "/carts/0191d6f3-2f4a-4a1b-9c38-000000000001"


class StillClock(SystemMachineClock):
    """A clock that only the test moves."""

    def __init__(self):
        self.seconds = 1_000_000.0

    def monotonic(self):
        return self.seconds


@pytest.fixture
def clock():
    return StillClock()


def admitted(rate, address, calls):
    """How many of so many calls at once got in."""
    return sum(wait_of(rate, address) == 0 for _ in range(calls))


def wait_of(rate, address):
    try:
        rate.admit(address)
    except TryLater as problem:
        return problem.retry_after
    return 0


# the bucket


@pytest.mark.parametrize("a_minute", [1, 7, 60, 3000])
def test_a_minutes_calls_may_come_at_once_and_no_more(clock, a_minute):
    assert admitted(CallRate(clock, a_minute), "192.0.2.7", a_minute + 5) == a_minute


def test_the_bucket_refills_steadily_and_never_beyond_full(clock):
    rate = CallRate(clock, 60)
    assert admitted(rate, "192.0.2.7", 61) == 60
    clock.seconds += 10
    assert admitted(rate, "192.0.2.7", 20) == 10
    clock.seconds += 86_400
    assert admitted(rate, "192.0.2.7", 100) == 60


def test_a_call_that_is_refused_costs_nothing(clock):
    rate = CallRate(clock, 60)
    admitted(rate, "192.0.2.7", 1000)
    clock.seconds += 1
    assert wait_of(rate, "192.0.2.7") == 0


@pytest.mark.parametrize("a_minute", [1, 7, 60, 3000])
def test_who_waits_as_long_as_told_gets_in(clock, a_minute):
    rate = CallRate(clock, a_minute)
    admitted(rate, "192.0.2.7", a_minute)
    for _ in range(5):
        wait = wait_of(rate, "192.0.2.7")
        assert 1 <= wait <= 60 / a_minute + 1
        clock.seconds += wait
        assert wait_of(rate, "192.0.2.7") == 0
        admitted(rate, "192.0.2.7", a_minute)


def test_networks_do_not_disturb_each_other(clock):
    rate = CallRate(clock, 3)
    assert admitted(rate, "192.0.2.7", 10) == 3
    assert admitted(rate, "192.0.2.8", 10) == 3


def test_addresses_of_one_ipv6_household_share_a_bucket(clock):
    rate = CallRate(clock, 3)
    assert sum(admitted(rate, f"2001:db8:0:1:{host:x}::1", 1) for host in range(10)) == 3
    assert admitted(rate, "2001:db8:0:2::1", 1) == 1
    assert rate.networks == 2


def test_many_networks_stay_bounded_and_the_longest_unseen_is_forgotten(clock):
    rate = CallRate(clock, 1, at_most=100)
    rate.admit("192.0.2.7")
    for number in range(1000):
        rate.admit(f"198.51.{number // 250}.{number % 250}")
        assert wait_of(rate, "192.0.2.7") > 0  # seen again, so it stays
    assert rate.networks == 100
    assert wait_of(rate, "198.51.3.249") > 0
    assert wait_of(rate, "198.51.0.0") == 0


def test_who_is_refused_is_told_how_long_to_wait(clock):
    rate = CallRate(clock, 2)
    admitted(rate, "192.0.2.7", 2)
    clock.seconds += 12.5
    with pytest.raises(TryLater) as refused:
        rate.admit("192.0.2.7")
    assert refused.value.code == "RATE_LIMITED"
    assert (refused.value.retry_after, refused.value.facts) == (18, {"seconds": 18})


# the operations


def test_every_public_operation_has_its_group_and_no_other_has_one():
    assert {one.name: one.call_group for one in OPERATIONS if one.call_group is not None} == GROUPS
    assert {one.name for one in PUBLIC} == GROUPS.keys()


def test_a_public_operation_without_a_group_cannot_be_made():
    for operation in PUBLIC:
        with pytest.raises(ValueError, match="call_group"):
            replace(operation, call_group=None)
    with pytest.raises(ValueError, match="call_group"):
        replace(next(one for one in OPERATIONS if one.needs_session), call_group="carts")


@pytest.mark.parametrize("operation", PUBLIC, ids=lambda one: one.name)
async def test_a_public_operation_is_told_to_wait_before_anything_is_asked(new_portal, operation):
    portal = new_portal(**LOWEST)
    path = operation.path.format(sku="VPN-US", cartId="x", orderId="801000000000001AAA")
    async with portal.visitor() as client:
        first = await client.request(operation.method, path)
        asked = len(portal.asked(operation.message))
        second = await client.request(operation.method, path)
    assert first.status_code != 429
    assert (second.status_code, second.json()["code"]) == (429, "RATE_LIMITED")
    assert 1 <= int(second.headers["Retry-After"]) <= 60
    assert second.headers["Retry-After"] in second.json()["detail"]
    assert len(portal.asked(operation.message)) == asked


async def test_carts_are_kept_again_after_the_wait(new_portal):
    portal = new_portal(carts_a_minute_per_address=2)
    async with portal.visitor() as client:
        answers = [await client.put(CART_PATH, json=CART) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert (await client.get("/catalog")).status_code == 200  # another group
        portal.clock.moved += int(answers[-1].headers["Retry-After"])
        assert (await client.put(CART_PATH, json=CART)).status_code == 200
    assert len(portal.asked(KeepCart)) == 3


async def test_a_trusted_proxy_does_not_make_its_customers_one(new_portal):
    portal = new_portal(trusted_proxies="192.0.2.0/24", **LOWEST)
    async with portal.visitor() as client:
        for address in ("203.0.113.1", "203.0.113.2", "2001:db8::1", "2001:db8:0:1::1"):
            answer = await client.get("/catalog", headers={"X-Forwarded-For": address})
            assert answer.status_code == 200
        again = await client.get("/catalog", headers={"X-Forwarded-For": "2001:db8::2"})
    assert again.status_code == 429


async def test_a_stranger_cannot_claim_another_network(new_portal):
    portal = new_portal(**LOWEST)
    async with portal.visitor() as client:
        answers = [await client.get("/catalog", headers={"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]


async def test_who_is_signed_in_is_not_counted_with_strangers(new_portal):
    portal = new_portal(**LOWEST)
    async with portal.browser() as client:
        answers = [await client.get("/me") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}


def test_the_document_says_that_public_operations_may_answer_429():
    limited = CATALOGUE["RATE_LIMITED"]
    assert limited.status == 429
    assert all(limited in problems_of(operation) for operation in PUBLIC)
