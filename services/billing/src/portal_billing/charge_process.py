"""Invoicing something extra exactly once, as a durable process: search, send, and after a lost answer search again.

CreateInvoice has no idempotency key, so a lost answer is followed by the quiet period and a search for the key before
one more try; twice unclear without a trace is a person's turn (as rule 5 of the order protocol).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel

from portal_billing.ports import Unclear
from portal_billing.service_ports import Extra, Extras
from portal_billing.settings import BillingSettings
from portal_billing.vendor_write import LEFT, fingerprint_of, tries_of, vendor_write
from portal_chassis.clocks import MachineClock
from portal_chassis.logs import get_logger
from portal_chassis.process import Done, NeedsHuman, Outcome, ProcessDefinition, Proof, Run, Step, Wait

CHARGE: Final = "charge"
"""Kind of the process; its key is the charge's."""
CALL: Final = "CreateInvoice"
MOST_UNCLEAR: Final = 2
PROOF: Final = Proof(state=("client_id", "service_id", "amount", "invoice_id"), calls=(CALL,), evidence=(LEFT,))
"""A repeat of the charge is told its invoice, and other terms under its key are refused."""

_log = get_logger(__name__)


class ChargeProgress(BaseModel):
    """What is charged, and how far it is."""

    client_id: int
    service_id: int
    amount: int
    description: str
    invoice_id: int | None = None
    unclear: int = 0
    quiet_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChargeProcess:
    """The process `charge`."""

    extras: Extras
    machine: MachineClock
    settings: BillingSettings

    def definition(self) -> ProcessDefinition[ChargeProgress]:
        """Give the process as a list."""
        return ProcessDefinition(CHARGE, ChargeProgress, (Step("invoice", self.invoice),), proof=PROOF)

    async def invoice(self, run: Run[ChargeProgress]) -> Outcome:
        """Have one invoice with the key."""
        state, now = run.state, run.clock.now()
        tries = tries_of(await run.journal(CALL), run.key)
        if tries.unclear > state.unclear:  # a worker before us died with a call under way
            return self._unclear(run, tries.unclear)
        if state.quiet_until is not None and now < state.quiet_until:
            return _quiet(state.quiet_until - now)
        found = tries.made or await self.extras.find(state.client_id, run.key)
        if found is not None:
            state.invoice_id = found
            return Done()
        if state.unclear >= MOST_UNCLEAR:
            _log.error("twice unclear whether WHMCS made an invoice", alert=True, charge=run.key)
            return NeedsHuman("WHMCS_CHARGE_UNCLEAR", {"charge_key": run.key}, recheck=self.settings.recheck)
        return await self._create(run)

    async def _create(self, run: Run[ChargeProgress]) -> Outcome:
        state = run.state
        extra = Extra(run.key, state.client_id, state.service_id, state.amount, state.description)
        send_by = self.machine.monotonic() + self.settings.send_seconds
        try:
            async with vendor_write(run, CALL, fingerprint_of(run.key, state.amount), {}) as intent:
                state.invoice_id = await self.extras.create(extra, send_by=send_by)
                intent.external_id = str(state.invoice_id)
        except Unclear:
            return self._unclear(run, state.unclear + 1)
        return Done()

    def _unclear(self, run: Run[ChargeProgress], count: int) -> Outcome:
        run.state.unclear = count
        run.state.quiet_until = run.clock.now() + self.settings.quiet
        return _quiet(self.settings.quiet)


def _quiet(left: timedelta) -> Wait:
    return Wait(after=left, because="a lost invoice may still land")
