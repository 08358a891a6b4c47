from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from portal_catalog.product import JudgedProduct, judge
from portal_catalog.snapshot import Snapshot
from portal_catalog.store import PostgresSnapshots
from portal_catalog.testing import VPN_AT_BILLING, vpn
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database

READ_AT = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)


def snapshot(yen: int = 2500) -> Snapshot:
    judged = judge(vpn(price=Decimal(yen)), VPN_AT_BILLING, verified=True)
    assert isinstance(judged, JudgedProduct)
    return Snapshot.of([judged], READ_AT)


def as_answered(kept: Snapshot) -> list[str]:
    return [product.model_dump_json() for product in kept.find(["VPN-US"], [])]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, name="catalog-tests")
    await migrate(opened, "portal_chassis", "portal_catalog")
    await opened.connect()
    yield opened
    await opened.close()


async def test_an_empty_store_holds_nothing(database: Database) -> None:
    assert await PostgresSnapshots(database).load() is None


async def test_a_snapshot_comes_back_as_the_same_replies(database: Database) -> None:
    store, kept = PostgresSnapshots(database), snapshot()
    async with database.transaction() as transaction:
        await store.save(transaction, kept)
    found = await store.load()
    assert found is not None
    assert (found.version, found.read_at) == (kept.version, READ_AT)
    assert (found.catalog, found.pages) == (kept.catalog, kept.pages)
    assert as_answered(found) == as_answered(kept)


async def test_the_newer_snapshot_takes_the_place_of_the_older(database: Database) -> None:
    store = PostgresSnapshots(database)
    for one in (snapshot(), snapshot(2600)):
        async with database.transaction() as transaction:
            await store.save(transaction, one)
    found = await store.load()
    assert found is not None
    assert found.version == snapshot(2600).version
    assert await database.fetchval("SELECT count(*) FROM catalog_snapshot") == 1


async def test_a_snapshot_whose_transaction_fails_was_never_there(database: Database) -> None:
    store = PostgresSnapshots(database)
    async with database.transaction() as transaction:
        await store.save(transaction, snapshot())

    async def save_and_fail() -> None:
        async with database.transaction() as transaction:
            await store.save(transaction, snapshot(2600))
            raise RuntimeError("the process fails here")

    with pytest.raises(RuntimeError):
        await save_and_fail()
    found = await store.load()
    assert found is not None
    assert found.version == snapshot().version


def test_the_version_tells_of_every_change_but_the_time() -> None:
    assert snapshot().version != snapshot(2600).version
    judged = judge(vpn(), VPN_AT_BILLING, verified=True)
    assert isinstance(judged, JudgedProduct)
    later = Snapshot.of([judged], READ_AT.replace(year=2027))
    assert later.version == snapshot().version
    assert replace(later, read_at=READ_AT).catalog == snapshot().catalog
