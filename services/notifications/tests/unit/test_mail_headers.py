"""What a person may have typed into a name adds no header, no reader and no markup (reliability.md (c) §4).

Both ways out are tried at the wire: what SendGrid is sent, and what an SMTP server hears.
"""

import json
from email import message_from_bytes
from email.policy import SMTP

import httpx
import pytest
from pydantic import SecretStr

from portal_contracts.values import PersonName
from portal_notifications.compose_mail import ComposeMail
from portal_notifications.mail_kinds import MailState
from portal_notifications.sendgrid import SendGrid
from portal_notifications.settings import MailSettings
from portal_notifications.smtp import Smtp
from portal_notifications.templates_store import Templates
from portal_notifications.testing import FixedContent

BREAKS = ["\r\n", "\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x00", "%0d%0a", "\\r\\n", "=0D=0A"]
VECTORS = [
    *(f"Hanako{one}Bcc: thief@example.com" for one in BREAKS),
    *(f"Hanako{one}Subject: Prize{one}{one}<p>body</p>" for one in BREAKS[:6]),
    "Hanako\r\n\r\n.\r\nMAIL FROM:<thief@example.com>",
    "Hanako\r\n.\r\nQUIT",
    "thief@example.com, hanako",
    "a;b,c<thief@example.com>",
    '"quoted" <thief@example.com>',
    "(comment) \\ backslash",
    "=?utf-8?q?=0D=0ABcc:_thief=40example.com?=",
    "{{ 7 * 7 }}",
    "{% include '/etc/passwd' %}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "\u202eevil\u202c",
    "\x1b[31mred",
    "👩‍👩‍👧‍👦 花子",
    "ﾔﾏﾀﾞ",
    "a" * 5000,
    "\ud7ff",
    "../../../etc/passwd",
    "%s%s%n",
    "' OR 1=1 --",
]


def settings(**more) -> MailSettings:
    return MailSettings(sendgrid_api_key=SecretStr("SG.fake"), mail_from="portal@example.jp", **more)


async def composed(family: str, given: str):
    content = FixedContent("en")
    content.name = PersonName.model_construct(family_name=family, given_name=given)  # as if it had slipped through
    state = MailState(template="welcome", account_id="001000000000001AAA")
    return await ComposeMail(content, Templates(), "https://portal.example.jp", None)("welcome:1", state)


def test_there_are_enough_vectors() -> None:
    assert len(set(VECTORS)) >= 40


@pytest.mark.parametrize("vector", VECTORS)
async def test_a_name_stays_one_name_in_what_sendgrid_is_sent(vector: str) -> None:
    heard = []

    def take(request: httpx.Request) -> httpx.Response:
        heard.append(json.loads(request.content))
        return httpx.Response(202)

    mailer = SendGrid(settings(), transport=httpx.MockTransport(take))
    await mailer.hand_over(await composed(vector, vector))
    await mailer.close()
    (body,) = heard
    (reader,) = body["personalizations"][0]["to"]
    assert reader["email"] == "hanako@example.jp"
    assert reader["name"].isprintable()
    assert not set(",;\r\n") & set(reader["name"])
    assert set(body["personalizations"][0]) == {"to", "custom_args"}
    assert body["subject"] == "Welcome to the customer portal"
    html = body["content"][1]["value"]
    assert "<script" not in html
    assert "<img" not in html


@pytest.mark.parametrize("vector", VECTORS)
async def test_a_name_stays_one_name_in_an_smtp_message(vector: str) -> None:
    mail = await composed(vector, "花子")
    content = Smtp(settings(mail_transport="smtp", smtp_host="mail.invalid")).message(mail).as_bytes(policy=SMTP)
    message = message_from_bytes(content, policy=SMTP)
    assert sorted(set(message.keys())) == sorted(
        ["From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    (reader,) = message["To"].addresses
    assert reader.addr_spec == "hanako@example.jp"
    assert message["Bcc"] is None
    assert b"\r\n.\r\n" not in content
    assert content.isascii()


async def test_template_expressions_in_a_name_are_only_text() -> None:
    mail = await composed("{{ 7 * 7 }}", "{% raw %}")
    assert "{{ 7 * 7 }}" in mail.text
    assert "49" not in mail.text
