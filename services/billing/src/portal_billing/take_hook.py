from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from portal_billing.hook_metrics import HOOKS
from portal_billing.ports import BillingReads, CommandLog, Copies
from portal_billing.whmcs_hooks import HookEvent, genuine_event
from portal_chassis.clocks import MachineClock
from portal_contracts.billing_hooks import TakeWhmcsHook
from portal_contracts.message import Acknowledged
from portal_contracts.problems import Refused

_AS_ONE: Final = {"timestamp": "1", "signature": "v1=" + "0" * 64}
"""A repeat is signed anew: what makes it one is its id and its body."""


@dataclass(frozen=True, slots=True)
class TakeHook:
    """Clears what is kept of a client when WHMCS says that something of theirs changed (C28, R243, R246).

    A forged event is refused, and a genuine one, however old, repeated or wrong, clears copies and nothing else.
    """

    secrets: Sequence[SecretStr]
    reads: BillingReads
    copies: Copies
    log: CommandLog
    machine: MachineClock

    async def __call__(self, command: TakeWhmcsHook) -> Acknowledged:
        """A repeat does nothing. TryLater leaves the event with its sender, who sends it again."""
        if not self.secrets:
            raise Refused("NOT_FOUND")
        try:
            event = genuine_event(command, self.secrets, self.machine.now())
        except Refused as problem:
            HOOKS.labels(problem.code.lower()).inc()
            raise
        once = command.model_copy(update=_AS_ONE)
        if await self.log.answered(once):
            HOOKS.labels("repeated").inc()
            return Acknowledged()
        client_id = event.client_id or await self._owner(event)
        if client_id is not None:
            await self.copies.drop(client_id)
        await self.log.remember(once, Acknowledged())
        HOOKS.labels("cleared" if client_id is not None else "ignored").inc()
        return Acknowledged()

    async def _owner(self, event: HookEvent) -> int | None:
        """WHMCS's hooks for invoices do not say whose they are."""
        if event.invoice_id is None:
            return None
        with suppress(Refused):
            return (await self.reads.invoice(event.invoice_id)).client_id
        return None
