"""What the steps of the order process share: the ports, the rules of waiting, and how callers are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from portal_billing.order import FoundOrder
from portal_billing.order_desk import OrderDesk, Verdict
from portal_billing.order_progress import OrderProgress, Told
from portal_billing.ports import ClientTurns, OrderBook, Orders, Products
from portal_billing.settings import BillingSettings
from portal_billing.sweep_order import start_sweep
from portal_billing.vendor_write import Tries, fingerprint_of, tries_of
from portal_chassis.clocks import MachineClock
from portal_chassis.process import Effect, Next, Outcome, ProcessEngine, Run, Wait
from portal_contracts.problems import Refused

SHORTLY: Final = timedelta(seconds=2)
"""Pause before another try when the client's turn is taken or WHMCS's answers do not agree yet."""


@dataclass(frozen=True, slots=True)
class OrderTools:
    """Everything the order process works with."""

    book: OrderBook
    orders: Orders
    products: Products
    turns: ClientTurns
    processes: ProcessEngine
    machine: MachineClock
    settings: BillingSettings

    async def desk(self, run: Run[OrderProgress]) -> OrderDesk:
        """Read what is wanted. The desk stands before the process: without it there is no process."""
        desk = await self.book.read(run.key)
        if desk is None:
            raise LookupError(f"order {run.key} has no desk")
        return desk

    def send_by(self) -> float:
        """Give until when a write may leave that was checked just now (rule 4)."""
        return self.machine.monotonic() + self.settings.send_seconds

    async def tries(self, run: Run[OrderProgress], desk: OrderDesk, call: str) -> Tries:
        """Read what the journal knows of a call in this round."""
        return tries_of(await run.journal(call), f"round {desk.round}")

    def fingerprint(self, desk: OrderDesk, content: Any) -> str:
        """Give a fingerprint that counts in this round."""
        return fingerprint_of(f"round {desk.round}", content)

    def keep_quiet(self, run: Run[OrderProgress]) -> None:
        """Begin the quiet period: the write may still land."""
        run.state.quiet_until = run.clock.now() + self.settings.quiet

    def unclear_creation(self, run: Run[OrderProgress], desk: OrderDesk, count: int) -> Outcome:
        """Note an unclear AddOrder: quiet period, then the decisive search; and have late twins looked for (rule 7)."""
        run.state.unclear = count
        self.keep_quiet(run)
        return Next("settle", effects=(self.sweep(run, f"{desk.round}.{count}"),))

    def sweep(self, run: Run[OrderProgress], occasion: str) -> Effect:
        """Have late twins of the order looked for from now on."""
        return start_sweep(self.processes, run.key, occasion, run.clock.now() + self.settings.sweep_for)

    def tell(self, run: Run[OrderProgress], desk: OrderDesk, problem: Refused) -> Outcome:
        """Tell callers a refusal until one asks anew: nothing is past the pivot yet."""
        run.state.problem = Told(code=problem.code, facts=problem.facts, ask=desk.ask)
        return Next("decide")

    async def unjudged(self, desk: OrderDesk) -> Sequence[FoundOrder]:
        """Search for orders with our marker about which nothing is decided, or that have won this round."""
        verdicts = await self.book.verdicts(desk.order_id)
        found = await self.orders.search(desk.client_id, desk.order_id)
        return [order for order in found if order.id not in verdicts or _won(verdicts[order.id], desk)]


def _won(verdict: Verdict, desk: OrderDesk) -> bool:
    return verdict.winner and verdict.round == desk.round


def another_turn() -> Wait:
    """Wait while another worker writes for the same client."""
    return Wait(after=SHORTLY, because="another write for this client is under way")


def quiet(progress: OrderProgress) -> Wait:
    """Wait for the end of the quiet period."""
    return Wait(until=progress.quiet_until, because="the quiet period after an unclear write")
