"""Freebit on a real port: lost replies leave their effect, real time completes requests while nobody asks."""

import asyncio
import json

import httpx
import pytest

from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

EID = "89049032000000000000000000000357"


@pytest.fixture
async def sandbox(tmp_path):
    settings = Settings(
        data_dir=tmp_path, control_port=0, freebit_port=0, switches={"freebit": {"completionSeconds": 0.2}}
    )
    built = build_sandbox(settings, vendors=["freebit"])
    async with built.running():
        yield built


@pytest.fixture
async def http(sandbox):
    async with httpx.AsyncClient(base_url=sandbox.core.addresses["freebit"], timeout=10) as client:
        yield client


async def call(http, path, **fields):
    return (await http.post(f"/emptool/api/{path}/", data={"json": json.dumps(fields)})).json()


async def log_in(http):
    return (await call(http, "authOem", oemId="SANDBOX", oemKey="sandbox-oem-key"))["authKey"]


def new_esim(key):
    return {"authKey": key, "addKind": "N", "eid": EID, "simKind": "E0", "planCode": "PASI_20G"}


async def test_a_lost_reply_leaves_the_request_which_is_found_again_by_its_eid(sandbox, http):
    key = await log_in(http)
    async with httpx.AsyncClient(base_url=sandbox.core.addresses["control"]) as control:
        fault = {"vendor": "freebit", "call": "mvno/esim/addAcnt", "kind": "after_effect", "times": 1}
        assert (await control.post("/faults", json=fault)).status_code == 201
        with pytest.raises(httpx.HTTPError):
            await call(http, "mvno/esim/addAcnt", **new_esim(key))
        effects = (await control.get("/ledger", params={"kind": "freebit.esim.requested", "key": EID})).json()
    assert len(effects["entries"]) == 1
    reply = await call(http, "mvno/getDetail", authKey=key, requestDatas=[{"kind": "MVNO", "eid": EID}])
    assert reply["responseDatas"][0]["eid"] == EID
    assert (await call(http, "mvno/esim/addAcnt", **new_esim(key)))["status"]["statusCode"] == "351"


async def test_real_time_completes_a_request_while_nobody_asks(sandbox, http):
    await call(http, "mvno/esim/addAcnt", **new_esim(await log_in(http)))

    for _ in range(200):
        if sandbox.core.ledger.entries(kind="freebit.esim.activated", key=EID):
            return
        await asyncio.sleep(0.05)
    pytest.fail("nothing was activated within ten seconds")


async def test_an_open_request_survives_a_restart(tmp_path):
    settings = Settings(
        data_dir=tmp_path, control_port=0, freebit_port=0, switches={"freebit": {"completion": "never"}}
    )
    first = build_sandbox(settings, vendors=["freebit"])
    async with first.running() as addresses, httpx.AsyncClient(base_url=addresses["freebit"]) as http:
        key = await log_in(http)
        await call(http, "mvno/esim/addAcnt", **new_esim(key))
    settings = Settings(data_dir=tmp_path, control_port=0, freebit_port=0)
    second = build_sandbox(settings, vendors=["freebit"])
    async with second.running() as addresses, httpx.AsyncClient(base_url=addresses["freebit"]) as http:
        second.core.clock.advance(10)
        reply = await call(http, "mvno/getDetail", authKey=key, requestDatas=[{"kind": "MVNO", "eid": EID}])
    assert reply["responseDatas"][0]["state"] == "active"
