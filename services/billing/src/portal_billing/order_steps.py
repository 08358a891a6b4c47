"""What the steps of the order process share: the ports, the rules of waiting, and how callers are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from portal_billing.cancel_order import CancelOrders
from portal_billing.order import FoundOrder
from portal_billing.order_desk import OrderDesk, Verdict
from portal_billing.order_progress import OrderProgress, Told
from portal_billing.ports import ClientTurns, OrderBook, Orders, Products, Unclear
from portal_billing.protocol_metrics import QUIET, UNCLEAR, count_mismatch
from portal_billing.settings import BillingSettings
from portal_billing.sweep_order import start_sweep
from portal_billing.vendor_write import Tries, fingerprint_of, tries_of
from portal_chassis.clocks import MachineClock
from portal_chassis.logs import get_logger
from portal_chassis.process import Effect, Next, Outcome, ProcessEngine, Run, Wait
from portal_contracts.problems import Refused

SHORTLY: Final = timedelta(seconds=2)
"""Pause before another try when the client's turn is taken or WHMCS's answers do not agree yet."""
IDLE: Final = timedelta(days=1)
"""How long a process sleeps that only an ask can bring further."""
_MOST_DOUBTS: Final = 2
_LONGEST_QUIET: Final = 8
"""How many times the usual quiet period the longest one is."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OrderTools:
    """Everything the order process works with."""

    book: OrderBook
    orders: Orders
    products: Products
    turns: ClientTurns
    processes: ProcessEngine
    undo: CancelOrders
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

    def is_wanted(self, run: Run[OrderProgress], desk: OrderDesk) -> bool:
        """Whether somebody asked so lately that an order may be made (C19: nothing for what is not approved)."""
        return desk.is_wanted(run.clock.now(), self.settings.wanted)

    async def tries(self, run: Run[OrderProgress], desk: OrderDesk, call: str) -> Tries:
        """Read what the journal knows of a call in this round."""
        return tries_of(await run.journal(call), scope_of(desk))

    def fingerprint(self, desk: OrderDesk, content: Any) -> str:
        """Give a fingerprint that counts in this round."""
        return fingerprint_of(scope_of(desk), content)

    def keep_quiet(self, run: Run[OrderProgress], call: str, seen: Unclear | None, times: int = 1) -> Wait:
        """Begin the quiet period: the write may still land. `seen` is None when its worker died.

        It doubles with the `times` the outcome was unclear: what WHMCS does not manage is not asked for all the time.
        """
        facts = {"call": call, "seen": "its worker died"} if seen is None else seen.evidence
        _log.warning("it is unclear whether WHMCS carried out a write", order=run.key, **facts)
        UNCLEAR.labels(call).inc()
        QUIET.labels(call).inc()
        run.state.quiet_until = run.clock.now() + self.settings.quiet * min(2 ** (times - 1), _LONGEST_QUIET)
        return quiet(run.state)

    def unclear_creation(
        self, run: Run[OrderProgress], desk: OrderDesk, count: int, seen: Unclear | None = None
    ) -> Outcome:
        """Note an unclear AddOrder: quiet period, then the decisive search; and have late twins looked for (rule 7)."""
        run.state.unclear = count
        self.keep_quiet(run, "AddOrder", seen)
        step = "release" if desk.goal == "release" else "settle"
        return Next(step, effects=(self.sweep(run, self.settings.sweep_for),))

    def sweep(self, run: Run[OrderProgress], for_: timedelta) -> Effect:
        """Have late twins of the order looked for from now on."""
        return start_sweep(self.processes, self.book, run.key, run.clock.now() + for_)

    def tell(self, run: Run[OrderProgress], desk: OrderDesk, problem: Refused) -> Outcome:
        """Tell callers a refusal until one asks anew: nothing is past the pivot yet."""
        count_mismatch(problem.code, "reserve")
        run.state.problem = Told(code=problem.code, facts=problem.facts, ask=desk.ask)
        return Next("decide")

    def doubt(self, run: Run[OrderProgress], because: str, *, most: int = _MOST_DOUBTS) -> Wait | None:
        """Look again when something is not there that must be: WHMCS may have answered with old data.

        None when that has been so `most` times, usually over a quiet period: then it is true. `sure` ends a doubt, and
        only seeing it does: who asks once more about what was found to be true is told at once.
        """
        run.state.doubts += 1
        if run.state.doubts > most:
            return None
        return Wait(after=SHORTLY if run.state.doubts == 1 else self.settings.quiet, because=because)

    def sure(self, run: Run[OrderProgress]) -> None:
        """Forget the doubts: what was looked for was seen."""
        run.state.doubts = 0

    async def unjudged(self, desk: OrderDesk) -> Sequence[FoundOrder]:
        """Search for orders with our marker about which nothing is decided, or that have won this round."""
        found = await self.orders.search(desk.client_id, desk.order_id)
        verdicts = await self.book.verdicts(desk.order_id)
        return [order for order in found if order.id not in verdicts or _won(verdicts[order.id], desk)]


def scope_of(desk: OrderDesk) -> str:
    """Name the round in which a call of the journal counts."""
    return f"round {desk.round}"


def _won(verdict: Verdict, desk: OrderDesk) -> bool:
    return verdict.winner and verdict.round == desk.round


def another_turn() -> Wait:
    """Wait while another worker writes for the same client."""
    return Wait(after=SHORTLY, because="another write for this client is under way")


def unasked() -> Wait:
    """Wait until somebody asks again: the approval an order would be made on was read too long ago."""
    return Wait(after=IDLE, because="nobody has asked for it lately")


def quiet(progress: OrderProgress) -> Wait:
    """Wait for the end of the quiet period."""
    return Wait(until=progress.quiet_until, because="the quiet period after an unclear write")
