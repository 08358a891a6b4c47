"""The gauge of orders that wait for somebody, counted in Postgres."""

import pytest

from portal_billing.order_process import WHMCS_ORDER
from portal_billing.order_progress import OrderProgress, Told
from portal_billing.waiting_orders import WaitingOrders
from portal_chassis.migrating import migrate
from portal_chassis.postgres import Database
from portal_chassis.process import NeedsHuman, ProcessDefinition, ProcessEngine, Step, Wait
from portal_chassis.process_store import PostgresProcessStore
from portal_chassis.testing import ManualClock


@pytest.fixture
async def database(database_url):
    opened = Database(database_url, name="billing-tests")
    await migrate(opened, "portal_chassis", "portal_billing")
    await opened.connect()
    yield opened
    await opened.close()


async def test_orders_are_counted_by_the_code_they_wait_with(database):
    async def stand(run):
        if run.key.startswith("unclear"):
            return NeedsHuman("WHMCS_ORDER_UNCLEAR")
        if run.key.startswith("told"):
            run.state.problem = Told(code="PRICE_MISMATCH", facts={}, ask=1)
        return Wait(until=run.clock.now().replace(year=2030))

    clock = ManualClock()
    processes = ProcessEngine(PostgresProcessStore(database), clock)
    processes.register(ProcessDefinition(WHMCS_ORDER, OrderProgress, (Step("stand", stand),)))
    async with database.transaction() as transaction:
        for key in ("unclear 1", "unclear 2", "told", "reserved"):
            await processes.start(transaction, WHMCS_ORDER, key, OrderProgress())
    await processes.run_until_idle()
    counted = await WaitingOrders(database).count()
    assert sorted(counted) == [("PRICE_MISMATCH", 1), ("WHMCS_ORDER_UNCLEAR", 2)]
