"""Extra invoices and running services in memory, as WHMCS would have them."""

from dataclasses import dataclass, field

from portal_billing.service_ports import Extra, Quote
from portal_billing.testing.faults import Fates
from portal_contracts.billing import SubscriptionState
from portal_contracts.catalog import BillingCycle
from portal_contracts.problems import Refused


@dataclass(slots=True)
class FakeExtras:
    """The `Extras` port. `made` holds every invoice, twins too."""

    fates: Fates
    made: list[Extra] = field(default_factory=list)

    async def find(self, client_id: int, key: str) -> int | None:
        """Find by key."""
        return await self.fates.read("GetInvoices", lambda: self._numbers(client_id, key))

    def _numbers(self, client_id: int, key: str) -> int | None:
        found = (number for number, one in enumerate(self.made, 1) if (one.client_id, one.key) == (client_id, key))
        return next(found, None)

    async def create(self, extra: Extra, *, send_by: float) -> int:
        """Make one more."""
        return await self.fates.write("CreateInvoice", lambda: self._make(extra), send_by=send_by)

    def _make(self, extra: Extra) -> int:
        self.made.append(extra)
        return len(self.made)


@dataclass(slots=True)
class FakeRunningServices:
    """The `RunningServices` port: states by client and service."""

    fates: Fates
    states: dict[tuple[int, int], SubscriptionState] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    terminated: list[int] = field(default_factory=list)
    quoted: Quote | None = None
    keeps: bool = False
    """Whether a service stays as it is although it was ended."""

    async def state(self, client_id: int, service_id: int) -> SubscriptionState:
        """Give it."""
        found = await self.fates.read("GetClientsProducts", lambda: self.states.get((client_id, service_id)))
        if found is None:
            raise Refused("NOT_FOUND")
        return found

    async def ask_to_cancel(self, service_id: int, reason: str) -> None:  # noqa: ARG002 - the port's signature
        """Keep the request."""
        await self.fates.write("AddCancelRequest", lambda: self.asked.append(service_id), send_by=float("inf"))

    async def terminate(self, service_id: int) -> None:
        """End it."""
        await self.fates.write("ModuleTerminate", lambda: self._end(service_id), send_by=float("inf"))

    def _end(self, service_id: int) -> None:
        self.terminated.append(service_id)
        for key in self.states:
            if key[1] == service_id and not self.keeps:
                self.states[key] = "terminated"

    async def quote(self, client_id: int, service_id: int, product_id: int, cycle: BillingCycle) -> Quote:  # noqa: ARG002 - as above
        """Give what was put there."""
        if self.quoted is None:
            raise Refused("PLAN_CHANGE_NOT_OFFERED", facts={"sku": product_id})
        return self.quoted
