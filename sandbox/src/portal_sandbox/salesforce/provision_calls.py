"""The org's callout to the portal: quick action, Activate Now, Option A (R136, R138, R155, R156, R168)."""

import asyncio
import json
import secrets
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from portal_sandbox.core import Core
from portal_sandbox.salesforce.signed_call import SignedCall
from portal_sandbox.salesforce.switches import VENDOR

CALLOUT_SECONDS = 10
"""How long Apex waits for an answer unless told otherwise."""
LONGEST_TEXT = 80
_SHOWN_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class ProvisionCall:
    """One callout to be made. Fields left empty are filled as the org would; tests set them to spoil the call.

    `source` says what in the org calls: `quick_action`, `activate_now`, `scheduled_path`, `scheduled_flow`, `control`.
    `timestamp` is Unix seconds of the machine clock: the receiver compares it with its own.
    """

    order_id: str
    source: str
    caller: str = ""
    requested_by: str = ""
    correlation_id: str = ""
    idempotency_key: str = ""
    nonce: str = ""
    timestamp: int | None = None
    key_id: str = ""
    key: str = ""

    def body(self) -> bytes:
        """The JSON that is sent."""
        said = {"requestedBy": self.requested_by[:LONGEST_TEXT], "correlationId": self.correlation_id[:LONGEST_TEXT]}
        return json.dumps({name: text for name, text in said.items() if text}, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What came of it: the portal's status and body, or why there is none. `headers` are those sent."""

    status: int | None
    body: str = ""
    error: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def taken(self) -> bool:
        """The portal answered 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's success range


class ProvisionCalls:
    """Signs, sends and records. One entry per callout in the ledger: `salesforce.callout.sent` or `.failed`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def send(self, call: ProvisionCall) -> CallOutcome:
        """Makes the callout; never raises for what the portal or the network does."""
        settings = self._core.settings
        idempotency_key = call.idempotency_key or f"{call.order_id}-{uuid.uuid4()}"
        if not settings.portal_url:
            outcome = CallOutcome(None, error="SANDBOX_PORTAL_URL is not set")
        else:
            outcome = await self._post(call, idempotency_key)
        with self._core.store.transaction() as db:
            self._core.ledger.record(
                db,
                vendor=VENDOR,
                kind=f"salesforce.callout.{'sent' if outcome.taken else 'failed'}",
                key=call.order_id,
                caller=call.caller,
                detail={
                    "source": call.source,
                    "idempotencyKey": idempotency_key,
                    "status": outcome.status,
                    "body": outcome.body[:_SHOWN_CHARACTERS],
                    "error": outcome.error,
                },
            )
        return outcome

    async def _post(self, call: ProvisionCall, idempotency_key: str) -> CallOutcome:
        settings = self._core.settings
        url = f"{settings.portal_url.rstrip('/')}/orders/{call.order_id}/provision"
        body = call.body()
        clock = self._core.clock
        signed = SignedCall(
            method="POST",
            path=urlsplit(url).path,
            query="",
            # A signature lives on machine time, however far the business clock was moved.
            timestamp=int(clock.now().timestamp()) - clock.offset_seconds()
            if call.timestamp is None
            else call.timestamp,
            nonce=call.nonce or secrets.token_hex(16),
            idempotency_key=idempotency_key,
            key_id=call.key_id or settings.portal_key_id,
            body=body,
        )
        headers = signed.headers(call.key or settings.portal_key)
        try:
            async with asyncio.timeout(CALLOUT_SECONDS):
                answer = await self._core.post(url, headers, body)
        except TimeoutError:
            return CallOutcome(None, error="Read timed out", headers=headers)
        except (OSError, ValueError) as error:
            return CallOutcome(None, error=f"{type(error).__name__}: {error}", headers=headers)
        return CallOutcome(answer.status, answer.body.decode(errors="replace"), headers=headers)
