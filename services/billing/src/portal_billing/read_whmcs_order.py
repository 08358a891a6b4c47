from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal_billing.operated_order import Operations
from portal_billing.order import FoundOrder
from portal_billing.order_desk import OrderDesk, Verdict
from portal_billing.ports import OrderJournal, Orders
from portal_chassis.process import JournalEntry as ProcessEntry
from portal_contracts.problems import Misconfigured, TryLater
from portal_contracts.provisioning import JournalEntry
from portal_contracts.whmcs_orders import FoundWhmcsOrder, ReadWhmcsOrder, WhmcsOrderFile


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """Gives the evidence of an order: what was wanted, decided and journalled, and what WHMCS has now."""

    operations: Operations
    orders: Orders
    journal: OrderJournal

    async def __call__(self, query: ReadWhmcsOrder) -> WhmcsOrderFile:
        """Refused NOT_FOUND."""
        order = await self.operations.read(query.order_id)
        desk, verdicts = order.desk, await self.operations.book.verdicts(query.order_id)
        found = await self._found(desk)
        return WhmcsOrderFile(
            order_id=desk.order_id,
            whmcs_client_id=desk.client_id,
            goal=desk.goal,
            phase=order.progress.phase,
            round=desk.round,
            code=order.code,
            lines=list(desk.lines),
            found=None if found is None else [_shown(one, verdicts) for one in found],
            journal=[_entry(one) for one in await self.journal.entries(query.order_id)],
        )

    async def _found(self, desk: OrderDesk) -> Sequence[FoundOrder] | None:
        """Search now; None when WHMCS cannot be asked, which is not "nothing"."""
        try:
            return await self.orders.search(desk.client_id, desk.order_id) if desk.client_id else ()
        except (TryLater, Misconfigured):
            return None


def _shown(order: FoundOrder, verdicts: Mapping[int, Verdict]) -> FoundWhmcsOrder:
    verdict = verdicts.get(order.id)
    return FoundWhmcsOrder(
        whmcs_order_id=order.id,
        state=order.state,
        amount=order.amount,
        invoice_id=order.invoice_id,
        service_ids=[service.id for service in order.services],
        verdict="undecided" if verdict is None else "winner" if verdict.winner else "extra",
    )


def _entry(entry: ProcessEntry) -> JournalEntry:
    return JournalEntry(
        at=entry.at,
        attempt=entry.attempt,
        step=entry.step,
        call=entry.call,
        state=entry.state,
        fingerprint=entry.fingerprint,
        external_id=entry.external_id,
        evidence={name: _plain(value) for name, value in entry.evidence.items()},
    )


def _plain(value: Any) -> str | int:
    return value if isinstance(value, str | int) else str(value)
