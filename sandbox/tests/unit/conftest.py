"""The whole sandbox in this process: no port, no file, a clock that stands still until it is moved."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from portal_sandbox.core import PostAnswer
from portal_sandbox.salesforce.ids import PORTAL_USER_ID
from portal_sandbox.salesforce.shared_org import org_of
from portal_sandbox.salesforce.tokens import Tokens
from portal_sandbox.server import Sandbox, build_sandbox
from portal_sandbox.settings import Settings

MORNING = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


@dataclass
class Portal:
    """Stands where the gateway would: keeps what was posted, answers as told."""

    status: int = 202
    silent: bool = False
    calls: list = field(default_factory=list)

    async def post(self, url, headers, body):
        self.calls.append((url, dict(headers), body))
        if self.silent:
            raise ConnectionRefusedError("nobody listens")
        return PostAnswer(self.status, b'{"accepted": true}')


@dataclass
class Whole:
    """A sandbox and the ways tests call it."""

    sandbox: Sandbox
    portal: Portal

    @property
    def core(self):
        return self.sandbox.core

    @property
    def org(self):
        return org_of(self.core)

    def client(self, name):
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.sandbox.app(name)), base_url="http://sandbox.test")

    def switch(self, vendor, **values):
        self.core.switches.update({vendor: values})

    def arm(self, vendor, call, kind, **rule):
        return self.core.faults.arm({"vendor": vendor, "call": call, "kind": kind, **rule})

    def entries(self, kind, key=""):
        return self.core.ledger.entries(kind=kind, key=key)

    async def whmcs(self, action, **fields):
        sent = {
            "identifier": "sandbox-identifier",
            "secret": "sandbox-secret",
            "responsetype": "json",
            "action": action,
        }
        async with self.client("whmcs") as http:
            return await http.post("/includes/api.php", data={**sent, **fields})

    async def salesforce(self, method, path, body=None, **params):
        token = Tokens(self.core, self.org.switches).issue(PORTAL_USER_ID)
        async with self.client("salesforce") as http:
            return await http.request(
                method,
                f"/services/data/v62.0/{path}",
                json=body,
                params=params or None,
                headers={"Authorization": f"Bearer {token}"},
            )

    async def freebit(self, path, **fields):
        async with self.client("freebit") as http:
            return await http.post(f"/emptool/api/{path}/", data={"json": json.dumps(fields)})

    async def freebit_key(self):
        return (await self.freebit("authOem", oemId="SANDBOX", oemKey="sandbox-oem-key")).json()["authKey"]

    async def control(self, path, body):
        async with self.client("control") as http:
            return await http.post(path, json=body)

    async def quiet(self):
        """Lets everything that was started beside calls come to its end."""
        while self.core._background:
            await asyncio.gather(*self.core._background)


@pytest.fixture
def receiver():
    return Portal()


@pytest.fixture
async def whole(tmp_path, receiver):
    settings = Settings(data_dir=tmp_path / "unused", in_memory=True, portal_url="http://portal.test/api")
    sandbox = build_sandbox(settings, real_now=lambda: MORNING, post=receiver.post)
    yield Whole(sandbox, receiver)
    await sandbox.close()
