"""Settings of the order protocol and what it counts."""

import pytest
from prometheus_client import REGISTRY

from portal_billing.settings import BillingSettings
from portal_billing.testing import Fate
from portal_contracts.problems import Refused


def figure(name, **labels):
    return REGISTRY.get_sample_value(f"portal_whmcs_{name}_total", labels) or 0


@pytest.fixture
def counted():
    """Give a function that tells by how much a figure has grown since."""

    def since(name, **labels):
        before = figure(name, **labels)
        return lambda: figure(name, **labels) - before

    return since


def test_the_quiet_period_is_our_patience_and_their_ceiling_and_a_little(monkeypatch):  # rule 5
    assert BillingSettings().quiet.total_seconds() == 30 + 90 + 5
    monkeypatch.setenv("WHMCS_ORDER_SECONDS", "60")
    monkeypatch.setenv("PORTAL_WHMCS_CEILING_SECONDS", "120")
    assert BillingSettings().quiet.total_seconds() == 60 + 120 + 5
    monkeypatch.setenv("PORTAL_WHMCS_QUIET_SECONDS", "3")
    assert BillingSettings().quiet.total_seconds() == 3


async def test_created_accepted_unclear_and_cancelled_orders_are_counted(world, counted):
    names = ("orders_created", "orders_accepted", "extras_cancelled")
    grown = {name: counted(name) for name in names}
    unclear, quiet = (counted(name, call="AddOrder") for name in ("unclear_outcomes", "quiet_periods"))
    world.fate("AddOrder", Fate("late", 400))
    await world.until_done(world.reserve)
    await world.until_done(world.accept)
    await world.pass_time(700)
    assert {name: since() for name, since in grown.items()} == dict.fromkeys(names, 1)
    assert (unclear(), quiet()) == (1, 1)


async def test_wrong_prices_are_counted_by_where_they_were_seen(world, counted):  # R013
    before, after = (counted("price_mismatches", stage=stage) for stage in ("reserve", "accept"))
    world.orders.fee = 1
    with pytest.raises(Refused, match="PRICE_MISMATCH"):
        await world.reserve()
    assert (before(), after()) == (1, 0)
    world.orders.fee = 0
    await world.reserve()
    world.orders.fee = 1
    assert await world.until_done(world.accept) == "PRICE_MISMATCH"
    assert (before(), after()) == (1, 1)


async def test_a_second_active_order_and_a_paid_invoice_of_a_cancelled_one_are_counted(world, counted):
    active, paid = counted("extras_active"), counted("cancelled_orders_paid")
    world.fate("AddOrder", Fate("late", 400))
    await world.until_done(world.reserve)
    await world.until_done(world.accept)
    world.clock.advance(250)
    world.fates.land()
    world.orders.move(200, "active", "active", "accepted")
    await world.pass_time(1200)
    assert (active(), paid()) == (1, 0)
