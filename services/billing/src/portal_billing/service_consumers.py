"""Bus in: what other services have done to a running service. One short function per message."""

from dataclasses import dataclass

from portal_billing.charge_extra import Charge
from portal_billing.end_service import EndRunningService, QuoteAnotherPlan
from portal_chassis.bus import Bus, Call
from portal_contracts import billing_services


@dataclass(frozen=True, slots=True)
class ServiceCases:
    """What the handlers delegate to."""

    charge: Charge
    end: EndRunningService
    quote: QuoteAnotherPlan


def register_services(bus: Bus, use: ServiceCases) -> None:
    """Answer orders and fulfillment."""

    @bus.answers(billing_services.ChargeExtra)
    async def charge(command: billing_services.ChargeExtra, call: Call) -> billing_services.ChargeState:
        return await use.charge(command, call.deadline)

    @bus.answers(billing_services.EndService)
    async def end(command: billing_services.EndService, _: Call) -> billing_services.ServiceEnding:
        return await use.end(command)

    @bus.answers(billing_services.QuotePlanChange)
    async def quote(query: billing_services.QuotePlanChange, _: Call) -> billing_services.PlanQuote:
        return await use.quote(query)
