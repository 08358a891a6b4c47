"""Mail over SMTP (reference sendgrid.md 5): for a relay of one's own. What becomes of mails is not heard."""

import asyncio
import hashlib
import re
import smtplib
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from portal_chassis.logs import get_logger
from portal_chassis.outbound import Outbound
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_notifications.ports import Handed, Mail, Sending
from portal_notifications.settings import MailSettings

STEP_SECONDS: Final = 15.0
WHOLE_SECONDS: Final = 60.0
_FOR_GOOD: Final = range(500, 600)
_GO_ON: Final = 354
_ACCEPTED: Final = range(200, 300)
_TEMPORARY: Final = range(400, 500)
_QUEUED: Final = re.compile(rb"queued as ([A-Za-z0-9._-]{1,64})", re.IGNORECASE)
_LEADING_DOT: Final = re.compile(rb"^\.", re.MULTILINE)

log = get_logger(__name__)


class Smtp:
    """The `Mailer` port on an SMTP server; a connection for each mail, in a thread of its own."""

    def __init__(self, settings: MailSettings, outbound: Outbound | None = None) -> None:
        self.settings = settings
        self._outbound = outbound or Outbound("mail", at_once=10, longest_wait=10.0)
        self._trust = ssl.create_default_context()

    async def close(self) -> None:
        """Nothing stays open between mails."""

    async def hand_over(self, mail: Mail) -> Handed:
        """Send the mail once. Until its content is asked for nothing was taken; a reply lost after that is unclear."""
        try:
            async with self._outbound.call("smtp/send", timeout=WHOLE_SECONDS):
                return await asyncio.to_thread(self._send, mail)
        except TryLater as problem:
            return Handed(Sending.NOT_NOW, wait=problem.retry_after)
        except TimeoutError:
            log.warning("the mail server did not come to an end", mail=mail.mail_id)
            return Handed(Sending.UNCLEAR)

    def _send(self, mail: Mail) -> Handed:
        content = _LEADING_DOT.sub(b"..", self.message(mail).as_bytes(policy=SMTP))
        try:
            connection = self.connected()
            try:
                self._announce(connection, mail)
                return self._deliver(connection, mail, content)
            finally:
                with suppress(OSError, smtplib.SMTPException):
                    connection.quit()
                connection.close()
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as error:
            raise Misconfigured("MAIL_MISCONFIGURED", facts={"message": type(error).__name__}) from None
        except (smtplib.SMTPConnectError, smtplib.SMTPHeloError) as answer:
            if answer.smtp_code in _FOR_GOOD:
                raise Misconfigured("MAIL_MISCONFIGURED", facts={"message": f"{answer.smtp_code} for us"}) from None
            return Handed(Sending.NOT_NOW)
        except smtplib.SMTPResponseException as answer:
            return _judge(answer.smtp_code)
        except (OSError, smtplib.SMTPException):
            return Handed(Sending.NOT_NOW)

    def name_sender(self) -> int:
        """Connect, log in, name our sender and send nothing: the doctor's question. Raises what smtplib raises."""
        connection = self.connected()
        try:
            code, _ = connection.mail(self.settings.mail_from)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                connection.quit()
            connection.close()
        return code

    def connected(self) -> smtplib.SMTP:
        """Connect, encrypt and log in; what is raised here means that nothing was sent."""
        settings = self.settings
        connection: smtplib.SMTP
        if settings.smtp_security == "tls":
            connection = smtplib.SMTP_SSL(
                settings.smtp_host, settings.smtp_port, timeout=STEP_SECONDS, context=self._trust
            )
        else:
            connection = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=STEP_SECONDS)
        try:
            if settings.smtp_security == "starttls":
                connection.starttls(context=self._trust)
            if settings.smtp_username and settings.smtp_password is not None:
                connection.login(settings.smtp_username, settings.smtp_password.get_secret_value())
            connection.ehlo_or_helo_if_needed()
        except BaseException:
            connection.close()
            raise
        return connection

    def _announce(self, connection: smtplib.SMTP, mail: Mail) -> None:
        """Name sender and readers. Our own address refused is our set-up; the reader's is the mail's end."""
        code, _ = connection.mail(self.settings.mail_from)
        if code in _FOR_GOOD:
            raise Misconfigured("MAIL_MISCONFIGURED", facts={"message": f"{code} for our own address"})
        if code not in _ACCEPTED:
            raise smtplib.SMTPResponseException(code, b"")
        for reader in _readers(mail):
            code, _ = connection.rcpt(reader)
            if code not in _ACCEPTED:
                raise smtplib.SMTPResponseException(code, b"")

    def _deliver(self, connection: smtplib.SMTP, mail: Mail, content: bytes) -> Handed:
        code, _ = connection.docmd("DATA")
        if code != _GO_ON:
            return _judge(code)
        try:
            connection.send(content + b".\r\n")
            code, said = connection.getreply()
        except (OSError, smtplib.SMTPException) as error:
            log.warning("the mail server's answer was lost", mail=mail.mail_id, error=type(error).__name__)
            return Handed(Sending.UNCLEAR)
        queued = _QUEUED.search(said)
        return _judge(code, queued[1].decode() if queued else None)

    def message(self, mail: Mail) -> EmailMessage:
        """Build the message; the library refuses line breaks in headers, should one ever get this far."""
        message = EmailMessage(policy=SMTP)
        message["From"] = _mailbox(self.settings.mail_from_name, self.settings.mail_from)
        message["To"] = _mailbox(mail.to_name, mail.to_address)
        if mail.copy_to:
            message["Cc"] = mail.copy_to
        message["Subject"] = mail.subject
        domain = self.settings.mail_from.rpartition("@")[2]
        message["Message-ID"] = f"<{hashlib.sha256(mail.mail_id.encode()).hexdigest()[:32]}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text, cte="base64")
        message.add_alternative(mail.html, subtype="html", cte="base64")
        return message


def _mailbox(name: str, address: str) -> Address:
    return Address(display_name=name, addr_spec=address)


def _readers(mail: Mail) -> list[str]:
    copies = [mail.copy_to] if mail.copy_to and mail.copy_to.casefold() != mail.to_address.casefold() else []
    return [mail.to_address, *copies]


def _judge(code: int, provider_id: str | None = None) -> Handed:
    if code in _ACCEPTED:
        return Handed(Sending.SENT, provider_id=provider_id)
    if code in _TEMPORARY:
        return Handed(Sending.NOT_NOW, wait=60)
    raise Refused("MAIL_REFUSED", facts={"message": f"{code} from the mail server"})
