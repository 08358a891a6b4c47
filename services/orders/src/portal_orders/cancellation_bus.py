"""Billing, fulfillment and support behind the ports of cancelling: asked over the bus, nothing kept."""

from collections.abc import Awaitable, Sequence
from typing import Final, TypeVar

from portal_chassis.bus import Bus
from portal_contracts.billing import ListClientServices, Subscription
from portal_contracts.billing_services import EndService, PlanQuote, QuotePlanChange, ServiceEnding
from portal_contracts.catalog import BillingCycle
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import EndLine, FindServiceLine, LineEnding, ServiceLine
from portal_contracts.support import CaseType, CloseStaffCase, OpenStaffCase

WRITE_SECONDS: Final = 60.0
"""How long an end in WHMCS is waited for: up to three writes one after the other."""
CASE_SECONDS: Final = 10.0
Answer = TypeVar("Answer")
LINE_SECONDS: Final = 10.0
"""The operator takes minutes: fulfillment answers `working` before this is over."""


class BusServiceBilling:
    """The `ServiceBilling` port: billing."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def services(self, whmcs_client_id: int) -> Sequence[Subscription]:
        """Ask for the list, live."""
        return (await self._bus.ask(ListClientServices(whmcs_client_id=whmcs_client_id))).subscriptions

    async def end(self, cancellation_id: str, whmcs_client_id: int, service_id: int) -> ServiceEnding:
        """Ask for the end."""
        command = EndService(cancellation_id=cancellation_id, whmcs_client_id=whmcs_client_id, service_id=service_id)
        return await self._bus.ask(command, timeout=WRITE_SECONDS)

    async def quote(self, whmcs_client_id: int, service_id: int, product_id: int, cycle: BillingCycle) -> PlanQuote:
        """Ask for the price."""
        query = QuotePlanChange(
            whmcs_client_id=whmcs_client_id, service_id=service_id, whmcs_product_id=product_id, billing_cycle=cycle
        )
        return await self._bus.ask(query)


class BusServiceLines:
    """The `ServiceLines` port: fulfillment."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def end(self, cancellation_id: str, account_id: str, service_id: int) -> LineEnding | None:
        """Ask for the end."""
        command = EndLine(cancellation_id=cancellation_id, account_id=account_id, service_id=service_id)
        return await _unless_missing(self._bus.ask(command, timeout=LINE_SECONDS))

    async def find(self, account_id: str, service_id: int) -> ServiceLine | None:
        """Ask for it."""
        query = FindServiceLine(account_id=account_id, service_id=service_id)
        return await _unless_missing(self._bus.ask(query))


async def _unless_missing(asked: Awaitable[Answer]) -> Answer | None:
    try:
        return await asked
    except Refused as no:
        if no.code != "NOT_FOUND":
            raise
        return None


class BusRequestCases:
    """The `RequestCases` port: support."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def open_cancellation(
        self, key: str, account_id: str, title: str, description: str, opportunity_id: str | None
    ) -> str:
        """Ask for a case of that type."""
        return await self._open("cancellation_request", key, account_id, (title, description), opportunity_id)

    async def open_inquiry(
        self, key: str, account_id: str, title: str, description: str, opportunity_id: str | None
    ) -> str:
        """Ask for a case of that type."""
        return await self._open("general_inquiry", key, account_id, (title, description), opportunity_id)

    async def open_task(
        self, key: str, account_id: str, title: str, description: str, opportunity_id: str | None
    ) -> str:
        """Ask for a case its customer does not see."""
        words = (title, description)
        return await self._open("cancellation_request", key, account_id, words, opportunity_id, for_customer=False)

    async def close(self, key: str) -> None:
        """Ask for it to be closed."""
        await _unless_missing(self._bus.ask(CloseStaffCase(case_key=key), timeout=CASE_SECONDS))

    async def _open(
        self,
        kind: CaseType,
        key: str,
        account_id: str,
        words: tuple[str, str],
        opportunity_id: str | None,
        *,
        for_customer: bool = True,
    ) -> str:
        command = OpenStaffCase(
            case_key=key,
            account_id=account_id,
            type=kind,
            title=words[0],
            description=words[1],
            for_customer=for_customer,
            opportunity_id=opportunity_id,
        )
        return (await self._bus.ask(command, timeout=CASE_SECONDS)).case_id
