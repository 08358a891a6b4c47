"""Signed, thin events (reference/whmcs.md 7.2): sent after the commit, lost, doubled, sent again."""

import asyncio
import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from portal_sandbox.core.tls import TlsPaths
from portal_sandbox.http_server import HttpServer, bind
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings
from portal_sandbox.whmcs.hooks import signature

NO_TLS: TlsPaths | None = None


class Receiver:
    def __init__(self):
        self.taken = asyncio.Queue()
        self.status = 202

    async def take(self, request):
        body = await request.body()
        headers = request.headers
        timestamp = headers["x-portal-timestamp"]
        assert headers["x-portal-signature"] == signature("sandbox-hook-secret", int(timestamp), body)
        event = json.loads(body)
        assert event["id"] == headers["x-portal-event-id"]
        self.taken.put_nowait(event)
        return Response(status_code=self.status)

    async def next(self):
        async with asyncio.timeout(10):
            return await self.taken.get()


@pytest.fixture
async def receiver():
    built = Receiver()
    bound = bind("127.0.0.1", 0)
    app = Starlette(routes=[Route("/webhooks/whmcs", built.take, methods=["POST"])])
    server = HttpServer(app, bound, NO_TLS)
    built.url = f"http://127.0.0.1:{bound.getsockname()[1]}/webhooks/whmcs"
    await server.start()
    yield built
    await server.stop()


@pytest.fixture
async def hooked(tmp_path, receiver):
    settings = Settings(data_dir=tmp_path, control_port=0, whmcs_port=0, whmcs_hook_url=receiver.url)
    sandbox = build_sandbox(settings, vendors=["whmcs"])
    async with sandbox.running() as addresses, httpx.AsyncClient(base_url=addresses["whmcs"]) as client:

        async def call(action, **fields):
            sent = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}
            return (await client.post("/includes/api.php", data={**sent, "action": action, **fields})).json()

        sandbox.call = call
        yield sandbox


async def test_a_payment_is_announced_with_ids_only(hooked, receiver):
    invoice = (await hooked.call("GetInvoices", userid=5011, status="Unpaid"))["invoices"]["invoice"][0]["id"]
    await hooked.call("CapturePayment", invoiceid=invoice)
    event = await receiver.next()
    assert (event["event"], event["client_id"], event["data"]) == ("InvoicePaid", 5011, {"invoice_id": invoice})


async def test_accepting_and_editing_are_announced(hooked, receiver):
    order = await hooked.call("AddOrder", clientid=5011, paymentmethod="stripe", **{"pid[0]": 201})
    assert (await receiver.next())["event"] == "InvoiceCreated"
    await hooked.call("AcceptOrder", orderid=order["orderid"])
    assert (await receiver.next())["event"] == "AcceptOrder"
    await hooked.call("UpdateClientProduct", serviceid=order["serviceids"], notes="x")
    assert (await receiver.next())["event"] == "ServiceEdit"
    await hooked.call("UpdateClient", clientid=5011, city="x")
    assert (await receiver.next())["event"] == "ClientEdit"


async def test_an_event_can_be_doubled_or_dropped(hooked, receiver):
    hooked.core.switches.update({"whmcs": {"hooks": "duplicate"}})
    await hooked.call("UpdateClient", clientid=5011, city="x")
    assert (await receiver.next())["id"] == (await receiver.next())["id"]
    hooked.core.switches.update({"whmcs": {"hooks": "drop"}})
    await hooked.call("UpdateClient", clientid=5011, city="y")
    hooked.core.switches.update({"whmcs": {"hooks": "send"}})
    await hooked.call("UpdateClient", clientid=5012, city="z")
    assert (await receiver.next())["client_id"] == 5012


async def test_what_was_not_taken_is_sent_again_when_the_clock_moves(hooked, receiver):
    receiver.status = 503
    await hooked.call("UpdateClient", clientid=5011, city="x")
    first = await receiver.next()
    receiver.status = 202
    hooked.core.clock.advance(1)
    assert (await receiver.next())["id"] == first["id"]
