"""`logs --order` finds the lines of one order in the files of all processes, and says so when there is none."""

import json
from pathlib import Path

import pytest

from portal_local.order_logs import show_order

ORDER = "8016F000001AbCdQAK"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    first = {
        "timestamp": "2026-01-05T01:02:03.5Z",
        "service": "orders",
        "level": "info",
        "event": "an order was placed",
    }
    second = {"timestamp": "2026-01-05T01:02:04.5Z", "service": "billing", "level": "warning", "event": "a step ended"}
    other = {"timestamp": "2026-01-05T01:02:05.5Z", "service": "orders", "level": "info", "event": "another order"}
    (tmp_path / "orders.log").write_text(
        json.dumps(first | {"order_id": ORDER, "order_number": "00000101", "trace_id": "0af7651916cd43dd"})
        + "\nno json\n{cut off\n"
        + json.dumps(other | {"order_id": "801000000000002AAA"})
        + "\n"
    )
    (tmp_path / "billing.previous.log").write_text(json.dumps(second | {"key": ORDER}) + "\n")
    (tmp_path / "nats.log").write_text("[1] 2026/01/05 [INF] Server is ready\n")
    return tmp_path


@pytest.mark.parametrize("wanted", [ORDER, "00000101"])
def test_an_order_is_found_by_id_and_by_number(folder, capsys, wanted):
    assert show_order(folder, wanted) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["orders", "billing"]
    assert lines[0].startswith("01:02:03.5Z")
    assert f"order_id={ORDER}" in lines[0]
    assert lines[0].endswith("trace=0af76519")


def test_an_order_nobody_spoke_of_is_said(folder, capsys):
    assert show_order(folder, "801000000000009AAA") == 1
    assert "no log line is about 801000000000009AAA" in capsys.readouterr().err
