"""What a hook file in WHMCS posts: how it is signed and what it may say (reference/whmcs.md 7.2, C28)."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final

from pydantic import BaseModel, Field, SecretStr, ValidationError

from portal_chassis.validation import refused_field
from portal_contracts.billing_hooks import TakeWhmcsHook
from portal_contracts.problems import Refused

WINDOW_SECONDS: Final = 300
_Id = Annotated[int, Field(ge=1, le=2_147_483_647)]


class _Things(BaseModel):
    invoice_id: _Id | None = None


class _Body(BaseModel):
    id: str
    event: str = Field(max_length=80)
    client_id: _Id | None = None
    data: _Things = _Things()


@dataclass(frozen=True, slots=True)
class HookEvent:
    """Whose copies are old: a client's, or those of whoever the invoice is for."""

    name: str
    client_id: int | None
    invoice_id: int | None


def genuine_event(command: TakeWhmcsHook, secrets: Sequence[SecretStr], now: datetime) -> HookEvent:
    """Give what an event says once it is known to come from our WHMCS.

    Refused SIGNED_CALL_EXPIRED, SIGNATURE_INVALID, also for an event id that was not signed, or BAD_REQUEST.
    """
    if abs(int(now.timestamp()) - int(command.timestamp)) > WINDOW_SECONDS:
        raise Refused("SIGNED_CALL_EXPIRED")
    signed = command.timestamp.encode() + b"." + command.body
    matches = [hmac.compare_digest(_signature(secret, signed), command.signature) for secret in secrets]
    if not any(matches):
        raise Refused("SIGNATURE_INVALID")
    try:
        body = _Body.model_validate_json(command.body)
    except ValidationError:
        raise refused_field("body", "an event of the hook file is expected") from None
    if body.id != command.event_id:
        raise Refused("SIGNATURE_INVALID")
    return HookEvent(body.event, body.client_id, body.data.invoice_id)


def _signature(secret: SecretStr, signed: bytes) -> str:
    return f"v1={hmac.new(secret.get_secret_value().encode(), signed, sha256).hexdigest()}"
