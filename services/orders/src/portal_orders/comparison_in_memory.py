"""Fakes of the comparison's ports, for tests on fakes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from portal_chassis.postgres import Transaction
from portal_contracts.drift import Drift, DriftKind, LinkedClients
from portal_contracts.problems import PortalProblem
from portal_contracts.whmcs_orders import BilledClient, BilledClientPage
from portal_orders.comparison_ports import ComparedAccount, Difference
from portal_orders.order import SalesOrder
from portal_orders.rows_in_memory import rolled_back
from portal_orders.testing import InMemorySales

PAGE = 200


@dataclass
class FixedClients:
    """WHMCS's clients. `fails_with` is raised by the next calls, one each."""

    clients: dict[int, BilledClient] = field(default_factory=dict)
    fails_with: list[PortalProblem] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    async def page(self, after: int, most: int) -> BilledClientPage:
        """Give the next ones."""
        self.asked.append(after)
        if self.fails_with:
            raise self.fails_with.pop(0)
        rest = [self.clients[number] for number in sorted(self.clients) if number > after]
        last = rest[most - 1].whmcs_client_id if len(rest) > most else None
        return BilledClientPage(clients=rest[:most], last_client_id=last)

    async def one(self, whmcs_client_id: int) -> BilledClient | None:
        """Look it up."""
        return self.clients.get(whmcs_client_id)


@dataclass
class FixedLinks:
    """Identity's links by client, and those of customers who were deleted."""

    linked: dict[int, str] = field(default_factory=dict)
    deleted: dict[int, str] = field(default_factory=dict)

    async def of(self, whmcs_client_ids: Collection[int]) -> LinkedClients:
        """Look them up."""
        return LinkedClients(
            linked={number: self.linked[number] for number in whmcs_client_ids if number in self.linked},
            deleted={number: self.deleted[number] for number in whmcs_client_ids if number in self.deleted},
        )


class InMemoryRecords:
    """The fake org's accounts, orders and opportunities."""

    def __init__(self, sales: InMemorySales) -> None:
        self._sales = sales
        self.addresses: dict[str, str] = {}
        self.names_services = True
        self.gone: set[str] = set()

    async def accounts(self, account_ids: Collection[str]) -> Mapping[str, ComparedAccount]:
        """Join them."""
        return {
            account_id: ComparedAccount(
                account_id=account_id,
                orders=list(await self._sales.of_account(account_id)),
                stages={number: one.stage for number, one in self._sales.opportunities.items()},
                service_ids=frozenset(
                    one.service_id
                    for one in self._sales.opportunities.values()
                    if one.account_id == account_id and one.service_id is not None
                ),
                names_services=self.names_services,
                address_fingerprint=self.addresses.get(account_id),
            )
            for account_id in account_ids
            if account_id not in self.gone
        }

    async def page_of_orders(self, after: str | None) -> Sequence[SalesOrder]:
        """Give the next ones."""
        wanted = [
            order
            for order_id, order in sorted(self._sales.orders.items())
            if order_id > (after or "") and order.key and order.state in ("approved", "completed")
        ]
        return wanted[:PAGE]


class InMemoryDifferences:
    """The table in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[str, Drift] = {}
        self.accounts: dict[str, datetime] = {}

    async def see(self, transaction: Transaction, found: Sequence[Difference], at: datetime) -> None:
        """Insert or refresh."""
        before = dict(self.rows)
        rolled_back(transaction, lambda: self._restore(before))
        for one in found:
            held = self.rows.get(one.id)
            self.rows[one.id] = Drift(
                id=one.id,
                kind=one.kind,
                order_id=one.order_id,
                account_id=one.account_id,
                whmcs_client_id=one.whmcs_client_id,
                whmcs_service_id=one.whmcs_service_id,
                facts=one.facts,
                repair=one.repair,
                repairable=one.repairable,
                first_seen_at=held.first_seen_at if held else at,
                last_seen_at=at,
            )

    async def close(self, transaction: Transaction, difference_id: str, _at: datetime) -> None:
        """Remove it."""
        before = dict(self.rows)
        rolled_back(transaction, lambda: self._restore(before))
        self.rows.pop(difference_id, None)

    async def close_unseen(self, transaction: Transaction, since: datetime, _at: datetime) -> None:
        """Remove what is gone."""
        before = dict(self.rows)
        rolled_back(transaction, lambda: self._restore(before))
        self.rows = {name: row for name, row in self.rows.items() if row.last_seen_at >= since}

    def _restore(self, rows: dict[str, Drift]) -> None:
        self.rows = rows

    async def find(self, difference_id: str) -> Drift | None:
        """Look it up."""
        return self.rows.get(difference_id)

    async def open(self, kind: DriftKind | None) -> Sequence[Drift]:
        """Filter and sort."""
        wanted = [row for row in self.rows.values() if kind in (None, row.kind)]
        return sorted(wanted, key=lambda row: (row.first_seen_at, row.id))

    async def totals(self) -> Mapping[str, int]:
        """Count."""
        kinds = [row.kind for row in self.rows.values()]
        return {kind: kinds.count(kind) for kind in set(kinds)}

    async def accounts_seen(self, _transaction: Transaction, account_ids: Collection[str], at: datetime) -> None:
        """Remember them."""
        self.accounts |= dict.fromkeys(account_ids, at)

    async def seen_since(self, account_ids: Collection[str], since: datetime) -> Collection[str]:
        """Filter."""
        return {one for one in account_ids if one in self.accounts and self.accounts[one] >= since}
