"""The sandbox without ports, in a loop that has its own time: how thousands of schedules run in one process."""

import asyncio
import json
import selectors
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from portal_sandbox.core.fault_middleware import ConnectionDroppedError
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

START = datetime(2026, 11, 21, tzinfo=UTC)
EID = "89049032000000000000000000000357"
ORDER = {"clientid": 5011, "paymentmethod": "stripe", "pid[0]": 202, "billingcycle[0]": "monthly", "noemail": 1}
CREDENTIAL = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}


class _Leaping(selectors.SelectSelector):
    """Never waits: a wait moves the time instead."""

    def __init__(self):
        super().__init__()
        self.time = 0.0

    def select(self, timeout=None):
        if timeout is None:
            pytest.fail("everything waits and nothing will wake it")
        self.time += max(timeout, 0)
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self):
        return self._leaping.time


def run(tmp_path, scenario):
    loop = _VirtualLoop()

    async def whole():
        settings = Settings(
            data_dir=tmp_path / "data", in_memory=True, switches={"freebit": {"completionSeconds": 600}}
        )
        sandbox = build_sandbox(settings, real_now=lambda: START + timedelta(seconds=loop.time()))
        try:
            await scenario(sandbox, loop)
        finally:
            await sandbox.close()

    try:
        loop.run_until_complete(whole())
    finally:
        loop.close()


def client(sandbox, name):
    return httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app(name)), base_url="http://sandbox.test")


def test_a_request_that_takes_ten_minutes_ends_in_virtual_time(tmp_path):
    async def scenario(sandbox, loop):
        async with client(sandbox, "freebit") as http:

            async def call(path, **fields):
                return (await http.post(f"/emptool/api/{path}/", data={"json": json.dumps(fields)})).json()

            key = (await call("authOem", oemId="SANDBOX", oemKey="sandbox-oem-key"))["authKey"]
            new = {"addKind": "N", "eid": EID, "simKind": "E0", "planCode": "PASI_20G"}
            assert (await call("mvno/esim/addAcnt", authKey=key, **new))["resultCode"] == "100"
            await asyncio.sleep(599)
            assert sandbox.core.ledger.entries(kind="freebit.esim.activated") == []
            await asyncio.sleep(1.5)
            (activated,) = sandbox.core.ledger.entries(kind="freebit.esim.activated", key=EID)
            assert datetime.fromisoformat(activated.at) - START >= timedelta(minutes=10)

    run(tmp_path, scenario)


def test_hanging_and_late_calls_wait_in_virtual_time(tmp_path):
    async def scenario(sandbox, loop):
        sandbox.core.faults.arm({"vendor": "whmcs", "call": "AddOrder", "kind": "before_effect"})
        late = {"vendor": "whmcs", "call": "AddOrder", "kind": "late", "params": {"businessSeconds": 600}}
        sandbox.core.faults.arm(late)
        async with client(sandbox, "whmcs") as http:
            for _ in range(2):
                with pytest.raises(ConnectionDroppedError):
                    await http.post("/includes/api.php", data={**CREDENTIAL, "action": "AddOrder", **ORDER})
        assert loop.time() == pytest.approx(60, abs=1)
        await sandbox.core.faults.settle()
        assert loop.time() == pytest.approx(660, abs=1)
        assert len(sandbox.core.ledger.entries(kind="whmcs.order.created")) == 1

    run(tmp_path, scenario)


def test_a_sandbox_in_memory_writes_no_file_and_starts_again_as_seeded(tmp_path):
    async def scenario(sandbox, loop):
        async with client(sandbox, "whmcs") as http:
            before = (await http.post("/includes/api.php", data={**CREDENTIAL, "action": "GetOrders"})).json()
            await http.post("/includes/api.php", data={**CREDENTIAL, "action": "AddOrder", **ORDER})
            await sandbox.core.reset()
            after = (await http.post("/includes/api.php", data={**CREDENTIAL, "action": "GetOrders"})).json()
        assert after == before
        assert sandbox.core.ledger.entries() == []
        assert not (tmp_path / "data").exists()

    run(tmp_path, scenario)


def test_a_reset_seeds_as_the_start_values_of_the_switches_say(tmp_path):
    async def scenario(sandbox, loop):
        sandbox.core.switches.update({"salesforce": {"commodityField": "CommodityType__c"}})
        await sandbox.core.reset()
        with sandbox.core.store.transaction() as db:
            rows = db.execute("SELECT body FROM salesforce_record WHERE entity = 'Opportunity'").fetchall()
        assert rows
        assert all("CommodityType" in json.loads(row["body"]) for row in rows)

    run(tmp_path, scenario)


def test_an_application_that_was_not_built_has_no_name(tmp_path):
    async def scenario(sandbox, loop):
        assert {sandbox.app(name) for name in ("whmcs", "salesforce", "freebit", "sendgrid", "openid", "control")}
        with pytest.raises(KeyError):
            sandbox.app("stripe")

    run(tmp_path, scenario)
