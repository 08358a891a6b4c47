"""Store, clock, ledger, switches: what every stand-in's faithfulness rests on."""

import asyncio
from datetime import UTC, datetime

import pytest

from portal_sandbox.core import Clock, Ledger, Store, Switches, load_dataset


@pytest.fixture
def store():
    opened = Store(":memory:")
    yield opened
    opened.close()


def test_a_rolled_back_effect_leaves_no_ledger_entry(store):
    ledger = Ledger(store, Clock(store))

    def fail():
        with store.transaction() as db:
            ledger.record(db, vendor="whmcs", kind="whmcs.order.created", key="sf:1")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert ledger.entries() == []


def test_the_ledger_filters_and_continues_behind_an_id(store):
    ledger = Ledger(store, Clock(store))
    with store.transaction() as db:
        ledger.record(db, vendor="whmcs", kind="whmcs.order.created", key="a", detail={"total": 3300})
        ledger.record(db, vendor="freebit", kind="freebit.esim.activated", key="b")
        ledger.record(db, vendor="whmcs", kind="whmcs.order.accepted", key="a")
    assert [entry.kind for entry in ledger.entries(vendor="whmcs")] == ["whmcs.order.created", "whmcs.order.accepted"]
    assert ledger.entries(kind="whmcs.order.created")[0].detail == {"total": 3300}
    assert [entry.id for entry in ledger.entries(key="a", after=1)] == [3]


def test_the_ledger_cannot_be_rewritten(store):
    ledger = Ledger(store, Clock(store))
    with store.transaction() as db:
        ledger.record(db, vendor="x", kind="y", key="z")
    with pytest.raises(Exception, match="append-only"), store.transaction() as db:
        db.execute("UPDATE core_ledger SET key = 'other'")


def test_an_inner_transaction_joins_the_outer_one(store):
    store.migrate("t", "CREATE TABLE IF NOT EXISTS thing (id INTEGER);")

    def fail_outside():
        with store.transaction():
            with store.transaction() as db:
                db.execute("INSERT INTO thing VALUES (1)")
            raise LookupError

    with pytest.raises(LookupError):
        fail_outside()
    with store.transaction() as db:
        assert db.execute("SELECT count(*) FROM thing").fetchone()[0] == 0


async def test_a_transaction_left_open_across_an_await_is_noticed(store):
    inside, done = asyncio.Event(), asyncio.Event()

    async def careless():
        with store.transaction():
            inside.set()
            await done.wait()

    task = asyncio.create_task(careless())
    await inside.wait()
    with pytest.raises(RuntimeError, match="across an await"), store.transaction():
        pass
    done.set()
    await task


def test_reset_empties_reseeds_and_counts_from_one_again(store):
    store.migrate("t", "CREATE TABLE IF NOT EXISTS thing (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);")

    def seed():
        with store.transaction() as db:
            db.execute("INSERT INTO thing (name) VALUES ('seeded')")

    store.on_reset(seed)
    store.seed_if_new()
    with store.transaction() as db:
        db.execute("INSERT INTO thing (name) VALUES ('later')")
    store.reset()
    with store.transaction() as db:
        assert [tuple(row) for row in db.execute("SELECT id, name FROM thing")] == [(1, "seeded")]


def test_a_restarted_sandbox_keeps_its_state(tmp_path):
    path = tmp_path / "sandbox.sqlite3"
    first = Store(path)
    clock = Clock(first)
    first.seed_if_new()
    clock.advance(3600)
    first.close()
    second = Store(path)
    again = Clock(second)
    second.seed_if_new()
    assert again.offset_seconds() == 3600
    second.close()


def test_changed_tables_are_made_anew_and_seeded_again(tmp_path):
    path = tmp_path / "sandbox.sqlite3"
    first = Store(path)
    first.migrate("t", "CREATE TABLE IF NOT EXISTS thing (id INTEGER);")
    first.seed_if_new()
    first.close()
    second = Store(path)
    second.migrate("t", "CREATE TABLE IF NOT EXISTS thing (id INTEGER, name TEXT);")
    seeded = []
    second.on_reset(lambda: seeded.append(1))
    second.seed_if_new()
    assert seeded == [1]
    second.close()


def test_the_clock_moves_forward_only_and_a_reset_takes_it_back(store):
    real = datetime(2026, 1, 1, tzinfo=UTC)
    clock = Clock(store, lambda: real)
    moves = []
    clock.on_move(lambda: moves.append(clock.version()))
    clock.advance(60)
    assert (clock.now() - real).total_seconds() == 60
    for backwards in (0, -1):
        with pytest.raises(ValueError, match="forward"):
            clock.advance(backwards)
    store.reset()
    assert clock.now() == real
    assert moves == [1, 2]


async def test_a_waiter_wakes_when_the_clock_moves(store):
    clock = Clock(store)
    waiting = asyncio.create_task(clock.wait_for_move(clock.version(), 30))
    await asyncio.sleep(0)
    clock.advance(5)
    assert await waiting == clock.version()
    assert await clock.wait_for_move(clock.version(), 0) == clock.version()
    assert await clock.wait_for_move(clock.version() - 1, 30) == clock.version()


def test_switches_are_checked_all_or_none_and_reset_to_their_start_values(store):
    switches = Switches(store, {"whmcs": {"emptyLists": "string"}})
    switches.declare("whmcs", "emptyLists", "list", "how empty lists look", ("list", "string"))
    switches.declare("whmcs", "keepNotes", False, "keep AddOrder notes")
    assert switches.get("whmcs", "emptyLists") == "string"
    with pytest.raises(ValueError, match=r"no switch whmcs\.other"):
        switches.update({"whmcs": {"emptyLists": "list", "other": 1}})
    with pytest.raises(ValueError, match="takes one of"):
        switches.update({"whmcs": {"emptyLists": "xml"}})
    assert switches.get("whmcs", "emptyLists") == "string"
    switches.update({"whmcs": {"emptyLists": "list", "keepNotes": True}})
    assert switches.values() == {"whmcs": {"emptyLists": "list", "keepNotes": True}}
    store.reset()
    assert switches.values() == {"whmcs": {"emptyLists": "string", "keepNotes": False}}


def test_the_dataset_holds_thirty_accounts_and_the_documented_defects():
    dataset = load_dataset()
    assert [account.number for account in dataset.accounts] == [f"SNX-{number}" for number in range(10001, 10031)]
    assert len({product.pid for product in dataset.products}) == len(dataset.products) == 19
    ready = [account for account in dataset.accounts if account.group == "ready"]
    assert len(ready) == 10
    assert all(account.whmcs is None and not account.portal_status for account in ready)
    assert not dataset.product("SIM-LEGACY").portal_visible
    assert not dataset.product("VPN-UNPRICED").in_pricebook
    assert not dataset.product("SIM-NOMARKER").marker_field
    assert dataset.account("SNX-10012").whmcs.two_factor
