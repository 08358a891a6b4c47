"""Mails: what a customer wants, what staff see of them, and what the mail provider posts (R260–R266)."""

from base64 import urlsafe_b64encode
from typing import Final

from pydantic import ValidationError

from portal_contracts import notifications
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused
from portal_gateway.exchange import Exchange
from portal_gateway.operation import Operation, send_command, without
from portal_gateway.reply import Reply, message_reply
from portal_gateway.routes.operator_access import TAG

_HEADERS: Final = {
    "signature": "X-Twilio-Email-Event-Webhook-Signature",
    "timestamp": "X-Twilio-Email-Event-Webhook-Timestamp",
}
PreferencesBody: Final = without(notifications.ChangeMailPreferences, "request_id")
SendAgainBody: Final = without(notifications.SendMailAgain, "request_id", "mail_id")


async def take_events(exchange: Exchange) -> Reply:
    """Pass a posting on as it came. Refused SIGNATURE_MALFORMED naming the header that is missing or misshapen."""
    raw = await exchange.raw_body(notifications.MAIL_EVENTS_LIMIT)
    fields = {
        field: exchange.headers.get(name.lower().encode(), b"").decode("latin-1") for field, name in _HEADERS.items()
    }
    try:
        posting = notifications.TakeMailEvents.model_validate({**fields, "body": urlsafe_b64encode(raw)})
    except ValidationError as error:
        faulty = {str(fault["loc"][0]) for fault in error.errors()}
        header = next((name for field, name in _HEADERS.items() if field in faulty), "")
        raise Refused("SIGNATURE_MALFORMED", facts={"header": header}) from None
    await exchange.ask(posting)
    return message_reply(Acknowledged(), 202)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/me/mail-preferences",
        message=notifications.ReadMailPreferences,
        replies={200: "Every topic, and whether its mails are wanted"},
    ),
    Operation(
        method="PUT",
        path="/me/mail-preferences",
        message=notifications.ChangeMailPreferences,
        answer=send_command,
        body=PreferencesBody,
        replies={200: "How it stands now"},
        idempotency_key=True,
        problems=("IDEMPOTENCY_KEY_REUSED",),
    ),
    Operation(
        method="POST",
        path="/hooks/sendgrid",
        message=notifications.TakeMailEvents,
        call_group="machines",
        answer=take_events,
        replies={202: "Taken. A repeat is taken, too, and changes nothing"},
        problems=(
            "SIGNATURE_MALFORMED",
            "SIGNATURE_INVALID",
            "SIGNED_CALL_EXPIRED",
            "NOT_FOUND",
            "BAD_REQUEST",
            "PAYLOAD_TOO_LARGE",
        ),
        summary="Take what the mail provider's signed Event Webhook posts.",
    ),
    Operation(
        method="GET",
        path="/operator/mails",
        message=notifications.ListMails,
        replies={200: "Mails and what became of each, the newest first"},
        tag=TAG,
    ),
    Operation(
        method="POST",
        path="/operator/mails/{mailId}/send-again",
        message=notifications.SendMailAgain,
        answer=send_command,
        body=SendAgainBody,
        replies={200: "What was done, or would be"},
        idempotency_key=True,
        problems=("NOT_FOUND", "MAIL_NOT_REPEATABLE", "IDEMPOTENCY_KEY_REUSED", "IN_PROGRESS"),
        tag=TAG,
    ),
)
