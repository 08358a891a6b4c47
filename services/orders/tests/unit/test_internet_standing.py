"""What orders tells the catalog of an account and Internet lines (R080, R082, C14, C25)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from portal_contracts.billing import Subscription
from portal_contracts.examples import example_of
from portal_contracts.internet_standing import FindInternetStanding
from portal_contracts.problems import TryLater
from portal_contracts.values import comparable_text
from portal_orders.eligibility import KeptEligibility
from portal_orders.order import KeptOrder
from portal_orders.read_internet_standing import ReadInternetStanding
from portal_orders.testing import ACCOUNT, FixedBilling

NOW = datetime(2026, 11, 20, tzinfo=UTC)
QUERY = FindInternetStanding(account_id=ACCOUNT, whmcs_client_id=5001, internet_products=[101])
ELIGIBLE = KeptEligibility(ACCOUNT, "eligible", NOW, NOW, types=("Home 1G",))


def service(**facts):
    plain = {"state": "active", "whmcsProductId": 201, "group": "SIM", "serviceId": 12}
    return Subscription.model_validate(example_of(Subscription) | plain | facts)


class Rows:
    """An account's orders in the read model."""

    def __init__(self, *orders):
        self.orders = orders

    async def of_account(self, account_id):
        return [one for one in self.orders if one.account_id == account_id]


class InternetOrder(KeptOrder):
    category = "internet"


ORDER = InternetOrder("801000000000001AAA", ACCOUNT, "00000001", None, None, "pending_review", "not_started", NOW, NOW)


def reader(services=(), orders=(), known=ELIGIBLE, fails_with=None):
    async def eligibility(_):
        return known

    billing = FixedBilling(subscriptions=list(services), fails_with=fails_with)
    groups = frozenset({comparable_text("インターネット")})
    return ReadInternetStanding(eligibility, billing, Rows(*orders), groups)


async def test_what_staff_found_is_told_in_their_words() -> None:  # C25
    found = await reader()(QUERY)
    assert (found.eligibility, tuple(found.types), found.service_id, found.order_id) == (
        "eligible",
        ("Home 1G",),
        None,
        None,
    )


@pytest.mark.parametrize("state", ["active", "pending", "suspended"])
@pytest.mark.parametrize("known_by", [{"whmcsProductId": 101}, {"group": "ｲﾝﾀｰﾈｯﾄ"}])
async def test_a_line_in_use_is_known_by_its_product_or_its_group(state, known_by) -> None:  # R082, C14
    assert (await reader([service(), service(state=state, **known_by)])(QUERY)).service_id == 12


@pytest.mark.parametrize("state", ["cancelled", "terminated", "fraud"])
async def test_a_line_that_is_over_stands_in_nobodys_way(state) -> None:
    assert (await reader([service(state=state, whmcsProductId=101)])(QUERY)).service_id is None


@pytest.mark.parametrize(
    ("state", "told"), [("draft", True), ("pending_review", True), ("approved", True), ("cancelled", False)]
)
async def test_an_open_order_of_a_line_is_told(state, told) -> None:  # C14
    found = await reader(orders=[replace(ORDER, state=state)])(QUERY)
    assert (found.order_id == ORDER.order_id) is told


async def test_nothing_is_claimed_while_whmcs_is_away() -> None:
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await reader(fails_with=TryLater("WHMCS_UNAVAILABLE"))(QUERY)
