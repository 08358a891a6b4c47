"""The mail adapter at the wire: on the sandbox, or on a host given by environment (SENDGRID_BASE_URL)."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from portal_contracts.problems import Misconfigured, Refused
from portal_notifications.ports import Handed, Mail, Sending
from portal_notifications.sendgrid import SendGrid
from portal_notifications.settings import MailSettings
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings


def mail(address: str = "hanako@example.jp") -> Mail:
    return Mail(f"welcome:{uuid4()}", address, "山田; 花子,", "ようこそ", "本文\n", "<p>本文</p>", "support@example.jp")


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    ports = ("control", "salesforce", "salesforce_tls", "pubsub", "whmcs", "freebit", "sendgrid", "openid")
    any_port = {f"SANDBOX_{port.upper()}_PORT": "0" for port in ports}
    settings = Settings.from_environment({"SANDBOX_DATA_DIR": str(tmp_path), **any_port})
    async with build_sandbox(settings).running() as urls:
        yield dict(urls)


def mail_settings(base_url: str, key: str = "SG.sandbox-key", sender: str = "portal@example.jp") -> MailSettings:
    return MailSettings(sendgrid_base_url=base_url, sendgrid_api_key=SecretStr(key), mail_from=sender)


async def fault(sandbox: dict[str, str], **rule) -> None:
    async with httpx.AsyncClient() as client:
        body = {"vendor": "sendgrid", "call": "mail/send", "times": 1, **rule}
        (await client.post(f"{sandbox['control']}/faults", json=body)).raise_for_status()


async def received(sandbox: dict[str, str]) -> list[dict]:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{sandbox['sendgrid']}/_sim/messages")).json()["messages"]


@pytest.mark.real_vendor
async def test_a_mail_is_taken_and_named(tmp_path) -> None:
    host = os.environ.get("SENDGRID_BASE_URL")
    if not host:
        pytest.skip("no host given; the sandbox has its own test")
    mailer = SendGrid(mail_settings(host, os.environ["SENDGRID_API_KEY"], os.environ["MAIL_FROM"]))
    assert (await mailer.hand_over(mail(os.environ["MAIL_FROM"]))).sending is Sending.SENT
    await mailer.close()


async def test_the_sandbox_takes_a_japanese_mail_and_gives_it_an_id(sandbox: dict[str, str]) -> None:
    mailer = SendGrid(mail_settings(sandbox["sendgrid"]))
    handed = await mailer.hand_over(mail())
    await mailer.close()
    assert handed.sending is Sending.SENT
    assert handed.provider_id
    assert [message["subject"] for message in await received(sandbox)] == ["ようこそ"]


@pytest.mark.parametrize(
    ("rule", "expected", "stored"),
    [
        ({"kind": "after_effect"}, Sending.UNCLEAR, 1),
        ({"kind": "status", "params": {"status": 503, "body": "x"}}, Sending.UNCLEAR, 0),
        ({"kind": "status", "params": {"status": 429, "body": "{}"}}, Sending.NOT_NOW, 0),
    ],
)
async def test_a_fault_is_told_by_what_may_have_happened(sandbox, rule, expected, stored) -> None:
    await fault(sandbox, **rule)
    mailer = SendGrid(mail_settings(sandbox["sendgrid"]))
    assert (await mailer.hand_over(mail())).sending is expected
    await mailer.close()
    assert len(await received(sandbox)) == stored


async def test_a_connection_that_the_provider_takes_for_idle_makes_no_mail_unclear(sandbox) -> None:
    await fault(sandbox, kind="kept_connection", times=None)
    mailer = SendGrid(mail_settings(sandbox["sendgrid"]))
    assert [(await mailer.hand_over(mail())).sending for _ in range(2)] == [Sending.SENT] * 2
    await mailer.close()


async def test_a_host_that_is_down_took_nothing() -> None:
    mailer = SendGrid(mail_settings("http://127.0.0.1:9"))
    assert await mailer.hand_over(mail()) == Handed(Sending.NOT_NOW)
    await mailer.close()


async def test_a_wrong_key_is_our_set_up_and_a_bad_address_is_refused(sandbox: dict[str, str]) -> None:
    mailer = SendGrid(mail_settings(sandbox["sendgrid"], key="SG.wrong"))
    with pytest.raises(Misconfigured, match="MAIL_MISCONFIGURED"):
        await mailer.hand_over(mail())
    await mailer.close()
    mailer = SendGrid(mail_settings(sandbox["sendgrid"]))
    with pytest.raises(Refused, match="MAIL_REFUSED"):
        await mailer.hand_over(mail("no address"))
    await mailer.close()
