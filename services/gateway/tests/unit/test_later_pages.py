"""Pages that take long to write are written when somebody wants them, once, and nobody else waits for it."""

import asyncio
import sys

import pytest

from portal_contracts.problems import Misconfigured
from portal_gateway.app import describing_command
from portal_gateway.later_pages import LaterPages
from portal_gateway.settings import GatewaySettings
from portal_gateway.static_page import StaticPage

GET = {"type": "http", "method": "GET", "path": "/docs", "headers": []}
FAILING = (sys.executable, "-c", "raise SystemExit(3)")


class Reader:
    """Reads pages of which it counts the writing."""

    def __init__(self, command):
        self.written = []
        self.pages = LaterPages(command, self.write)

    def write(self, document):
        self.written.append(document)
        address = document["servers"][0]["url"]
        return {path: StaticPage(f"{address}{path}".encode(), "text/plain") for path in ("/docs", "/openapi.json")}

    async def read(self, path):
        sent = []

        async def send(event):
            sent.append(event)

        await self.pages.at(path)(GET, None, send)
        return sent[0]["status"], sent[1]["body"]


async def test_a_program_writes_them_once_for_all_who_ask():
    reader = Reader(describing_command(GatewaySettings(public_url="https://portal.example.jp")))
    asked = [asyncio.create_task(reader.read(path)) for path in ("/docs", "/openapi.json", "/docs")]
    docs, other = b"https://portal.example.jp/docs", b"https://portal.example.jp/openapi.json"
    assert await asyncio.gather(*asked) == [(200, docs), (200, other), (200, docs)]
    (document,) = reader.written
    assert document["components"]["securitySchemes"]["session"]["name"].startswith("__Host-")


async def test_a_program_that_fails_is_told_and_tried_again():
    reader = Reader(FAILING)
    with pytest.raises(Misconfigured, match="INTERNAL_ERROR"):
        await reader.read("/docs")
    reader.pages.command = (sys.executable, "-c", 'print(\'{"servers": [{"url": "https://example.jp"}]}\')')
    assert await reader.read("/docs") == (200, b"https://example.jp/docs")


async def test_who_asks_meanwhile_is_told_in_their_language(new_portal, monkeypatch):
    monkeypatch.setattr("portal_gateway.app.describing_command", lambda _: FAILING)
    async with new_portal().visitor() as client:
        answer = await client.get("/docs", headers={"Accept-Language": "ja"})
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert answer.headers["content-language"] == "ja"
