"""What a hook file in WHMCS posts, passed on as it came: billing verifies it from the raw bytes (C28)."""

from base64 import urlsafe_b64encode
from typing import Final

from pydantic import ValidationError

from portal_contracts.billing_hooks import TakeWhmcsHook
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused
from portal_gateway.exchange import Exchange
from portal_gateway.operation import Operation
from portal_gateway.reply import Reply, message_reply

_HEADERS: Final = {
    "event_id": "X-Portal-Event-Id",
    "timestamp": "X-Portal-Timestamp",
    "signature": "X-Portal-Signature",
}


async def take_hook(exchange: Exchange) -> Reply:
    """Pass an event on. Refused SIGNATURE_MALFORMED naming the header that is missing or not as described."""
    raw = await exchange.raw_body()
    fields = {
        field: exchange.headers.get(name.lower().encode(), b"").decode("latin-1") for field, name in _HEADERS.items()
    }
    try:
        event = TakeWhmcsHook.model_validate({**fields, "body": urlsafe_b64encode(raw)})
    except ValidationError as error:
        faulty = {str(fault["loc"][0]) for fault in error.errors()}
        names = [name for field, name in _HEADERS.items() if field in faulty or _wire_name(field) in faulty]
        raise Refused("SIGNATURE_MALFORMED", facts={"header": names[0]}) from None
    await exchange.ask(event)
    return message_reply(Acknowledged(), 202)


def _wire_name(field: str) -> str:
    return TakeWhmcsHook.model_fields[field].alias or field


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/hooks/whmcs",
        message=TakeWhmcsHook,
        call_group="machines",
        answer=take_hook,
        replies={202: "Taken: what the portal kept of the client is read anew. A repeat is taken, too"},
        problems=(
            "SIGNATURE_MALFORMED",
            "SIGNATURE_INVALID",
            "SIGNED_CALL_EXPIRED",
            "NOT_FOUND",
            "BAD_REQUEST",
            "PAYLOAD_TOO_LARGE",
            "IDEMPOTENCY_KEY_REUSED",
        ),
        summary="Take an event that WHMCS posts, signed with `X-Portal-Timestamp` and `X-Portal-Signature`.",
    ),
)
