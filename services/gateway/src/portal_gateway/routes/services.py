"""A service joined from its three owners: WHMCS's record, the opportunity, the SIM line. Who is away leaves a gap."""

import asyncio
from typing import Final, Literal, TypeVar

from portal_contracts import billing, cancellation, sim_lines
from portal_contracts.message import Message, Request
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_gateway.exchange import Exchange
from portal_gateway.operation import Operation
from portal_gateway.reply import Reply, message_reply

Part = Literal["contract", "sim_line"]
R = TypeVar("R", bound=Message)


async def read_service(exchange: Exchange) -> Reply:
    """Ask the owners at once. WHMCS decides whose it is; what else cannot be read now is named instead of failing."""
    service_id = billing.ReadSubscription.model_validate_json(exchange.message()).service_id
    away: list[Part] = []

    async def part(name: Part, message: Request[R]) -> R | None:
        try:
            return await exchange.ask(message)
        except Refused as no:
            if no.code != "NOT_FOUND":  # an Internet service has no line
                away.append(name)
        except (TryLater, Misconfigured):
            away.append(name)
        return None

    subscription, contract, line = await asyncio.gather(
        exchange.ask(billing.ReadSubscription(service_id=service_id)),
        part("contract", cancellation.ReadServiceContract(service_id=service_id)),
        part("sim_line", sim_lines.ReadSimLine(service_id=service_id)),
    )
    detail = cancellation.ServiceDetail(
        subscription=subscription, contract=contract, sim_line=line, unavailable=sorted(away)
    )
    return message_reply(detail)


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/services/{serviceId}",
        message=billing.ReadSubscription,
        answer=read_service,
        reply=cancellation.ServiceDetail,
        replies={200: "The service; a part that cannot be read now is null and named"},
        problems=("NOT_FOUND",),
        vendors=("SALESFORCE_UNAVAILABLE",),
        tag="services",
        summary="Read one of the caller's services with its contract and its line.",
        operation_id="readService",
    ),
)
