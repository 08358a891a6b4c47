"""Lists that are read page by page: nothing is concluded from one that changed or does not add up (rule 3, D06)."""

import json
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_api import WhmcsApi, WhmcsConnection
from portal_chassis.clocks import SystemMachineClock
from portal_chassis.outbound import Outbound
from portal_contracts.problems import TryLater


@pytest.fixture
def listing():
    """Give a function that reads a list whose rows the test changes between pages."""

    async def read(rows, *, between=lambda _: None, claimed=None):
        asked = []

        def answer(request):
            sent = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
            between(len(asked))
            asked.append(sent)
            start = int(sent["limitstart"])
            page = [{"id": str(number)} for number in rows[start : start + int(sent["limitnum"])]]
            total = len(rows) if claimed is None else claimed
            body = {"result": "success", "totalresults": str(total), "orders": {"order": page}}
            return httpx.Response(200, content=json.dumps(body))

        settings = WhmcsSettings(
            api_url="https://whmcs.example.jp/includes/api.php",
            identifier="example",
            secret="example",
            fields_path=Path("example.toml"),
            page_rows=10,
        )
        machine = SystemMachineClock()
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            connection = WhmcsConnection(settings, machine, client, client)
            api = WhmcsApi(connection, Outbound("whmcs", at_once=1, clock=machine))
            found = await api.pages("GetOrders", {"userid": 1}, "orders", "order")
        return [int(row["id"]) for row in found], asked

    return read


async def test_all_pages_are_read_with_explicit_limits(listing):
    found, asked = await listing(list(range(25)))
    assert found == list(range(25))
    assert [(call["limitstart"], call["limitnum"]) for call in asked] == [("0", "10"), ("10", "10"), ("20", "10")]


async def test_a_list_that_lost_a_row_between_pages_is_read_again_because_another_row_slipped_through(listing):
    rows = list(range(25))

    def between(page):
        if page == 1:
            rows.remove(3)  # row 10 moves to the page that was read already

    found, asked = await listing(rows, between=between)
    assert 10 in found
    assert found == rows
    assert len(asked) == 2 + 3


async def test_a_list_that_grew_between_pages_is_read_again(listing):
    rows = list(range(15))

    def between(page):
        if page == 1:
            rows.insert(0, 99)

    found, _ = await listing(rows, between=between)
    assert sorted(found) == sorted(rows)


async def test_a_list_that_never_stands_still_or_never_adds_up_is_no_answer(listing):
    rows = list(range(15))
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await listing(rows, between=lambda page: rows.append(100 + page))
    with pytest.raises(TryLater, match="WHMCS_UNAVAILABLE"):
        await listing(list(range(5)), claimed=7)
