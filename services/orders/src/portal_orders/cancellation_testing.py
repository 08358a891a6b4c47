# ruff: noqa: ARG002 - fakes keep the signature of their port
"""Fakes of what cancelling needs. Nothing outside of tests imports this."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from portal_chassis.clocks import BusinessClock
from portal_chassis.memory import InMemoryTransaction
from portal_chassis.postgres import Transaction
from portal_contracts.billing import Subscription, SubscriptionState
from portal_contracts.billing_services import PlanQuote, ServiceEnding
from portal_contracts.cancellation import CancellationState
from portal_contracts.catalog import BillingCycle
from portal_contracts.problems import PortalProblem, Refused, TryLater
from portal_contracts.sim_lines import LineEnding, ServiceLine
from portal_contracts.values import long_salesforce_id
from portal_orders.cancellation_ports import OPEN, Contract, KeptCancellation
from portal_orders.ports import OrderMoved

SIM, INTERNET, VPN = 7001, 7002, 7003
"""Services of the customer in tests."""


class InMemoryContracts:
    """The `Contracts` port. `lose` makes the next write's answer get lost, after its effect or before."""

    def __init__(self, clock: BusinessClock) -> None:
        self._clock = clock
        self.rows: dict[int, Contract] = {}
        self.writes: list[str] = []
        self.lose: str | None = None
        self.fails_with: PortalProblem | None = None

    def put(self, service_id: int, contract: Contract) -> None:
        """Let it be there."""
        self.rows[service_id] = contract

    def change(self, service_id: int, **facts: object) -> None:
        """Have staff change it."""
        later = self.rows[service_id].changed_at + timedelta(seconds=1)
        self.rows[service_id] = replace(self.rows[service_id], changed_at=later, **facts)  # type: ignore[arg-type]

    async def of_service(self, account_id: str, service_id: int) -> Contract | None:
        """Find it."""
        if self.fails_with is not None:
            raise self.fails_with
        found = self.rows.get(service_id)
        return found if found is not None and found.account_id == account_id else None

    async def write_cancelling(self, contract: Contract, ends_at: datetime, *, equipment: bool) -> None:
        """Write it."""
        returned = "not_yet" if equipment else "not_needed"
        self._write(contract, "cancelling", ends_at=ends_at, line_return=returned)

    async def write_active(self, contract: Contract) -> None:
        """Write it."""
        self._write(contract, "active", ends_at=None, line_return="unknown")

    async def write_cancelled(self, contract: Contract) -> None:
        """Write it."""
        self._write(contract, "cancelled")

    def _write(self, contract: Contract, stage: str, **facts: object) -> None:
        service_id = next(key for key, row in self.rows.items() if row.opportunity_id == contract.opportunity_id)
        if self.rows[service_id].changed_at != contract.changed_at:
            raise OrderMoved
        lost, self.lose = self.lose, None
        if lost != "before":
            self.writes.append(stage)
            self.change(service_id, stage=stage, **facts)
        if lost is not None:
            raise TryLater("SALESFORCE_UNAVAILABLE")


@dataclass
class InMemoryCancellations:
    """The `Cancellations` port."""

    rows: dict[str, KeptCancellation] = field(default_factory=dict)

    async def add(self, transaction: Transaction, cancellation: KeptCancellation) -> bool:
        """Keep it unless its request is known or its service has an open one."""
        for row in self.rows.values():
            if (row.account_id, row.request) == (cancellation.account_id, cancellation.request):
                return False
            if row.service_id == cancellation.service_id and row.state in OPEN:
                return False
        self.rows[cancellation.cancellation_id] = cancellation
        if isinstance(transaction, InMemoryTransaction):
            transaction.on_rollback(lambda: self.rows.__delitem__(cancellation.cancellation_id))
        return True

    async def of_request(self, account_id: str, request: str) -> KeptCancellation | None:
        """Find it."""
        wanted = (account_id, request)
        return next((row for row in self.rows.values() if (row.account_id, row.request) == wanted), None)

    async def of_service(self, account_id: str, service_id: int) -> KeptCancellation | None:
        """Give the newest."""
        wanted = (account_id, service_id)
        found = [row for row in self.rows.values() if (row.account_id, row.service_id) == wanted]
        return max(found, key=lambda row: row.requested_at, default=None)

    async def lock(self, transaction: Transaction, cancellation_id: str) -> KeptCancellation | None:
        """Give it; one task at a time needs no lock."""
        return self.rows.get(cancellation_id)

    async def move(
        self, transaction: Transaction, cancellation_id: str, before: Sequence[CancellationState], to: CancellationState
    ) -> bool:
        """Change it."""
        row = self.rows[cancellation_id]
        if row.state not in before:
            return False
        if isinstance(transaction, InMemoryTransaction):
            transaction.on_rollback(lambda: self.rows.__setitem__(cancellation_id, row))
        self.rows[cancellation_id] = replace(row, state=to)
        return True

    async def reschedule(self, transaction: Transaction, cancellation_id: str, ends_on: date, at: datetime) -> None:
        """Change it."""
        self.rows[cancellation_id] = replace(self.rows[cancellation_id], ends_on=ends_on, effective_at=at)


@dataclass
class FixedServiceBilling:
    """The `ServiceBilling` port: services of one client, and what was ended."""

    client_id: int
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    price: int | None = 880
    fails_with: PortalProblem | None = None
    loses: int = 0
    """How many answers of an end get lost after its effect."""

    def set_state(self, service_id: int, state: SubscriptionState) -> None:
        """Have staff change a service in WHMCS."""
        self.subscriptions[service_id] = self.subscriptions[service_id].model_copy(update={"state": state})

    async def services(self, whmcs_client_id: int) -> Sequence[Subscription]:
        """Give them."""
        if self.fails_with is not None:
            raise self.fails_with
        return list(self.subscriptions.values()) if whmcs_client_id == self.client_id else []

    async def end(self, cancellation_id: str, whmcs_client_id: int, service_id: int) -> ServiceEnding:
        """End it."""
        if self.subscriptions[service_id].state != "terminated":
            self.ended.append(service_id)
            self.set_state(service_id, "terminated")
        if self.loses:
            self.loses -= 1
            raise TryLater("WHMCS_UNAVAILABLE")
        return ServiceEnding(state="terminated", ended=True)

    async def quote(self, whmcs_client_id: int, service_id: int, product_id: int, cycle: BillingCycle) -> PlanQuote:
        """Give the price."""
        if self.price is None:
            raise Refused("PLAN_CHANGE_NOT_OFFERED", facts={"sku": product_id})
        return PlanQuote(price_now=self.price)


@dataclass
class FixedServiceLines:
    """The `ServiceLines` port: `known` services have a line; `answers` come one after the other, then `done`."""

    known: set[int] = field(default_factory=set)
    answers: list[LineEnding | PortalProblem] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    finds: PortalProblem | None = None

    async def end(self, cancellation_id: str, account_id: str, service_id: int) -> LineEnding | None:
        """End it."""
        self.asked.append((cancellation_id, service_id))
        if service_id not in self.known:
            return None
        answer = self.answers.pop(0) if self.answers else LineEnding(state="done")
        if isinstance(answer, PortalProblem):
            raise answer
        return answer

    async def find(self, account_id: str, service_id: int) -> ServiceLine | None:
        """Look it up."""
        if self.finds is not None:
            raise self.finds
        if service_id not in self.known:
            return None
        return ServiceLine(phone_number="07000006001", iccid="8981030000000000015", esim=True, plan="PASI_20G")


@dataclass
class InMemoryRequestCases:
    """The `RequestCases` port: kind, title and text by key."""

    opened: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    tasks: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """What staff keep among themselves."""
    closed: list[str] = field(default_factory=list)

    async def open_cancellation(
        self, key: str, account_id: str, title: str, description: str, opportunity_id: str | None
    ) -> str:
        """Open it once."""
        return self._open(key, ("cancellation_request", title, description))

    async def open_inquiry(
        self, key: str, account_id: str, title: str, description: str, opportunity_id: str | None
    ) -> str:
        """Open it once."""
        return self._open(key, ("general_inquiry", title, description))

    async def open_task(
        self, key: str, account_id: str, title: str, description: str, opportunity_id: str | None
    ) -> str:
        """Open it once."""
        self.tasks.setdefault(key, ("cancellation_request", title, description))
        return long_salesforce_id(f"500{1000 + list(self.tasks).index(key):012d}")

    def _open(self, key: str, case: tuple[str, str, str]) -> str:
        self.opened.setdefault(key, case)
        return long_salesforce_id(f"500{list(self.opened).index(key):012d}")

    async def close(self, key: str) -> None:
        """Close it."""
        if key in self.opened and key not in self.closed:
            self.closed.append(key)
