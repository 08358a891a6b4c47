"""What wakes and mends an order's provisioning from outside: Salesforce's signed call, and the customer's own hands."""

from typing import Final

from portal_contracts import provisioning, provisioning_requests
from portal_contracts.message import Acknowledged
from portal_contracts.porting import NumberPorting
from portal_contracts.problems import Refused
from portal_gateway.exchange import Exchange
from portal_gateway.operation import Operation
from portal_gateway.reply import Reply, json_reply, message_reply


async def request_provisioning(exchange: Exchange) -> Reply:
    """Check a signed call and pass it on: size, shape, time, MAC, caller here; nonce and effect where the work is done.

    The id is made 18 characters long only after the signature over the path as sent was found right. Without keys there
    are no signed calls and no such path (R138–R141, R267).
    """
    signed_calls = exchange.gateway.signed_calls
    if signed_calls is None:
        raise Refused("NOT_FOUND")
    raw = await exchange.raw_body()
    call = signed_calls.verified(exchange.scope, raw)
    request = exchange.completed(
        body=exchange.body_of(provisioning_requests.ProvisionCallBody, raw),
        body_sha256=call.body_sha256,
        idempotency_key=call.idempotency_key,
        key_id=call.key_id,
        nonce=call.nonce,
        signed_at=call.signed_at,
    )
    return message_reply(await exchange.ask(request), 202)


async def recheck(exchange: Exchange) -> Reply:
    """Have the caller's waiting order looked at again; what comes of it is in the timeline (§2.1)."""
    await exchange.command()
    return message_reply(Acknowledged(), 202)


async def change_porting(exchange: Exchange) -> Reply:
    """Give a new reservation for the number the order brings along (D09)."""
    porting = await exchange.body(NumberPorting)
    await exchange.command(porting=porting)
    return message_reply(Acknowledged(), 202)


async def reveal_esim_code(exchange: Exchange) -> Reply:
    """Show the code, a secret: nobody on the way may keep the answer (D11)."""
    return json_reply(await exchange.command(), 200, (b"pragma", b"no-cache"))


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/orders/{orderId}/provision",
        message=provisioning_requests.RequestProvisioning,
        call_group="machines",
        answer=request_provisioning,
        body=provisioning_requests.ProvisionCallBody,
        replies={202: "Accepted: what comes of it is in the order's timeline"},
        problems=(
            "SIGNATURE_MALFORMED",
            "SIGNATURE_INVALID",
            "SIGNED_CALL_EXPIRED",
            "NONCE_REPLAYED",
            "CALLER_NOT_ALLOWED",
            "NOT_FOUND",
            "IN_PROGRESS",
            "IDEMPOTENCY_KEY_REUSED",
        ),
        summary="Ask for an approved order to be provisioned, by a call that Salesforce signs.",
        signed=True,
    ),
    Operation(
        method="POST",
        path="/orders/{orderId}/recheck",
        message=provisioning_requests.RecheckOrder,
        answer=recheck,
        replies={202: "It is looked at again now: see its timeline"},
        idempotency_key=True,
        problems=("NOT_FOUND",),
    ),
    Operation(
        method="POST",
        path="/orders/{orderId}/porting",
        message=provisioning_requests.ChangePorting,
        answer=change_porting,
        body=NumberPorting,
        replies={202: "Taken, and the order is looked at again now: see its timeline"},
        idempotency_key=True,
        problems=(
            "NOT_FOUND",
            "PORTING_DATA_MISSING",
            "PORTING_TOO_SHORT",
            "PORTING_NOT_OFFERED",
            "PROVISIONING_PAST_PIVOT",
            "IDEMPOTENCY_KEY_REUSED",
        ),
    ),
    Operation(
        method="POST",
        path="/orders/{orderId}/esim-code",
        step_up=True,
        message=provisioning.RevealEsimCode,
        answer=reveal_esim_code,
        replies={200: "The code. Repeating the request with the same Idempotency-Key shows it again for a while"},
        idempotency_key=True,
        problems=("NOT_FOUND", "STEP_UP_REQUIRED", "ESIM_CODE_NOT_READY", "ESIM_CODE_ALREADY_SHOWN"),
        tag="orders",
    ),
)
