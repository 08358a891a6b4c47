"""A running WHMCS stand-in per test."""

import base64

import httpx
import pytest

from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings


def field_map(fields):
    """base64 of PHP serialize(), as a client of the API makes it."""
    pairs = "".join(f'i:{key};s:{len(value.encode())}:"{value}";' for key, value in fields.items())
    return base64.b64encode(f"a:{len(fields)}:{{{pairs}}}".encode()).decode()


class WhmcsCaller:
    """Calls actions and reads pages of one running stand-in."""

    def __init__(self, sandbox, client):
        self.sandbox = sandbox
        self.core = sandbox.core
        self.http = client

    async def raw(self, action, **fields):
        sent = {
            "identifier": "sandbox-identifier",
            "secret": "sandbox-secret",
            "responsetype": "json",
            "action": action,
        }
        return await self.http.post("/includes/api.php", data={**sent, **fields})

    async def call(self, action, **fields):
        answer = await self.raw(action, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def order(self, marker="sf:801000000000001AAA", client=5011, **more):
        fields = {
            "clientid": client,
            "paymentmethod": "stripe",
            "pid[0]": 202,
            "pid[1]": 211,
            "billingcycle[0]": "monthly",
            "billingcycle[1]": "onetime",
            "customfields[0]": field_map({1202: marker, 2202: "89049032000000000000000000000001"}),
            "customfields[1]": field_map({1211: marker}),
            "noemail": 1,
            "noinvoiceemail": 1,
        }
        return await self.call("AddOrder", **{**fields, **more})

    def switch(self, **values):
        self.core.switches.update({"whmcs": values})

    def kinds(self, key=""):
        return [entry.kind for entry in self.core.ledger.entries(key=key)]


@pytest.fixture
async def whmcs(tmp_path):
    sandbox = build_sandbox(Settings(data_dir=tmp_path, control_port=0, whmcs_port=0), vendors=["whmcs"])
    async with (
        sandbox.running() as addresses,
        httpx.AsyncClient(base_url=addresses["whmcs"], follow_redirects=True, timeout=10) as client,
    ):
        yield WhmcsCaller(sandbox, client)
