"""The micro-cache and conditional requests, for queries that declare how they may be kept."""

import asyncio

import pytest

from portal_contracts import billing, catalog
from portal_contracts.examples import example_of
from portal_contracts.problems import TryLater
from portal_gateway.micro_cache import CachePolicy, MicroCache

CHANGED = catalog.CatalogChanged(version="2")
LIST = "GET /catalog"


def a_catalog(version):
    return catalog.Catalog.model_validate({**example_of(catalog.Catalog), "version": version})


async def test_the_catalog_is_asked_for_once_and_kept(portal, visitor):
    first, second = await visitor.get("/catalog"), await visitor.get("/catalog")
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert first.headers["cache-control"] == "public, no-cache"
    assert len(portal.asked(catalog.ListCatalog)) == 1


async def test_who_has_it_already_gets_no_second_copy(visitor):
    etag = (await visitor.get("/catalog")).headers["etag"]
    for held in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await visitor.get("/catalog", headers={"If-None-Match": held})
        assert (answer.status_code, answer.content) == (304, b""), held
        assert answer.headers["etag"] == etag
        assert "content-type" not in answer.headers
    assert (await visitor.get("/catalog", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_a_change_ends_what_is_kept_at_once(portal, visitor):
    portal.bus.reply(catalog.ListCatalog, a_catalog("1"))
    etag = (await visitor.get("/catalog")).headers["etag"]
    portal.bus.reply(catalog.ListCatalog, a_catalog("2"))
    assert (await visitor.get("/catalog")).json()["version"] == "1"
    await portal.bus.hint(CHANGED)
    answer = await visitor.get("/catalog", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.json()["version"]) == (200, "2")


async def test_without_any_hint_it_ages(portal, visitor):
    await visitor.get("/catalog")
    portal.clock.moved += 29
    await visitor.get("/catalog")
    assert len(portal.asked(catalog.ListCatalog)) == 1
    portal.clock.moved += 2
    await visitor.get("/catalog")
    assert len(portal.asked(catalog.ListCatalog)) == 2


async def test_a_lost_connection_ends_everything_kept(portal, visitor):
    await visitor.get("/catalog")
    await visitor.get("/catalog/VPN-US")
    await portal.bus.reconnect()
    await visitor.get("/catalog")
    await visitor.get("/catalog/VPN-US")
    assert len(portal.asked(catalog.ListCatalog)) == len(portal.asked(catalog.ReadProduct)) == 2


async def test_each_product_is_kept_for_itself(portal, visitor):
    for sku in ("VPN-US", "VPN-UK", "VPN-US"):
        await visitor.get(f"/catalog/{sku}")
    assert [query.sku for query in portal.asked(catalog.ReadProduct)] == ["VPN-US", "VPN-UK"]


async def test_a_crowd_causes_one_ask(portal, visitor):
    gate = asyncio.Event()

    async def slow(_):
        await gate.wait()
        return a_catalog("1")

    portal.bus.reply(catalog.ListCatalog, slow)
    crowd = [asyncio.create_task(visitor.get("/catalog")) for _ in range(20)]
    while not portal.asked(catalog.ListCatalog):
        await asyncio.sleep(0)
    gate.set()
    assert {(await one).status_code for one in crowd} == {200}
    assert len(portal.asked(catalog.ListCatalog)) == 1


async def test_one_who_leaves_does_not_take_the_answer_from_the_others(portal, visitor):
    gate = asyncio.Event()

    async def slow(_):
        await gate.wait()
        return a_catalog("1")

    portal.bus.reply(catalog.ListCatalog, slow)
    leaving = asyncio.create_task(visitor.get("/catalog"))
    while not portal.asked(catalog.ListCatalog):
        await asyncio.sleep(0)
    staying = asyncio.create_task(visitor.get("/catalog"))
    await asyncio.sleep(0)
    leaving.cancel()
    gate.set()
    assert (await staying).status_code == 200


async def test_a_change_during_the_ask_wins(portal, visitor):
    gate = asyncio.Event()

    async def slow(_):
        await gate.wait()
        return a_catalog("1")

    portal.bus.reply(catalog.ListCatalog, slow)
    early = asyncio.create_task(visitor.get("/catalog"))
    while not portal.asked(catalog.ListCatalog):
        await asyncio.sleep(0)
    await portal.bus.hint(CHANGED)
    portal.bus.reply(catalog.ListCatalog, a_catalog("2"))
    late = await visitor.get("/catalog")
    assert late.json()["version"] == "2", "who asks after the change does not join the older ask"
    gate.set()
    assert (await early).json()["version"] == "1"
    assert (await visitor.get("/catalog")).json()["version"] == "2", "and the older answer is not kept"


async def test_a_failure_is_not_kept(portal, visitor):
    portal.bus.reply(catalog.ListCatalog, TryLater("SALESFORCE_UNAVAILABLE"))
    assert (await visitor.get("/catalog")).status_code == 503
    portal.bus.reply(catalog.ListCatalog, a_catalog("1"))
    assert (await visitor.get("/catalog")).status_code == 200


async def test_what_is_kept_for_a_customer_is_kept_for_that_customer_alone(portal):  # R236
    async with portal.browser("hanako") as hanako, portal.browser("taro") as taro:
        for client in (hanako, taro, hanako):
            answer = await client.get("/billing/gateways")
            assert answer.headers["cache-control"] == "private, no-cache"
            assert answer.headers["vary"] == "cookie, authorization"
        assert len(portal.asked(billing.ListPaymentGateways)) == 2
        portal.identity.sessions.clear()
        await portal.bus.reconnect()
        assert (await hanako.get("/billing/gateways")).status_code == 401


async def test_switched_off_it_asks_every_time_and_still_knows_what_is_unchanged(new_portal):
    portal = new_portal(micro_cache=False)
    async with portal.visitor() as client:
        etag = (await client.get("/catalog")).headers["etag"]
        assert (await client.get("/catalog", headers={"If-None-Match": etag})).status_code == 304
    assert len(portal.asked(catalog.ListCatalog)) == 2


async def test_it_holds_no_more_bytes_than_it_may(portal):
    cache = MicroCache(portal.clock, at_most_bytes=100)
    loads = 0

    async def load():
        nonlocal loads
        loads += 1
        return b"x" * 40

    policy = CachePolicy("public", seconds=60)
    for message in (b"1", b"2", b"3", b"3", b"1"):
        await cache.read("GET /x", "", message, policy, load)
    assert loads == 4, "the oldest had to go"
    assert cache._bytes <= 100


@pytest.mark.parametrize("seconds", [0, -1])
async def test_an_age_of_nothing_keeps_nothing(portal, seconds):
    cache = MicroCache(portal.clock)

    async def load():
        return b"{}"

    kept = await cache.read("GET /x", "", b"", CachePolicy("actor", seconds=seconds), load)
    assert kept.body == b"{}"
    assert cache._kept == {}
