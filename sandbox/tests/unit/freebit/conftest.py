"""Freebit without a socket: the application called through its ASGI interface, on a clock that stands still."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from portal_sandbox.core import Clock, Core, Faults, Ledger, Store, Switches, TlsPaths, load_dataset
from portal_sandbox.freebit.app import build
from portal_sandbox.settings import Settings

NOON = datetime(2026, 3, 10, 3, tzinfo=UTC)
A_YEAR = 31_536_000
EID = "89049032000000000000000000000357"


@dataclass
class Freebit:
    core: Core
    http: httpx.AsyncClient
    key: str = ""

    async def post(self, path: str, **fields) -> httpx.Response:
        return await self.http.post(f"/emptool/api/{path}/", data={"json": json.dumps(fields)})

    async def log_in(self) -> str:
        reply = (await self.post("authOem", oemId="SANDBOX", oemKey="sandbox-oem-key")).json()
        self.key = reply["authKey"]
        return self.key

    async def call(self, path: str, **fields) -> dict:
        if not self.key:
            await self.log_in()
        return (await self.post(path, authKey=self.key, **fields)).json()

    async def pair(self, path: str, **fields) -> str:
        """The code pair of a call as the specification writes it."""
        reply = await self.call(path, **fields)
        return f"{reply['resultCode']}-{reply['status']['statusCode']}"

    async def detail(self, account: str = "", **asked) -> dict:
        if account:
            asked["account"] = account
        reply = await self.call("mvno/getDetail", version="2", requestDatas=[{"kind": "MVNO", **asked}])
        assert reply["resultCode"] == "100", reply
        return reply["responseDatas"][0]

    async def new_esim(self, eid: str = EID, **changes) -> dict:
        fields = {"addKind": "N", "eid": eid, "simKind": "E0", "planCode": "PASI_20G", "contractLine": "5G"}
        return await self.call("mvno/esim/addAcnt", **{**fields, **changes})

    def effects(self, kind: str, key: str = "") -> list:
        return self.core.ledger.entries(vendor="freebit", kind=f"freebit.{kind}", key=key)

    def switch(self, **values) -> None:
        self.core.switches.update({"freebit": values})


@pytest.fixture
async def freebit():
    store = Store(":memory:")
    clock = Clock(store, real_now=lambda: NOON)
    core = Core(
        settings=Settings(),
        store=store,
        clock=clock,
        ledger=Ledger(store, clock),
        faults=Faults(clock),
        switches=Switches(store, {"freebit": {"authKeySeconds": A_YEAR}}),
        dataset=load_dataset(),
        tls=TlsPaths(Path(), Path(), Path()),
    )
    app = build(core)
    store.seed_if_new()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://freebit.test") as http:
        yield Freebit(core, http)
    store.close()
