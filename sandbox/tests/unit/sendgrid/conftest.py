"""SendGrid without a socket: the application called through its ASGI interface."""

from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from portal_sandbox.core import Clock, Core, Faults, Ledger, Store, Switches, TlsPaths, load_dataset
from portal_sandbox.sendgrid.app import build
from portal_sandbox.settings import Settings

NOON = datetime(2026, 3, 10, 3, tzinfo=UTC)


def simple_mail(**changes) -> dict:
    mail = {
        "personalizations": [
            {
                "to": [{"email": "hanako@example.jp", "name": "山田 花子"}],
                "custom_args": {"portal_message_id": "message-1", "kind": "password_reset"},
            }
        ],
        "from": {"email": "no-reply@example.jp", "name": "ソニックネット"},
        "subject": "パスワードの再設定",
        "content": [
            {"type": "text/plain", "value": "こちら: https://portal.example.jp/reset?token=abc&n=1。"},
            {"type": "text/html", "value": '<p><a href="https://portal.example.jp/reset">再設定</a></p>'},
        ],
    }
    return {name: value for name, value in {**mail, **changes}.items() if value is not None}


@dataclass
class SendGrid:
    core: Core
    http: httpx.AsyncClient

    async def send(self, mail: object = None, key: str = "SG.sandbox-key", **changes) -> httpx.Response:
        body = simple_mail(**changes) if mail is None else mail
        return await self.http.post("/v3/mail/send", json=body, headers={"Authorization": f"Bearer {key}"})

    async def errors(self, **changes) -> list[tuple[str, str]]:
        answer = await self.send(**changes)
        assert answer.status_code == 400, answer.text
        return [(error["field"], error["message"]) for error in answer.json()["errors"]]

    async def messages(self, **query) -> list[dict]:
        return (await self.http.get("/_sim/messages", params=query)).json()["messages"]

    def switch(self, **values) -> None:
        self.core.switches.update({"sendgrid": values})


@pytest.fixture
async def sendgrid(tmp_path):
    store = Store(":memory:")
    clock = Clock(store, real_now=lambda: NOON)
    core = Core(
        settings=Settings(data_dir=tmp_path),
        store=store,
        clock=clock,
        ledger=Ledger(store, clock),
        faults=Faults(clock),
        switches=Switches(store),
        dataset=load_dataset(),
        tls=TlsPaths(tmp_path, tmp_path, tmp_path),
    )
    app = build(core)
    store.seed_if_new()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sendgrid.test") as http:
        yield SendGrid(core, http)
    store.close()
