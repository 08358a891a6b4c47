"""The gateway as it runs: a process, HTTP before it and NATS behind it."""

import asyncio
import json
from time import monotonic

import httpx

from portal_contracts.catalog import CatalogChanged
from portal_contracts.identity import SessionRevoked
from portal_contracts.orders import TimelineGrew

ORDER = "801000000000001AAA"
CART = {"lines": [{"reference": "vpn", "sku": "VPN-US"}]}
JSON = {"content-type": "application/json"}


class Events:
    """Reads server-sent events off a real connection."""

    def __init__(self, answer):
        self._lines = answer.aiter_lines()

    async def next(self):
        """Give the next event's sequence, None at the end."""
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line.startswith("data: "):
                    return json.loads(line.removeprefix("data: "))["sequence"]
        return None


async def until(look, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.05)


async def test_a_customer_logs_in_reads_orders_and_logs_out(browser, services):
    assert (await browser.get("/me")).json()["userId"] == "user-hanako"
    answer = await browser.post("/orders", json=CART, headers={"Idempotency-Key": "key-00001"})
    assert (answer.status_code, answer.json()["checkoutId"]) == (201, "user-hanako")
    assert 6 < services.deadlines[0] <= 8
    assert services.asked.count("mint") == 1
    assert (await browser.post("/auth/logout")).status_code == 204
    assert (await browser.get("/me")).json()["code"] == "SESSION_REQUIRED", "the cookies are gone"


async def test_a_wrong_password_stays_outside(gateway):
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        answer = await client.post("/auth/login", json={"email": "hanako@example.jp", "password": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (401, "CREDENTIALS_WRONG")


async def test_the_catalog_is_kept_until_its_event_arrives(browser, services, announce):
    for _ in range(5):
        assert (await browser.get("/catalog")).json()["version"] == "1"
    assert services.asked.count("catalog") == 1
    services.version = "2"
    await announce(CatalogChanged(version="2"))

    async def fresh():
        return (await browser.get("/catalog")).json()["version"] == "2"

    await until(fresh)


async def test_an_open_page_follows_its_order_and_ends_with_its_session(browser, services, announce):
    async with browser.stream("GET", f"/orders/{ORDER}/events") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        events = Events(answer)
        assert await events.next() == 1
        services.entries = 2
        await announce(TimelineGrew(order_id=ORDER, sequence=2))
        assert await events.next() == 2
        services.open_session = False
        await announce(SessionRevoked(session_id="session-1"))
        assert await events.next() is None
    assert (await browser.get("/me")).json()["code"] == "SESSION_EXPIRED"


async def test_a_page_that_comes_back_goes_on_after_what_it_saw(browser, services):
    services.entries = 3
    async with browser.stream("GET", f"/orders/{ORDER}/events", headers={"Last-Event-ID": "2"}) as answer:
        assert await Events(answer).next() == 3


async def test_while_the_bus_is_away_it_says_try_later_and_afterwards_nothing_is_stale(
    nats_server, gateway, browser, services
):
    async with browser.stream("GET", f"/orders/{ORDER}/events") as answer:
        events = Events(answer)
        assert await events.next() == 1
        await browser.get("/catalog")
        nats_server.kill()
        services.entries = 2
        services.version = "2"  # both hints are lost
        refused = await browser.get("/orders")
        assert (refused.status_code, refused.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert "retry-after" in refused.headers
        nats_server.start()
        assert await events.next() == 2

    async def fresh():
        answer = await browser.get("/catalog")
        return answer.status_code == 200 and answer.json()["version"] == "2"

    await until(fresh)
    assert gateway.errors() == []


async def test_a_service_that_is_not_there_is_told_at_once(browser):
    before = monotonic()
    answer = await browser.get("/billing/invoices")
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert monotonic() - before < 3


async def test_nobody_waits_longer_than_the_deadline(begin, services):
    gateway = await begin(PORTAL_REQUEST_SECONDS="0.5")
    services.seconds = 3.0
    headers = {"Authorization": "Bearer session-token-of-hanako"}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=10) as client:
        answer = await client.post("/orders", json=CART)
    assert (answer.status_code, answer.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert services.deadlines[0] <= 0.5


async def test_told_to_stop_it_finishes_what_runs_and_ends_open_pages(gateway, browser, services):
    services.seconds = 1.0
    async with browser.stream("GET", f"/orders/{ORDER}/events") as answer:
        events = Events(answer)
        assert await events.next() == 1
        running = asyncio.create_task(browser.post("/orders", json=CART))
        async with asyncio.timeout(5):
            while "checkout" not in services.asked:
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(gateway.terminate())
        assert await events.next() is None
        assert (await running).status_code == 201
    assert await stopping == 0
    assert gateway.errors() == []


async def test_a_taken_port_ends_the_start_with_one_line(begin, gateway):
    second = await begin(wait=False, PORTAL_GATEWAY_PORT=str(gateway.port))
    async with asyncio.timeout(15):
        said, _ = await second.process.communicate()
    assert second.process.returncode == 1
    assert "address already in use" in said.decode().lower()


async def test_plain_cookies_anywhere_but_on_loopback_end_the_start(begin):
    gateway = await begin(wait=False, PORTAL_PUBLIC_URL="http://portal.example.jp")
    async with asyncio.timeout(15):
        said, _ = await gateway.process.communicate()
    assert gateway.process.returncode == 1
    assert "PORTAL_COOKIE_SECURE" in said.decode()


async def raw(port, request):
    """Send bytes and give the first line and the body of what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], body


async def test_strange_bytes_are_no_fault_of_ours(gateway):
    for request, status in (
        (b"GARBAGE\r\n\r\n", b"400"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /catalog%2f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /orders/%ff%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"401"),
        (b"GET /catalog/%ff%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"404"),
        (
            b"GET /catalog HTTP/1.1\r\nHost: x\r\nCookie: \xff=\x80; portal_session=\xff\r\nConnection: close\r\n\r\n",
            b"200",
        ),
        (b"GET /me HTTP/1.1\r\nHost: x\r\nCookie: portal_session=\xff\xfe\r\nConnection: close\r\n\r\n", b"401"),
        (b"GET /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\nConnection: close\r\n\r\n", b"401"),
        (b"BREW /catalog HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"400"),
    ):
        first, _ = await raw(gateway.port, request)
        assert first.split()[1] == status, (request, first)
    assert gateway.errors() == []


async def test_a_large_body_is_refused_before_it_is_read(gateway):
    head = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10000000\r\n\r\n"
    first, body = await raw(gateway.port, head + b" " * 1000)
    assert first.split()[1] == b"413"
    assert json.loads(body)["code"] == "PAYLOAD_TOO_LARGE"
