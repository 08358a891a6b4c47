"""What tests steer in the org beside its API; served on the control port."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from portal_sandbox.salesforce import ids
from portal_sandbox.salesforce.event_drill import EventDrill, publish
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.provision_calls import ProvisionCall

_TEXTS = {
    "orderId": "order_id",
    "requestedBy": "requested_by",
    "correlationId": "correlation_id",
    "idempotencyKey": "idempotency_key",
    "nonce": "nonce",
    "keyId": "key_id",
    "key": "key",
}


def control_routes(org: Org) -> list[Route]:
    """`POST /salesforce/provision-call` and `POST /salesforce/events`."""

    async def provision_call(request: Request) -> Response:
        outcome = await org.calls.send(_call(await _object(request), org.core.settings.salesforce_staff_username))
        told = {"status": outcome.status, "body": outcome.body, "error": outcome.error, "headers": outcome.headers}
        return JSONResponse({**told, "taken": outcome.taken})

    async def events(request: Request) -> Response:
        drill = EventDrill.from_json(await _object(request))
        return JSONResponse({"eventIds": await publish(org, drill)}, 201)

    return [
        Route("/salesforce/provision-call", provision_call, methods=["POST"]),
        Route("/salesforce/events", events, methods=["POST"]),
    ]


def _call(asked: Mapping[str, Any], caller: str) -> ProvisionCall:
    unknown = set(asked) - {*_TEXTS, "timestamp"}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join([*_TEXTS, 'timestamp'])}")
    texts = {_TEXTS[name]: value for name, value in asked.items() if name in _TEXTS}
    timestamp = asked.get("timestamp")
    if not all(isinstance(value, str) for value in texts.values()) or not isinstance(timestamp, int | None):
        raise ValueError("texts must be JSON strings, timestamp a whole number")
    order_id = ids.normalize(texts.pop("order_id", ""))
    if order_id is None:
        raise ValueError("orderId must be a Salesforce id of 15 or 18 characters")
    return ProvisionCall(order_id, "control", caller=caller, timestamp=timestamp, **texts)


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except json.JSONDecodeError as error:
        raise ValueError("the body is not JSON") from error
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - answered as 400 like every wrong body
    return body
