"""Where a rule can be switched off: each function gives the real part, or one that breaks its rule.

Nothing here is used by the portal; the parts stand where the portal's own would in a simulation's wiring.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import httpx

from portal_billing.testing import MemoryOrderBook
from portal_chassis.clocks import MachineClock
from portal_chassis.memory import InMemoryDatabase
from portal_chassis.process_memory import InMemoryProcessStore
from portal_chassis.process_port import Claim
from portal_contracts.message import Event
from portal_contracts.orders import ProvisioningOrder, ProvisionRequested, RecordOutcome
from portal_contracts.problems import Refused
from portal_fulfillment.ports import Orders
from portal_simulation.in_process_http import InProcessTransport, InProcessVendor
from portal_simulation.rules import Rules

_SHORT = 15


def process_store_of(machine: MachineClock, database: InMemoryDatabase, rules: Rules) -> InMemoryProcessStore:
    """The process store; without leases anybody takes what is due, without fencing anybody writes."""
    if not rules.leases:
        return _Leaseless(machine, database)
    if not rules.fencing:
        return _Unfenced(machine, database)
    return InMemoryProcessStore(machine, database)


class _Leaseless(InMemoryProcessStore):
    async def claim(
        self, kinds: Collection[str], now: datetime, limit: int, *, key: str | None = None
    ) -> Sequence[Claim]:
        for row in self._rows.values():
            if row.lease is not None and row.due is not None and row.due <= now:
                row.lease_until = 0.0
        return await super().claim(kinds, now, limit, key=key)


class _Unfenced(InMemoryProcessStore):
    def _held(self, claim: Claim) -> Any:
        return self._by_id[claim.id]


def order_book_of(rules: Rules) -> MemoryOrderBook:
    """Billing's book; without the rule nobody is registered as the winner."""
    return MemoryOrderBook() if rules.registered_winner else _EverybodyWins()


class _EverybodyWins(MemoryOrderBook):
    async def elect(self, order_id: str, round_: int, whmcs_order_id: int) -> int | None:  # noqa: ARG002 - the port's signature
        return whmcs_order_id


def orders_port_of(port: Orders, first_readings: dict[str, ProvisioningOrder], rules: Rules) -> Orders:
    """Fulfillment's view of Salesforce; without the rule an order is read once and believed by everybody for ever."""
    return port if rules.read_before_acting else _ReadOnce(port, first_readings)


class _ReadOnce:
    def __init__(self, port: Orders, first_readings: dict[str, ProvisioningOrder]) -> None:
        self._port = port
        self._known = first_readings

    async def read(self, order_id: str) -> ProvisioningOrder:
        if order_id not in self._known:
            self._known[order_id] = await self._port.read(order_id)
        return self._known[order_id]

    async def mark_activating(self, order_id: str, attempt: int) -> None:
        with suppress(Refused):  # orders looks as well, and says that the approval is gone
            await self._port.mark_activating(order_id, attempt)

    async def record(self, outcome: RecordOutcome) -> None:
        with suppress(Refused):  # the same
            await self._port.record(outcome)


def event_as_read(event: Event, rules: Rules) -> Event:
    """An event as its consumer gets it; without the rule a platform event's short id stays as it came."""
    if rules.ids_are_normalised or not isinstance(event, ProvisionRequested) or event.source != "platform_event":
        return event
    return event.model_copy(update={"order_id": event.order_id[:_SHORT]})


def transport_of(
    vendor: InProcessVendor, reach: Callable[[str], Awaitable[None]], rules: Rules
) -> httpx.AsyncBaseTransport:
    """The way to a vendor; without the paging rule WHMCS's lists seem to end with their first page."""
    transport = InProcessTransport(vendor, reach)
    return transport if rules.all_pages or vendor.name != "whmcs" else _FirstPageOnly(transport)


class _FirstPageOnly(httpx.AsyncBaseTransport):
    def __init__(self, inner: InProcessTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        try:
            said = json.loads(body)
            said["totalresults"] = said["numreturned"]
            body = json.dumps(said).encode()
        except (ValueError, KeyError, TypeError):
            pass
        return httpx.Response(response.status_code, headers=response.headers, stream=_Whole(body), request=request)


class _Whole(httpx.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
