"""What a customer finds on sale, whoever they are and whoever is away (R077, R080, R082, C25)."""

import json
from datetime import UTC, datetime

import pytest

from portal_catalog.clear_catalog import ClearEverything
from portal_catalog.consumers import register
from portal_catalog.product import JudgedProduct, judge
from portal_catalog.shelf import Shelf
from portal_catalog.snapshot import Snapshot
from portal_catalog.testing import VPN_AT_BILLING, FixedStandings, InMemorySnapshots, vpn
from portal_chassis.actor import Actor
from portal_chassis.testing import InMemoryOperatorDesk, ManualClock, engine
from portal_chassis.testing.fake_bus import FakeBus
from portal_contracts.catalog_personal import ListPersonalCatalog
from portal_contracts.changefeed import AccountChanged
from portal_contracts.customer_news import EligibilityChanged
from portal_contracts.examples import example_of
from portal_contracts.internet_standing import InternetStanding
from portal_contracts.orders import OrderPlaced
from portal_contracts.problems import Misconfigured, TryLater

ACCOUNT = "001000000000001AAA"
ORDER = "801000000000001AAA"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
CUSTOMER = Actor("user-1", 5001, ACCOUNT, ("customer",), "session-1", NOW, "ja")
ELIGIBLE = InternetStanding(eligibility="eligible", types=["home １g"])


def internet(sku, number, **changes):
    ids = {"product_id": f"01t{number:012d}AAA", "whmcs_product_ids": ("301",)}
    return vpn(sku=sku, category="Internet", **ids, **changes)


PRODUCTS = [
    vpn(),
    internet("INT-HOME-1G", 11, eligibility="Home 1G"),
    internet("INT-APT-1G", 12, eligibility="Apartment 1G"),
    internet("INT-INSTALL", 13, item_class="Activation"),
]


class World:
    """A shelf with two Internet plans, and a customer."""

    def __init__(self, *products) -> None:
        shelf = Shelf(InMemorySnapshots())
        judged = [judge(product, VPN_AT_BILLING, verified=True) for product in products or PRODUCTS]
        shelf.put(Snapshot.of([one for one in judged if isinstance(one, JudgedProduct)], NOW))
        self.shelf = shelf
        self.standings = FixedStandings(ELIGIBLE)
        self.bus = FakeBus()
        processes = engine(clock=ManualClock())
        register(self.bus, shelf, processes, self.standings, ClearEverything(InMemoryOperatorDesk(), shelf, processes))

    async def groups(self):
        found = await self.bus.call(ListPersonalCatalog(), actor=CUSTOMER)
        return {group.category: group for group in found.groups}


def marks(group):
    return {product.sku: product.not_for_you for product in group.products}


async def test_an_eligible_customer_finds_the_plans_staff_found_possible() -> None:  # R077
    group = (await World().groups())["internet"]
    assert marks(group) == {"INT-HOME-1G": None, "INT-INSTALL": None}
    assert group.notice is None


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ({"service_id": 12}, "/subscriptions/12"),
        ({"order_id": ORDER}, f"/orders/{ORDER}"),
        ({"service_id": 12, "order_id": ORDER}, "/subscriptions/12"),
    ],
)
async def test_who_has_a_line_or_ordered_one_is_told_why_and_where_to_manage_it(line, action) -> None:  # R082, C14
    world = World()
    world.standings.standing = ELIGIBLE.model_copy(update=line)
    group = (await world.groups())["internet"]
    every = {"INT-HOME-1G": "INTERNET_ALREADY_ORDERED", "INT-APT-1G": "INTERNET_ALREADY_ORDERED", "INT-INSTALL": None}
    assert marks(group) == every
    assert group.notice is not None
    assert (group.notice.code, group.notice.action) == ("INTERNET_ALREADY_ORDERED", action)
    assert group.notice.text.en
    assert group.notice.text.ja


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("not_requested", "ELIGIBILITY_NOT_CHECKED"),
        ("pending", "ELIGIBILITY_PENDING"),
        ("not_eligible", "NOT_ELIGIBLE"),
    ],
)
async def test_until_staff_found_a_line_its_plans_are_shown_and_not_sold(state, code) -> None:  # C25
    world = World()
    world.standings.standing = InternetStanding(eligibility=state)
    group = (await world.groups())["internet"]
    assert marks(group) == {"INT-HOME-1G": code, "INT-APT-1G": code, "INT-INSTALL": None}
    assert group.notice is not None
    assert (group.notice.code, group.notice.action) == (code, "/eligibility")
    assert "–" not in group.notice.text.en + group.notice.text.ja


async def test_a_result_that_nothing_on_sale_fits_is_said_in_words() -> None:
    world = World()
    world.standings.standing = InternetStanding(eligibility="eligible", types=["Tower 100G"])
    group = (await world.groups())["internet"]
    assert group.notice is not None
    assert group.notice.code == "NOT_ELIGIBLE"
    assert set(marks(group).values()) == {"NOT_ELIGIBLE", None}


async def test_plans_without_a_kind_of_line_need_no_check() -> None:
    world = World(internet("INT-ANY", 11))
    world.standings.standing = InternetStanding(eligibility="not_requested")
    assert marks((await world.groups())["internet"]) == {"INT-ANY": None}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (TryLater("SALESFORCE_UNAVAILABLE"), "SALESFORCE_UNAVAILABLE"),
        (TryLater("WHMCS_UNAVAILABLE"), "WHMCS_UNAVAILABLE"),
        (Misconfigured("INTERNAL_ERROR"), "SERVICE_UNAVAILABLE"),
    ],
)
async def test_while_nobody_knows_internet_waits_and_all_else_is_on_sale(fault, code) -> None:
    world = World()
    world.standings.fails_with = fault
    groups = await world.groups()
    assert groups["internet"].notice is not None
    assert groups["internet"].notice.code == code
    assert set(marks(groups["internet"]).values()) == {code, None}
    assert groups["vpn"].notice is None
    assert marks(groups["vpn"]) == {"VPN-US": None}


async def test_sim_and_vpn_are_the_same_for_everybody() -> None:
    world = World()
    everybody = {group["category"]: group for group in json.loads(world.shelf.current.catalog)["groups"]}
    mine = await world.groups()
    for category in ("sim", "vpn"):
        assert mine[category].model_dump(mode="json") == everybody[category]


@pytest.mark.parametrize("event", [AccountChanged, EligibilityChanged, OrderPlaced])
async def test_what_changes_how_a_customer_stands_ends_the_copy(event) -> None:  # R239
    world = World()
    happened = event.model_validate(example_of(event) | {"accountId": ACCOUNT, "recordId": ACCOUNT})
    await world.bus.hint(happened)
    assert world.standings.forgotten == [ACCOUNT]
