from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from portal_billing.ports import ClientTurns, CommandLog, Copies
from portal_chassis.clocks import MachineClock
from portal_contracts.account_notes import BillingNote, BillingNoted
from portal_contracts.billing_profile import ProfileChanged
from portal_contracts.message import Acknowledged, Command, Event
from portal_contracts.problems import TryLater


@dataclass(frozen=True, slots=True)
class ChangeClient:
    """Changes a client in WHMCS once per command, clears what is kept of it, and says so (R007, R249, R252)."""

    turns: ClientTurns
    log: CommandLog
    copies: Copies
    machine: MachineClock

    async def __call__(
        self,
        command: Command[Any],
        client_id: int,
        write: Callable[[], Awaitable[None]],
        noted: BillingNote | None = None,
    ) -> None:
        """A repeat does nothing; one that comes before the log is written writes the same once more.

        `noted` is how the customer reads of it among the events of their account (R050).

        TryLater IN_PROGRESS while another change of the client is written. A write nobody knows the outcome of clears
        the copies, too: it may have landed.
        """
        if await self.log.answered(command):
            return
        async with self.turns.turn(client_id) as ours:
            if not ours:
                raise TryLater("IN_PROGRESS")
            try:
                await write()
            finally:
                await self.copies.clear(client_id)
        events: list[Event] = [ProfileChanged(whmcs_client_id=client_id)]
        if noted is not None:
            events.append(BillingNoted(whmcs_client_id=client_id, what=noted, at=self.machine.now()))
        await self.log.remember(command, Acknowledged(), *events)
