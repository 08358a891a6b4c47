"""An org over an in-memory store, driven below HTTP."""

import asyncio
from pathlib import Path

import pytest

from portal_sandbox.core import Clock, Core, Faults, Ledger, Store, Switches, TlsPaths, load_dataset
from portal_sandbox.salesforce.ids import PORTAL_PRICEBOOK_ID, PORTAL_USER_ID, STAFF_USER_ID
from portal_sandbox.salesforce.seed import account_id, entry_id
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.settings import Settings


@pytest.fixture(scope="session")
def dataset():
    return load_dataset()


@pytest.fixture
def core(dataset):
    store = Store(":memory:")
    clock = Clock(store)
    nowhere = Path("unused.pem")
    yield Core(
        settings=Settings(),
        store=store,
        clock=clock,
        ledger=Ledger(store, clock),
        faults=Faults(clock),
        switches=Switches(store),
        dataset=dataset,
        tls=TlsPaths(nowhere, nowhere, nowhere),
    )
    store.close()


@pytest.fixture
def org(core):
    built = org_of(core)
    core.store.seed_if_new()
    return built


@pytest.fixture
def switch(core):
    def move(**values):
        core.switches.update({"salesforce": values})

    return move


class Work:
    """Single writes as one user, each in its own transaction."""

    def __init__(self, org, user_id):
        self.org = org
        self.caller = org.caller(user_id, "com/salesforce/api/rest/62.0;client=Portal")

    def run(self, work):
        return asyncio.run(self.org.execute(self.caller, work))

    def create(self, entity, **fields):
        return self.run(lambda t: t.create(t.schema.objects[entity], fields))["Id"]

    def update(self, entity, record_id, **fields):
        return self.run(lambda t: t.update(t.schema.objects[entity], record_id, fields))

    def delete(self, entity, record_id):
        return self.run(lambda t: t.delete(t.schema.objects[entity], record_id))

    def read(self, entity, record_id):
        with self.org.reading() as transaction:
            return transaction.find(entity, record_id)

    def order(self, number="SNX-10001", **fields):
        values = {"Status": "Draft", "EffectiveDate": "2026-11-21", "Pricebook2Id": PORTAL_PRICEBOOK_ID, **fields}
        return self.create("Order", AccountId=account_id(number), **values)

    def item(self, order, sku="INT-HOME-1G", **fields):
        return self.create(
            "OrderItem", **{"OrderId": order, "PricebookEntryId": entry_id(sku), "Quantity": 1, **fields}
        )


@pytest.fixture
def work_as():
    """Works in another org than the usual one."""
    return Work


@pytest.fixture
def portal(org):
    return Work(org, PORTAL_USER_ID)


@pytest.fixture
def staff(org):
    return Work(org, STAFF_USER_ID)
