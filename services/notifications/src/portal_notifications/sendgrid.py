"""SendGrid's v3 Mail Send (reference sendgrid.md). Its field names and statuses occur here alone."""

from http import HTTPStatus
from typing import Any, Final

import httpx

from portal_chassis.logs import get_logger
from portal_chassis.outbound import KEPT_FOR_WRITES, Outbound
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_notifications.ports import Handed, Mail, Sending
from portal_notifications.settings import MailSettings

SEND: Final = "/v3/mail/send"
LONGEST_MESSAGE: Final = 200
READ_SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 5.0

log = get_logger(__name__)


class SendGrid:
    """The `Mailer` port on SendGrid or any host that speaks its API. Close it when the service stops."""

    def __init__(
        self,
        settings: MailSettings,
        outbound: Outbound | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` takes the place of sockets, for a simulation."""
        self._settings = settings
        self._outbound = outbound or Outbound("mail", at_once=10, longest_wait=10.0)
        self._client = httpx.AsyncClient(
            base_url=settings.sendgrid_base_url,
            headers={"Authorization": settings.bearer},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_keepalive_connections=KEPT_FOR_WRITES),
            follow_redirects=False,
            transport=transport,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def hand_over(self, mail: Mail) -> Handed:
        """POST the mail once. 2xx is sent; 429 and what never left are not now; lost answers and 5xx are unclear."""
        try:
            async with self._outbound.call("mail/send", timeout=READ_SECONDS + CONNECT_SECONDS):
                response = await self._client.post(SEND, json=self._body(mail))
                return _judge(response)
        except TryLater as problem:
            return Handed(Sending.NOT_NOW, wait=problem.retry_after)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Handed(Sending.NOT_NOW)
        except (httpx.HTTPError, TimeoutError) as error:
            log.warning("the mail provider's answer was lost", mail=mail.mail_id, error=type(error).__name__)
            return Handed(Sending.UNCLEAR)

    def _body(self, mail: Mail) -> dict[str, Any]:
        recipients: dict[str, Any] = {
            "to": [{"email": mail.to_address, "name": _name(mail.to_name)}],
            "custom_args": {"portal_message_id": mail.mail_id},
        }
        if mail.copy_to and mail.copy_to.casefold() != mail.to_address.casefold():
            recipients["cc"] = [{"email": mail.copy_to}]
        return {
            "personalizations": [recipients],
            "from": {"email": self._settings.mail_from, "name": self._settings.mail_from_name},
            "subject": mail.subject,
            "content": [{"type": "text/plain", "value": mail.text}, {"type": "text/html", "value": mail.html}],
            "tracking_settings": {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}},
        }


def _name(name: str) -> str:
    """SendGrid takes no comma or semicolon in a recipient's name."""
    return name.translate(str.maketrans(",;", "  "))


def _judge(response: httpx.Response) -> Handed:
    status = response.status_code
    if status in (HTTPStatus.ACCEPTED, HTTPStatus.OK):
        return Handed(Sending.SENT, provider_id=response.headers.get("X-Message-Id"))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Handed(Sending.NOT_NOW, wait=60)
    message = _message(response)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        raise Misconfigured("MAIL_MISCONFIGURED", facts={"message": f"{status} {message}"})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Handed(Sending.UNCLEAR)
    raise Refused("MAIL_REFUSED", facts={"message": f"{status} {message}"})


def _message(response: httpx.Response) -> str:
    """Give the first error's field and kind; its full text may quote the address, so quoted parts are left out."""
    try:
        first = response.json()["errors"][0]
    except (ValueError, LookupError, TypeError):
        return "no reason given"
    return f"{first.get('field') or ''}: {str(first.get('message', '')).split('. ')[0]}"[:LONGEST_MESSAGE]
