"""The hook file under a real PHP against a listener (C28): what it sends, and that WHMCS never suffers for it.

Skipped where there is no PHP with curl; `tests/unit` then still holds the text against the portal.
"""

import base64
import json
import shutil
import subprocess
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_hooks import genuine_event
from portal_contracts.billing_hooks import TakeWhmcsHook
from portal_sandbox.whmcs.hooks import signature

HERE = Path(__file__).parent
HOOK_FILE = HERE.parents[1] / "includes" / "hooks" / "portal_events.php"
SET_UP = HERE.parents[1] / "set_up_portal.php"
SECRET = "an-obviously-fake-secret-of-the-hooks"
PHP = shutil.which("php")


def has_curl() -> bool:
    if PHP is None:
        return False
    modules = subprocess.run([PHP, "-m"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - found on the path
    return "curl" in modules.split()


pytestmark = pytest.mark.skipif(not has_curl(), reason="there is no php with curl on this machine")


class Listener:
    """Takes events on loopback; `status` is its answer, `pause` how long it waits with it."""

    def __init__(self) -> None:
        self.status = 202
        self.pause = 0.0
        self.taken: list[dict[str, Any]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.taken.append({"path": self.path, "headers": self.headers, "body": body})
                time.sleep(listener.pause)
                self.send_response(listener.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/whmcs"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    built = Listener()
    yield built
    built.close()


class Whmcs:
    """One WHMCS: its tables stay from one page to the next."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self.settings = folder / "events.php"
        self.settings.write_text(f"<?php return ['url' => '{url}', 'secret' => '{SECRET}'];")
        self.tables: dict[str, list[dict[str, Any]]] = {
            "tblinvoices": [{"id": 77, "userid": "5011"}],
            "tblorders": [{"id": 9, "userid": 5012}],
            "mod_portal_event": [],
        }
        self.log: list[str] = []
        self.answered = False

    def page(self, *calls: Sequence[Any]) -> None:
        """Load WHMCS once and let these hooks fire."""
        tables, todo = self._folder / "tables.json", self._folder / "calls.json"
        tables.write_text(json.dumps(self.tables))
        todo.write_text(json.dumps(calls))
        done = subprocess.run(  # noqa: S603 - found on the path
            [str(PHP), str(HERE / "whmcs_stand_in.php"), str(HOOK_FILE), str(tables), str(todo)],
            env={"PORTAL_EVENTS_SETTINGS": str(self.settings), "TZ": "Asia/Tokyo"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.log = [line["log"] for line in lines if "log" in line]
        self.answered = {"answered": True} in lines
        self.tables = json.loads(tables.read_text())


@pytest.fixture
def whmcs(tmp_path: Path, listener: Listener) -> Whmcs:
    return Whmcs(tmp_path, listener.url)


def events(listener: Listener) -> list[dict[str, Any]]:
    return [json.loads(one["body"]) for one in listener.taken]


@pytest.mark.parametrize("file", [HOOK_FILE, SET_UP, HERE / "whmcs_stand_in.php"], ids=lambda file: file.name)
def test_php_can_read_the_file(file: Path) -> None:
    done = subprocess.run([str(PHP), "-l", str(file)], capture_output=True, text=True, check=False)  # noqa: S603 - found on the path
    assert done.returncode == 0, done.stdout


def test_an_event_is_signed_as_the_portal_checks_it(whmcs: Whmcs, listener: Listener) -> None:
    whmcs.page(["InvoicePaid", {"invoiceid": 77, "invoice": "an object"}])
    (sent,) = listener.taken
    stamp = sent["headers"]["X-Portal-Timestamp"]
    assert sent["path"] == "/hooks/whmcs"
    assert sent["headers"]["X-Portal-Signature"] == signature(SECRET, int(stamp), sent["body"])
    assert abs(int(stamp) - time.time()) < 60
    (event,) = events(listener)
    assert event["id"] == sent["headers"]["X-Portal-Event-Id"]
    assert (event["event"], event["client_id"], event["data"]) == ("InvoicePaid", 5011, {"invoice_id": 77})
    assert whmcs.log == []


def test_billing_takes_an_event_and_the_same_event_sent_again(whmcs: Whmcs, listener: Listener) -> None:
    listener.status = 503
    whmcs.page(["InvoicePaid", {"invoiceid": 77}])
    listener.status = 202
    whmcs.page(["AfterCronJob", {}])
    first, again = (
        TakeWhmcsHook(
            event_id=sent["headers"]["X-Portal-Event-Id"],
            timestamp=sent["headers"]["X-Portal-Timestamp"],
            signature=sent["headers"]["X-Portal-Signature"],
            body=base64.urlsafe_b64encode(sent["body"]),
        )
        for sent in listener.taken
    )
    former_and_new = [SecretStr("an-obviously-fake-secret-that-is-new"), SecretStr(SECRET)]  # rotation: both count
    for sent in (first, again):
        event = genuine_event(sent, former_and_new, datetime.now(UTC))
        assert (event.name, event.client_id, event.invoice_id) == ("InvoicePaid", 5011, 77)
    assert (first.event_id, first.body) == (again.event_id, again.body)


def test_passwords_and_cards_never_leave(whmcs: Whmcs, listener: Listener) -> None:
    whmcs.page(
        ["ClientEdit", {"userid": "5011", "email": "hanako@example.jp", "password": "hunter2", "olddata": {"a": 1}}],
        ["CCUpdate", {"userid": 5011, "cardnum": "fake-number-only", "cardcvv": "cvv", "cardtype": "Visa"}],
        ["AfterModuleCreate", {"params": {"serviceid": 31, "userid": 5011, "password": "hunter2"}}],
    )
    text = b"".join(one["body"] for one in listener.taken).decode()
    assert not {word for word in ("hunter2", "fake", "only", "cvv", "hanako", "olddata") if word in text}
    found = [(one["event"], one["client_id"], one["data"]) for one in events(listener)]
    assert found == [
        ("ClientEdit", 5011, {}),
        ("CCUpdate", 5011, {}),
        ("AfterModuleCreate", 5011, {"service_id": 31}),
    ]


def test_the_same_change_twice_in_a_request_is_one_event(whmcs: Whmcs, listener: Listener) -> None:
    whmcs.page(*[["ServiceEdit", {"userid": 5011, "serviceid": 31}]] * 3)
    assert len(listener.taken) == 1


def test_an_order_is_announced_after_whmcs_has_answered(whmcs: Whmcs, listener: Listener) -> None:
    listener.status = 500  # its log line then shows when it was sent
    whmcs.page(["AcceptOrder", {"orderid": 9}])
    assert whmcs.answered
    assert events(listener)[0]["client_id"] == 5012
    assert whmcs.log == ["Portal events 1 kept for later: HTTP 500"]


def test_what_could_not_be_sent_is_sent_after_the_next_cron_run(whmcs: Whmcs, listener: Listener) -> None:
    listener.status = 503
    whmcs.page(["InvoiceCreated", {"invoiceid": 77}], ["InvoicePaid", {"invoiceid": 77}])
    assert len(listener.taken) == 1  # after the first failure the rest is kept without trying
    listener.status = 202
    whmcs.page(["AfterCronJob", {}])
    first, *again = events(listener)
    assert [one["event"] for one in again] == ["InvoiceCreated", "InvoicePaid"]
    assert again[0] == first  # the same id: the portal sees a repeat
    assert whmcs.tables["mod_portal_event"] == []


def test_a_portal_that_hangs_holds_nobody_for_longer_than_seconds(whmcs: Whmcs, listener: Listener) -> None:
    listener.pause = 5
    whmcs.page(*[["InvoiceCreated", {"invoiceid": number}] for number in range(1, 200)])
    assert len(listener.taken) == 1
    assert len(whmcs.tables["mod_portal_event"]) == 199
    assert "kept for later" in whmcs.log[0]


def test_whatever_is_missing_the_page_is_answered(whmcs: Whmcs, listener: Listener) -> None:
    listener.status = 503
    del whmcs.tables["mod_portal_event"]  # the set-up was forgotten
    whmcs.page(["ClientEdit", {"userid": 5011}], ["AfterCronJob", {}])
    assert whmcs.answered
    assert any("doesn't exist" in line for line in whmcs.log)
    whmcs.settings.unlink()
    whmcs.page(["ClientEdit", {"userid": "no number"}])
    assert whmcs.answered
    assert "cannot be read" in whmcs.log[0]


class SetUp:
    """A WHMCS root whose `init.php` is the stand-in, and the script run on it."""

    def __init__(self, folder: Path) -> None:
        self._tables = folder / "tables.json"
        products = [{"id": 201}, {"id": 301}]
        self._tables.write_text(json.dumps({"tblproducts": products, "tblcustomfields": []}))
        (folder / "init.php").write_text(
            f"""<?php
            require '{HERE}/capsule_stand_in.php';
            \\WHMCS\\Database\\Capsule::$tables = json_decode(file_get_contents('{self._tables}'), true);
            register_shutdown_function(static function () {{
                file_put_contents('{self._tables}', json_encode(\\WHMCS\\Database\\Capsule::$tables));
            }});"""
        )
        self._folder = folder

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(PHP), str(SET_UP), str(self._folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - found on the path

    @property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        read: dict[str, list[dict[str, Any]]] = json.loads(self._tables.read_text())
        return read


def test_the_set_up_only_shows_until_it_is_told_to_do_it(tmp_path: Path) -> None:
    done = SetUp(tmp_path).run("201:sim", "301")
    assert "the table mod_portal_event is missing" in done.stdout
    assert 'product 301: "SF Order Id" is missing' in done.stdout
    assert SetUp(tmp_path).tables["tblcustomfields"] == []


def test_the_set_up_makes_admin_only_fields_once_and_prints_them_as_billing_reads_them(tmp_path: Path) -> None:
    set_up = SetUp(tmp_path)
    first, second = set_up.run("201:sim", "301", "--do"), set_up.run("201:sim", "301", "--do")
    assert first.stdout == second.stdout
    fields = set_up.tables["tblcustomfields"]
    assert [(field["relid"], field["fieldname"], field["adminonly"]) for field in fields] == [
        (201, "SF Order Id", "on"),
        (201, "EID", "on"),
        (201, "Phone Number", "on"),
        (201, "ICCID", "on"),
        (301, "SF Order Id", "on"),
    ]
    assert "mod_portal_event" in set_up.tables
    found = WhmcsFields.model_validate(tomllib.loads("customer_number = 198\n" + second.stdout))
    assert (found.products[201].marker, found.products[201].iccid, found.products[301].marker) == (1, 4, 5)


def test_the_set_up_refuses_a_product_that_is_not_there(tmp_path: Path) -> None:
    done = SetUp(tmp_path).run("999", "--do")
    assert (done.returncode, done.stderr) == (1, "product 999 does not exist\n")
