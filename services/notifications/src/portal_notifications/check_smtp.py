"""What the doctor finds out about a mail server: it answers, is the one named, and lets us log in. Nothing is sent."""

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from typing import Final

from portal_chassis.setup_checks import Line
from portal_contracts.setup_checks import SetupCheck
from portal_notifications.settings import MailSettings
from portal_notifications.smtp import Smtp

_SERVER: Final = Line(
    "mail.server", "The mail server answers.", "Set SMTP_HOST and SMTP_PORT, and open the way to it in the firewall."
)
_SECURE: Final = Line(
    "mail.tls",
    "The mail server encrypts, with a certificate of its name.",
    "Set SMTP_SECURITY to what the server speaks and SMTP_HOST to the name in its certificate.",
)
_LOG_IN: Final = Line("mail.login", "The mail server lets us log in.", "Set SMTP_USERNAME and SMTP_PASSWORD.")
_LINES: Final = (_SERVER, _SECURE, _LOG_IN)


class CheckSmtp:
    """Connects as for a mail, and goes."""

    def __init__(self, settings: MailSettings) -> None:
        self._smtp = Smtp(settings)

    async def look(self) -> Sequence[SetupCheck]:
        """Give every line; what stands after the first failing one is unknown."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> Sequence[SetupCheck]:
        try:
            self._smtp.connected().quit()
        except smtplib.SMTPAuthenticationError as error:
            return _stopped_at(_LOG_IN, str(error.smtp_code))
        except (smtplib.SMTPNotSupportedError, ssl.SSLError) as error:
            return _stopped_at(_SECURE, type(error).__name__)
        except (OSError, smtplib.SMTPException) as error:
            return _stopped_at(_SERVER, type(error).__name__)
        return [line.passed() for line in _LINES]


def _stopped_at(failing: Line, said: str) -> Sequence[SetupCheck]:
    at = _LINES.index(failing)
    behind = [line.unknown(f"it stopped at {failing.id}") for line in _LINES[at + 1 :]]
    return [*(line.passed() for line in _LINES[:at]), failing.failed(said), *behind]
