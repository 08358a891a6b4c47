"""Making a customer's WHMCS client, once whatever is lost on the way (D04, D05).

WHMCS refuses a second client with the same e-mail, so a repeat cannot make a twin; it can only be told that the e-mail
is taken. Whose client it then is, is read from the Customer Number's field, the note of the portal and the journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from portal_billing.client import Client, NewClient
from portal_billing.ports import Clients, Unclear
from portal_billing.settings import BillingSettings
from portal_billing.vendor_write import LEFT, fingerprint_of, tries_of, vendor_write
from portal_chassis.clocks import MachineClock
from portal_chassis.logs import get_logger
from portal_chassis.process import Done, Fail, NeedsHuman, Next, Outcome, ProcessDefinition, Proof, Run, Step, Wait
from portal_contracts.billing import EnsureClient
from portal_contracts.problems import Fact, Misconfigured, Refused, TryLater

CLIENT: Final = "client"
FIELD: Final = "field"
"""Fact of a failure that names the form's field WHMCS did not accept."""
_MOST_UNCLEAR: Final = 6
_SCOPE: Final = "client"

_log = get_logger(__name__)


class ClientProgress(BaseModel):
    """State of the process `client`. The form is forgotten once the client exists or is refused."""

    form: EnsureClient | None
    unclear: int = 0
    quiet_until: datetime | None = None
    whmcs_client_id: int | None = None


@dataclass(frozen=True, slots=True)
class ClientProcess:
    """The process `client`, keyed by the Customer Number."""

    clients: Clients
    machine: MachineClock
    settings: BillingSettings

    def definition(self) -> ProcessDefinition[ClientProgress]:
        """The process as a list of steps."""
        return ProcessDefinition(
            CLIENT,
            ClientProgress,
            (Step("find_or_create", self.find_or_create), Step("confirm", self.confirm)),
            proof=Proof(state=("whmcs_client_id",), calls=("AddClient",), evidence=(LEFT,)),
        )

    async def find_or_create(self, run: Run[ClientProgress]) -> Outcome:
        """Look the e-mail up before every attempt; make the client when nobody has it."""
        form = _form(run)
        tries = tries_of(await run.journal("AddClient"), _SCOPE)
        if tries.unclear > run.state.unclear:
            return self._unclear(run, tries.unclear)
        if run.state.quiet_until is not None and run.clock.now() < run.state.quiet_until:
            return _quiet(run.state)
        known = await self.clients.find(form.email)
        if known is not None:
            return _judge(run, known, form, tried=tries.any)
        if run.state.unclear >= _MOST_UNCLEAR:
            return NeedsHuman("TOO_MANY_FAILURES", {"step": "AddClient", "last": "unclear"}, self.settings.recheck)
        return await self._create(run, form)

    async def _create(self, run: Run[ClientProgress], form: EnsureClient) -> Outcome:
        send_by = self.machine.monotonic() + self.settings.send_seconds
        fingerprint = fingerprint_of(_SCOPE, form.model_dump(mode="json"))
        try:
            async with vendor_write(run, "AddClient", fingerprint, {}) as intent:
                made = await self.clients.create(_new_client(form), send_by=send_by)
                intent.external_id = str(made)
        except Unclear as unclear:
            _log.warning("it is unclear whether WHMCS made a client", customer_number=run.key, **unclear.evidence)
            return self._unclear(run, run.state.unclear + 1)
        except Refused as problem:
            known = await self.clients.find(form.email)
            if known is not None:
                return _judge(run, known, form, tried=True)
            field = {FIELD: problem.fields[0].field} if problem.fields else {}
            return _refused(run, problem.code, {**problem.facts, **field})
        return Next("confirm")

    def _unclear(self, run: Run[ClientProgress], count: int) -> Outcome:
        run.state.unclear = count
        run.state.quiet_until = run.clock.now() + self.settings.quiet
        return _quiet(run.state)

    async def confirm(self, run: Run[ClientProgress]) -> Outcome:
        """Read the Customer Number back: WHMCS ignores a wrongly mapped field without a word."""
        form = _form(run)
        client = await self._written(form)
        if client.customer_number != form.customer_number:
            await self.clients.set_customer_number(client.id, form.customer_number)
            client = await self._written(form)
            if client.customer_number != form.customer_number:
                message = "the Customer Number's client field is not kept: check customer_number in the fields file"
                raise Misconfigured("WHMCS_MISCONFIGURED", facts={"message": message})
        run.state = ClientProgress(form=None, whmcs_client_id=client.id)
        _log.info("a WHMCS client stands", customer_number=run.key, client=client.id)
        return Done()

    async def _written(self, form: EnsureClient) -> Client:
        client = await self.clients.find(form.email)
        if client is None:
            raise TryLater("WHMCS_UNAVAILABLE")  # it was there a moment ago
        return client


def _judge(run: Run[ClientProgress], client: Client, form: EnsureClient, *, tried: bool) -> Outcome:
    """Adopt a client the portal made for this customer; any other is somebody's own, to be linked instead (R023)."""
    ours = client.made_for(form.customer_number, form.email) or (
        tried and client.customer_number == form.customer_number
    )
    if ours and not client.closed:
        return Next("confirm")
    _log.info("the e-mail belongs to a WHMCS client the portal did not make", customer_number=run.key, client=client.id)
    return _refused(run, "BILLING_ACCOUNT_EXISTS", {})


def _refused(run: Run[ClientProgress], code: str, facts: Mapping[str, Fact]) -> Fail:
    """End without a client and forget the form: a new try brings its own, and nobody needs this one (§5.10)."""
    run.state.form = None
    return Fail(code, facts)


def _form(run: Run[ClientProgress]) -> EnsureClient:
    if run.state.form is None:
        raise LookupError(f"the form of {run.key} is gone")
    return run.state.form


def _quiet(progress: ClientProgress) -> Wait:
    return Wait(until=progress.quiet_until, because="the quiet period after an unclear AddClient")


def _new_client(form: EnsureClient) -> NewClient:
    return NewClient(
        customer_number=form.customer_number,
        email=form.email,
        name=form.name,
        company=form.company,
        phone=form.phone,
        address=form.address,
        locale=form.locale,
    )
