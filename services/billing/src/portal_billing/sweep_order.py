"""Late twins of an order are found and cancelled: rule 7 of reliability.md (b)§3.

A write that we gave up on, or a worker that slept between its last check and its write, may make a second Pending
order. It is never accepted, because only the registered winner is; here it is cancelled within five minutes.
"""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

from portal_billing.order import FoundOrder
from portal_billing.order_desk import OrderDesk, winner_of
from portal_billing.ports import ClientTurns, OrderBook, Orders, Unclear
from portal_billing.settings import BillingSettings
from portal_billing.vendor_write import fingerprint_of, vendor_write
from portal_chassis.clocks import MachineClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_chassis.process import Done, Effect, Outcome, ProcessDefinition, ProcessEngine, Run, Step, Wait
from portal_contracts.problems import TryLater

SWEEP: Final = "whmcs_sweep"

_log = get_logger(__name__)


class Sweep(BaseModel):
    """State of the process `whmcs_sweep`: which order is looked after, and until when (business time)."""

    order_id: str
    until: datetime


def start_sweep(processes: ProcessEngine, order_id: str, occasion: str, until: datetime) -> Effect:
    """Give the effect that has an order swept because of an unclear write; each occasion counts once."""

    async def effect(transaction: Transaction) -> None:
        await processes.start(transaction, SWEEP, f"{order_id} {occasion}", Sweep(order_id=order_id, until=until))

    return effect


class SweepOrder:
    """Looks for extra orders with our marker and cancels those that are Pending."""

    def __init__(
        self, book: OrderBook, orders: Orders, turns: ClientTurns, machine: MachineClock, settings: BillingSettings
    ) -> None:
        self._book = book
        self._orders = orders
        self._turns = turns
        self._machine = machine
        self._settings = settings

    def definition(self) -> ProcessDefinition[Sweep]:
        """The process as a list of steps."""
        return ProcessDefinition(SWEEP, Sweep, (Step("look", self.look),))

    async def look(self, run: Run[Sweep]) -> Outcome:
        """Judge what is found. While nothing is decided about the order itself, everything is left to its process."""
        desk = await self._book.read(run.state.order_id)
        if desk is None or not desk.client_id:
            return Done()
        try:
            await self._sweep(run, desk)
        except TryLater as problem:  # no ladder here: late twins are to be gone within minutes of WHMCS's return
            return Wait(after=self._settings.sweep, because=problem.code)
        if run.clock.now() >= run.state.until:
            return Done()
        return Wait(after=self._settings.sweep, because="looking for late twins")

    async def _sweep(self, run: Run[Sweep], desk: OrderDesk) -> None:
        for order in await self._extras(desk):
            if order.state == "active":
                _log.error("a second order is Active in WHMCS", alert=True, order=desk.order_id, whmcs_order=order.id)
            elif await self._book.discard(desk.order_id, desk.round, order.id):
                await self._cancel(run, desk, order)

    async def _extras(self, desk: OrderDesk) -> list[FoundOrder]:
        found = await self._orders.search(desk.client_id, desk.order_id)
        # Read after the search: whatever has been elected by now is no extra.
        verdicts = await self._book.verdicts(desk.order_id)
        if winner_of(verdicts, desk.round) is None and desk.goal != "release":
            return []
        winners = {number for number, verdict in verdicts.items() if verdict.winner}
        return [order for order in found if order.alive and order.id not in winners]

    async def _cancel(self, run: Run[Any], desk: OrderDesk, order: FoundOrder) -> None:
        """Cancel one extra; whatever stays unclear is looked at again by the next sweep."""
        async with self._turns.turn(desk.client_id) as ours:
            if not ours:
                return
            send_by = self._machine.monotonic() + self._settings.send_seconds
            try:
                async with vendor_write(
                    run, "CancelOrder", fingerprint_of("extra", order.id), {"whmcs_order_id": order.id}
                ) as intent:
                    await self._orders.cancel(order.id, send_by=send_by)
                    intent.external_id = str(order.id)
            except Unclear:
                _log.warning("it is unclear whether an extra order was cancelled", whmcs_order=order.id)
                return
        _log.warning("an extra order was cancelled", order=desk.order_id, whmcs_order=order.id)
