"""What the doctor finds out about the way mails go: SendGrid or an SMTP server, whichever is set. Nothing is sent."""

import asyncio
import smtplib
import ssl
from http import HTTPStatus
from typing import Final

import httpx

from portal_chassis.setup_checks import Line, clock_check
from portal_contracts.setup_checks import SetupCheck
from portal_notifications.sendgrid import CONNECT_SECONDS, READ_SECONDS, SEND
from portal_notifications.settings import MailSettings
from portal_notifications.smtp import Smtp

VENDOR: Final = "sendgrid"
_KEY: Final = Line(
    "mail.key", "SendGrid knows the API key.", "Make an API key in Settings > API Keys and set SENDGRID_API_KEY."
)
_CREDITS: Final = Line("mail.credits", "The mail plan is not used up.", "Raise the SendGrid plan.")
_SCOPE: Final = Line(
    "mail.scope", "The API key may send mail.", "Give the API key the permission Mail Send and no other."
)
_SENDER: Final = Line(
    "mail.sender",
    "The sender of our mails is verified.",
    "Authenticate the domain of MAIL_FROM in Settings > Sender Authentication, or verify the address there.",
)
_LINES: Final = (_KEY, _CREDITS, _SCOPE, _SENDER)
_USED_UP: Final = "Maximum credits exceeded"
_SMTP_LOGIN: Final = Line(
    "mail.smtp_login",
    "The mail server lets us in, encrypted as set.",
    "Check SMTP_HOST, SMTP_PORT, SMTP_SECURITY, SMTP_USERNAME, SMTP_PASSWORD and the server's certificate.",
)
_SMTP_SENDER: Final = Line(
    "mail.smtp_sender",
    "The mail server takes mails from our sender.",
    "Allow MAIL_FROM as a sender there.",
)
_TEMPORARY: Final = range(400, 500)
_TAKEN: Final = range(200, 300)


class CheckSetup:
    """Looks at the mail account with the credentials the portal sends with."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings

    async def look(self) -> list[SetupCheck]:
        """Give every line of the transport in use."""
        if self._settings.mail_transport == "smtp":
            return await asyncio.to_thread(_look_at_server, Smtp(self._settings))
        try:
            response = await _ask_sendgrid(self._settings)
        except httpx.HTTPError as error:
            return [*(line.unknown(type(error).__name__) for line in _LINES), clock_check(VENDOR, None)]
        return [*_judged(response), clock_check(VENDOR, response.headers.get("Date"))]


async def _ask_sendgrid(settings: MailSettings) -> httpx.Response:
    """Send one mail in sandbox mode, which is checked and never sent (reference sendgrid.md 3).

    A key with the least rights can send and nothing else, so there is nothing else to ask with it.
    """
    key = settings.sendgrid_api_key
    client = httpx.AsyncClient(
        base_url=settings.sendgrid_base_url,
        headers={"Authorization": f"Bearer {key.get_secret_value() if key is not None else ''}"},
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
    )
    body = {
        "personalizations": [{"to": [{"email": settings.mail_from}]}],
        "from": {"email": settings.mail_from},
        "subject": "Set-up check",
        "content": [{"type": "text/plain", "value": "Never sent."}],
        "mail_settings": {"sandbox_mode": {"enable": True}},
    }
    async with client:
        return await client.post(SEND, json=body)


def _judged(response: httpx.Response) -> list[SetupCheck]:
    """Read SendGrid's first objection; what it would have looked at after that is unknown."""
    status, text = response.status_code, _text(response)
    said = f"{status} {text}"
    if status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        return [line.passed() for line in _LINES]
    if status == HTTPStatus.UNAUTHORIZED:
        return _stopped_at(_CREDITS if _USED_UP in text else _KEY, said)
    if status == HTTPStatus.FORBIDDEN:
        return _stopped_at(_SENDER if "Sender Identity" in text else _SCOPE, said)
    return [line.unknown(said) for line in _LINES]


def _stopped_at(failing: Line, said: str) -> list[SetupCheck]:
    at = _LINES.index(failing)
    behind = [line.unknown(f"SendGrid stopped at {failing.id}") for line in _LINES[at + 1 :]]
    return [*(line.passed() for line in _LINES[:at]), failing.failed(said), *behind]


def _text(response: httpx.Response) -> str:
    try:
        return str(response.json()["errors"][0]["message"])[:200]
    except (ValueError, LookupError, TypeError):
        return ""


def _look_at_server(server: Smtp) -> list[SetupCheck]:
    try:
        code = server.name_sender()
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError, ssl.SSLError) as error:
        return [_SMTP_LOGIN.failed(type(error).__name__), _SMTP_SENDER.unknown("nobody could log in")]
    except (OSError, smtplib.SMTPException) as error:
        return [_SMTP_LOGIN.unknown(type(error).__name__), _SMTP_SENDER.unknown("nobody could log in")]
    if code in _TEMPORARY:
        return [_SMTP_LOGIN.passed(), _SMTP_SENDER.unknown(f"the server said {code}: later")]
    return [_SMTP_LOGIN.passed(), _SMTP_SENDER.is_so(code in _TAKEN, f"the server said {code}")]
