"""The rehearsal of docs/runbook/backup.md (R296): back up, go on, lose everything since, restore, reconcile."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from portal_local.backup import back_up, restore
from portal_local.demo.customer import eventually
from portal_local.state import StateFolder
from portal_testing.bulk_orders import BulkOrders
from portal_testing.stack import PortalStack

ORDERS_EACH = 3
PATIENCE = 120

pytestmark = [pytest.mark.kill, pytest.mark.timeout(300)]


@pytest.fixture
async def account(shoppers) -> tuple[BulkOrders, BulkOrders, str]:
    """Orders approved before the backup, orders approved after it, and whose they are."""
    person = await shoppers.somebody()
    account_id = (await person.customer.get("/me"))["accountId"]
    return BulkOrders(person.salesforce), BulkOrders(person.salesforce), account_id


async def accepted(stack: PortalStack, orders: BulkOrders) -> Counter[str]:
    entries = await stack.sandbox.ledger(kind="whmcs.order.accepted", limit=100_000)
    return Counter(key for entry in entries if (key := str(entry["key"])[:18]) in orders.order_ids)


async def test_orders_in_flight_before_and_after_the_backup_are_each_accepted_once(
    account, portal_stack: PortalStack, tmp_path: Path
) -> None:
    before, after, account_id = account
    await before.create([account_id], ORDERS_EACH, every_other_esim=True)
    await before.approve()
    programs = [name for name in portal_stack.names if name not in {"sandbox", "NATS", "Postgres", "Redis"}]
    services = [name for name in programs if portal_stack.has_database(name)]
    await asyncio.to_thread(back_up, portal_stack.postgres, services, tmp_path / "backup")  # the portal runs on

    await after.create([account_id], ORDERS_EACH, every_other_esim=True)
    await after.approve()

    async def under_way() -> bool:
        return sum((await accepted(portal_stack, after)).values()) > 0

    await eventually(under_way, "an acceptance the backup does not know", patience=PATIENCE)
    for name in (*programs, "NATS"):
        await portal_stack.kill(name)
    state = StateFolder(portal_stack.state_folder)
    passwords = {name: state.secret(f"database-{name}") for name in services}
    await asyncio.to_thread(restore, portal_stack.postgres, passwords, tmp_path / "backup")
    portal_stack.nats.erase()
    await portal_stack.start("NATS")
    await portal_stack._stack.heal()  # all programs at once, as a deployment starts them

    async def drained() -> bool:
        return await before.active() + await after.active() == 2 * ORDERS_EACH

    await eventually(drained, "all orders to be active", patience=PATIENCE)
    for orders in (before, after):
        assert await accepted(portal_stack, orders) == dict.fromkeys(orders.order_ids, 1)
    activated = await portal_stack.sandbox.ledger(kind="freebit.esim.activated", limit=100_000)
    lines = Counter(str(entry["key"]) for entry in activated)
    eids = [*before.eids.values(), *after.eids.values()]
    assert eids
    assert {eid: lines[eid] for eid in eids} == dict.fromkeys(eids, 1)
