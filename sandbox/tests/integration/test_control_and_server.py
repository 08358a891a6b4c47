"""The process itself: ports, control API, cut connections on a real socket, certificates, signals."""

import asyncio
import json
import os
import signal
import ssl
import sys

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from portal_sandbox.core.tls import ensure_certificates
from portal_sandbox.http_server import HttpServer, bind
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

PAGE = {"accept": "text/html"}


@pytest.fixture
async def sandbox(tmp_path):
    built = build_sandbox(Settings(data_dir=tmp_path, control_port=0, whmcs_port=0), vendors=["whmcs"])
    async with built.running():
        yield built


@pytest.fixture
async def control(sandbox):
    async with httpx.AsyncClient(base_url=sandbox.core.addresses["control"]) as client:
        yield client


async def call_whmcs(sandbox, **fields):
    credentials = {"identifier": "sandbox-identifier", "secret": "sandbox-secret", "responsetype": "json"}
    async with httpx.AsyncClient(base_url=sandbox.core.addresses["whmcs"], timeout=10) as client:
        return await client.post("/includes/api.php", data={**credentials, **fields})


async def test_the_clock_can_be_moved_and_waited_for(control):
    first = (await control.get("/clock")).json()
    waiting = asyncio.create_task(control.get("/clock", params={"after": first["version"], "wait": 20}))
    moved = (await control.post("/clock", json={"advanceSeconds": 90})).json()
    assert moved["offsetSeconds"] == 90
    assert (await waiting).json()["version"] == moved["version"] > first["version"]
    assert (await control.post("/clock", json={"advanceSeconds": -1})).status_code == 400


async def test_faults_are_armed_listed_and_cleared(control):
    wanted = {
        "vendor": "whmcs",
        "call": "AddOrder",
        "kind": "after_effect",
        "times": 1,
        "rate": None,
        "seed": None,
        "params": {},
    }
    armed = await control.post("/faults", json=wanted)
    assert armed.status_code == 201
    assert (await control.get("/faults")).json()["faults"][0]["kind"] == "after_effect"
    assert (await control.post("/faults", json={"kind": "explode"})).status_code == 400
    assert (await control.post("/faults", content=b"{")).status_code == 400
    assert (await control.delete("/faults")).status_code == 204
    assert (await control.get("/faults")).json() == {"faults": []}


async def test_a_reset_takes_everything_back(control, sandbox):
    await control.post("/clock", json={"advanceSeconds": 90})
    await control.post("/faults", json={"vendor": "whmcs", "call": "*", "kind": "html", "times": None})
    await control.post("/settings", json={"whmcs": {"emptyLists": "object"}})
    await control.post("/reset")
    assert (await control.get("/clock")).json()["offsetSeconds"] == 0
    assert (await control.get("/faults")).json() == {"faults": []}
    assert (await control.get("/settings")).json()["whmcs"]["emptyLists"] == "string"
    assert (await control.get("/ledger")).json() == {"entries": []}


async def test_every_page_can_be_read_by_a_person(control):
    for path in ("/", "/dataset", "/faults", "/ledger", "/clock", "/settings"):
        page = await control.get(path, headers=PAGE)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
    forms = (
        ("/faults", {"vendor": "whmcs", "call": "*", "kind": "html", "times": "", "params": "{}"}),
        ("/clock", {"advanceSeconds": "60"}),
        ("/settings", {"vendor": "whmcs", "name": "emptyLists", "value": '"object"'}),
        ("/faults", {"clear": "1"}),
    )
    for path, form in forms:
        assert (await control.post(path, data=form, headers=PAGE)).status_code == 303
    assert (await control.get("/settings")).json()["whmcs"]["emptyLists"] == "object"
    assert (await control.get("/faults")).json() == {"faults": []}


async def test_the_customers_to_try_are_listed(control):
    accounts = (await control.get("/dataset")).json()["accounts"]
    ready = [account for account in accounts if account["group"] == "ready"]
    assert len(accounts) == 30
    assert len(ready) == 10
    assert all(account["whmcsClientId"] is None for account in ready)


async def test_a_cut_connection_carries_no_answer(sandbox):
    for kind in ("refused", "before_effect", "after_effect", "late"):
        sandbox.core.faults.arm({"vendor": "whmcs", "call": "WhmcsDetails", "kind": kind, "params": {"seconds": 0}})
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await call_whmcs(sandbox, action="WhmcsDetails")
    assert (await call_whmcs(sandbox, action="WhmcsDetails")).json()["result"] == "success"


async def test_a_kept_connection_is_cut_as_its_second_request_arrives(sandbox):
    sandbox.core.faults.arm({"vendor": "whmcs", "call": "*", "kind": "kept_connection", "times": None})
    async with httpx.AsyncClient(base_url=sandbox.core.addresses["whmcs"]) as client:
        assert (await client.get("/")).is_redirect
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.get("/")
        assert (await client.get("/")).is_redirect


async def test_a_hanging_call_does_not_hold_up_the_stop(tmp_path):
    built = build_sandbox(Settings(data_dir=tmp_path, control_port=0, whmcs_port=0), vendors=["whmcs"])
    async with built.running():
        built.core.faults.arm({"vendor": "whmcs", "call": "*", "kind": "before_effect", "params": {"seconds": 60}})
        hanging = asyncio.create_task(call_whmcs(built, action="WhmcsDetails"))
        async with asyncio.timeout(10):
            while not built.core.faults.calls:
                await asyncio.sleep(0)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await hanging


async def test_the_own_authority_is_trusted_by_name_and_address(tmp_path):
    tls = ensure_certificates(tmp_path, ["localhost", "127.0.0.1"])
    assert ensure_certificates(tmp_path, ["localhost", "127.0.0.1"]) == tls
    bound = bind("127.0.0.1", 0)
    port = bound.getsockname()[1]
    server = HttpServer(Starlette(routes=[Route("/", lambda _: PlainTextResponse("hello"))]), bound, tls)
    await server.start()
    try:
        async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(tls.authority))) as client:
            for name in ("localhost", "127.0.0.1"):
                assert (await client.get(f"https://{name}:{port}/")).text == "hello"
    finally:
        await server.stop()
    before = tls.certificate.read_bytes()
    ensure_certificates(tmp_path, ["localhost", "127.0.0.1", "sandbox"])
    assert tls.certificate.read_bytes() != before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_says_one_json_line_per_port_and_stops_on_a_signal(number, tmp_path):
    ports = {
        f"SANDBOX_{name}_PORT": "0"
        for name in ("CONTROL", "SALESFORCE", "SALESFORCE_TLS", "PUBSUB", "WHMCS", "FREEBIT", "SENDGRID", "OPENID")
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "portal_sandbox",
        env={**os.environ, **ports, "SANDBOX_DATA_DIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    lines = [json.loads(await process.stdout.readline()) for _ in range(8)]
    assert {line["name"] for line in lines} == {
        "control",
        "salesforce",
        "salesforce_tls",
        "pubsub",
        "whmcs",
        "freebit",
        "sendgrid",
        "openid",
    }
    process.send_signal(number)
    async with asyncio.timeout(10):
        rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (0, b"", b"")


async def test_a_mistyped_form_is_explained_and_keeps_what_was_typed(control):
    fault = {"vendor": "freebit", "call": "mvno/*", "kind": "html", "times": "soon", "params": "{}"}
    mistakes = (
        ("/faults", fault),
        ("/faults", {**fault, "times": "1", "params": "{bad"}),
        ("/faults", {**fault, "times": "1", "params": "[1]"}),
        ("/clock", {"advanceSeconds": "tomorrow"}),
        ("/clock", {"advanceSeconds": "0"}),
        ("/clock", {"advanceSeconds": "99999999999999"}),
        ("/settings", {"vendor": "whmcs", "name": "hookDelaySeconds", "value": "soon"}),
        ("/settings", {"vendor": "whmcs", "name": "keepNotes", "value": "maybe"}),
        ("/settings", {"vendor": "whmcs", "name": "emptyLists", "value": "other"}),
    )
    for path, form in mistakes:
        page = await control.post(path, data=form, headers=PAGE)
        assert page.status_code == 400
        assert 'role="alert"' in page.text
    assert 'value="mvno/*"' in (await control.post("/faults", data=fault, headers=PAGE)).text
    assert (await control.get("/clock")).json()["offsetSeconds"] == 0
    assert (await control.get("/faults")).json() == {"faults": []}
    assert 'role="alert"' in (await control.get("/nowhere", headers=PAGE)).text


async def test_a_text_switch_is_typed_without_quotes_and_one_rule_is_cleared_alone(control):
    await control.post("/settings", data={"vendor": "whmcs", "name": "moduleError", "value": "12"}, headers=PAGE)
    assert (await control.get("/settings")).json()["whmcs"]["moduleError"] == "12"
    for call in ("AddOrder", "AcceptOrder"):
        await control.post("/faults", json={"vendor": "whmcs", "call": call, "kind": "html"})
    first, second = (await control.get("/faults")).json()["faults"]
    await control.post("/faults", data={"clear": str(first["id"])}, headers=PAGE)
    assert [rule["id"] for rule in (await control.get("/faults")).json()["faults"]] == [second["id"]]


async def test_every_page_leads_to_the_pages_of_the_others(control, sandbox):
    page = (await control.get("/", headers=PAGE)).text
    assert f'href="{sandbox.core.addresses["whmcs"]}/clientarea.php"' in page
    assert f'href="{sandbox.core.addresses["control"]}/"' in page
