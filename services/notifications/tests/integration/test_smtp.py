"""The SMTP adapter at the wire, on a server that ends the conversation wherever it is told to."""

import asyncio
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import SMTP

import pytest
from pydantic import SecretStr, ValidationError

from portal_contracts.problems import Misconfigured, Refused
from portal_notifications.check_smtp import CheckSmtp
from portal_notifications.ports import Handed, Mail, Sending
from portal_notifications.settings import MailSettings
from portal_notifications.smtp import Smtp

TEXT = "本文\n.\n..始まり\n"
MAIL = Mail("welcome:1", "hanako@example.jp", "山田 花子", "ようこそ", TEXT, "<p>本文</p>", "support@example.jp")


class MailServer:
    """Speaks enough SMTP. `answers` replace what it says to a command; `hangs_up_at` closes instead of answering."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.hangs_up_at = ""
        self.readers: list[str] = []
        self.taken: list[bytes] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = "connect"
        while said != self.hangs_up_at:
            usual = {"connect": "220 mail.invalid", "data": "354 go on", "quit": "221 bye"}.get(said, "250 ok")
            writer.write(f"{self.answers.get(said, usual)}\r\n".encode())
            await writer.drain()
            if said == "data" and "data" not in self.answers:
                content = await reader.readuntil(b"\r\n.\r\n")
                self.taken.append(content.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."))
                said = "content"
                continue
            line = (await reader.readline()).decode().strip()
            said = line.partition(" ")[0].lower()
            if said == "rcpt":
                self.readers.append(line.partition("<")[2].partition(">")[0])
            if not line:
                return


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    opened = MailServer()
    await opened.open()
    yield opened
    await opened.close()


def mailer(server: MailServer, **more) -> Smtp:
    given = {"smtp_security": "none"} | more
    return Smtp(
        MailSettings(
            mail_transport="smtp",
            mail_from="portal@example.jp",
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            **given,
        )
    )


async def test_a_japanese_mail_arrives_as_text_and_html_with_its_copy(server: MailServer) -> None:
    server.answers["content"] = "250 2.0.0 Ok: queued as 4F2D1A"
    assert await mailer(server).hand_over(MAIL) == Handed(Sending.SENT, provider_id="4F2D1A")
    assert server.readers == ["hanako@example.jp", "support@example.jp"]
    message = message_from_bytes(server.taken[0], policy=SMTP)
    assert message["Subject"] == "ようこそ"
    assert str(message["To"]) == "山田 花子 <hanako@example.jp>"
    assert message["Auto-Submitted"] == "auto-generated"
    parts = {part.get_content_type(): part.get_content() for part in message.iter_parts()}
    assert parts["text/plain"].replace("\r\n", "\n") == TEXT
    assert "<p>本文</p>" in parts["text/html"]


async def test_a_mail_has_the_same_message_id_whenever_it_is_sent(server: MailServer) -> None:
    for _ in range(2):
        await mailer(server).hand_over(MAIL)
    ids = [message_from_bytes(content, policy=SMTP)["Message-ID"] for content in server.taken]
    assert ids[0] == ids[1]
    assert "welcome" not in ids[0]


@pytest.mark.parametrize("place", ["connect", "ehlo", "mail", "rcpt", "data"])
async def test_a_conversation_that_ends_before_the_content_took_nothing(server: MailServer, place: str) -> None:
    server.hangs_up_at = place
    assert (await mailer(server).hand_over(MAIL)).sending is Sending.NOT_NOW
    assert server.taken == []


async def test_a_lost_answer_to_the_content_is_unclear(server: MailServer) -> None:
    server.hangs_up_at = "content"
    assert (await mailer(server).hand_over(MAIL)).sending is Sending.UNCLEAR
    assert len(server.taken) == 1


@pytest.mark.parametrize("place", ["connect", "mail", "rcpt", "data", "content"])
async def test_a_temporary_refusal_is_tried_again_later(server: MailServer, place: str) -> None:
    server.answers[place] = "451 4.7.1 greylisted"
    assert (await mailer(server).hand_over(MAIL)).sending is Sending.NOT_NOW


@pytest.mark.parametrize("place", ["rcpt", "data", "content"])
async def test_a_refusal_for_good_ends_the_mail(server: MailServer, place: str) -> None:
    server.answers[place] = "550 5.1.1 <hanako@example.jp>: no such user"
    with pytest.raises(Refused, match="MAIL_REFUSED") as refused:
        await mailer(server).hand_over(MAIL)
    assert "hanako" not in str(refused.value)


@pytest.mark.parametrize("place", ["connect", "ehlo"])
async def test_a_server_that_does_not_talk_to_us_is_our_set_up_and_ends_no_mail(server: MailServer, place: str) -> None:
    server.answers[place] = "554 5.7.1 your address is blocked"
    server.answers["helo"] = server.answers[place]
    with pytest.raises(Misconfigured, match="MAIL_MISCONFIGURED"):
        await mailer(server).hand_over(MAIL)


async def test_our_own_address_refused_no_encryption_and_no_log_in_are_our_set_up(server: MailServer) -> None:
    server.answers["mail"] = "550 5.7.1 not our sender"
    with pytest.raises(Misconfigured, match="MAIL_MISCONFIGURED"):
        await mailer(server).hand_over(MAIL)
    server.answers.clear()
    for more in ({"smtp_security": "starttls"}, {"smtp_username": "portal", "smtp_password": SecretStr("fake")}):
        with pytest.raises(Misconfigured, match="MAIL_MISCONFIGURED"):
            await mailer(server, **more).hand_over(MAIL)
    assert server.taken == []


async def test_a_server_that_is_down_took_nothing(server: MailServer) -> None:
    await server.close()
    assert (await mailer(server).hand_over(MAIL)).sending is Sending.NOT_NOW


@pytest.mark.parametrize(
    ("answers", "more", "lines"),
    [
        ({}, {}, ["passed", "passed", "passed"]),
        ({"connect": "554 go away"}, {}, ["failed", "unknown", "unknown"]),
        ({}, {"smtp_security": "starttls"}, ["passed", "failed", "unknown"]),
        (
            {"ehlo": "250-mail.invalid\r\n250 AUTH PLAIN", "auth": "535 5.7.8 wrong"},
            {"smtp_username": "portal", "smtp_password": SecretStr("fake")},
            ["passed", "passed", "failed"],
        ),
    ],
)
async def test_the_doctor_names_the_one_thing_that_is_wrong(server: MailServer, answers, more, lines) -> None:
    server.answers = answers
    checks = await CheckSmtp(mailer(server, **more).settings).look()
    assert [check.result for check in checks] == lines
    assert "fake" not in str(checks)
    assert server.taken == []


@pytest.mark.parametrize(
    "given",
    [
        {"mail_transport": "smtp"},
        {"mail_transport": "sendgrid"},
        {"mail_transport": "smtp", "smtp_host": "mail.invalid", "smtp_username": "portal"},
        {"sendgrid_api_key": "SG.fake", "mail_from": "Portal <portal@example.jp>\r\nBcc: x@example.com"},
        {"sendgrid_api_key": "SG.fake", "mail_from_name": "Portal\r\nBcc: x@example.com"},
    ],
)
def test_settings_that_cannot_work_stop_the_start(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        MailSettings(**({"mail_from": "portal@example.jp"} | given))
