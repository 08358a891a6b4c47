"""What customers ask of their lines: each request is checked, kept, begun once, and worked on while they wait (C18)."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from portal_chassis.actor import Actor
from portal_chassis.clocks import TOKYO, BusinessClock, MachineClock
from portal_chassis.deadline import Deadline
from portal_chassis.idempotency import fingerprint, key_of
from portal_chassis.postgres import Transaction
from portal_chassis.process import ProcessEngine
from portal_contracts.account_notes import FulfillmentNoted
from portal_contracts.message import CustomerCommand
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import ChangeLineNetwork, ChangeLineVoiceOptions, LineChange, ReissueEsim, TopUpSim
from portal_contracts.values import long_salesforce_id
from portal_fulfillment.kept_lines import OPEN_CHANGES, KeptChange, LineChanges, OwnedLine, OwnedLines, next_reissue
from portal_fulfillment.line_change_process import KIND, LineChangeWork, told
from portal_fulfillment.ports import Billing, Sims
from portal_fulfillment.sim import Line, LineState, VoiceOptions
from portal_fulfillment.sim_plans import SimPlans

Transactions = Callable[[], AbstractAsyncContextManager[Transaction]]
ANSWER_SECONDS: Final = 0.5
"""What is left of the caller's time for the way back."""


@dataclass(frozen=True, slots=True)
class LineTerms:
    """How long a request is worked on for its caller, and the cool-down between two re-issues (D11)."""

    seconds: float
    reissue_pause: timedelta


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """The use cases. Every one answers how the change stands; a repeat of its request finds the same change."""

    transactions: Transactions
    lines: OwnedLines
    changes: LineChanges
    sims: Sims
    billing: Billing
    plans: SimPlans
    processes: ProcessEngine
    clock: BusinessClock
    machine: MachineClock
    terms: LineTerms
    new_id: Callable[[], str]

    async def top_up(self, command: TopUpSim, actor: Actor, deadline: Deadline) -> LineChange:
        """Add data. Refused as `TopUpSim` lists."""

        async def work(own: OwnedLine) -> LineChangeWork:
            price = self.plans.top_ups.get(command.megabytes)
            if price is None:
                raise Refused("TOP_UP_OUT_OF_RANGE", facts={"megabytes": command.megabytes})
            if price and not await self.billing.can_pay(actor.whmcs_client_id):
                raise Refused("PAYMENT_METHOD_MISSING")
            await self._in_service(own)
            return self._work("top_up", own, actor, megabytes=command.megabytes, price=price)

        return await self._begin(command, command.service_id, actor, deadline, work)

    async def reissue(self, command: ReissueEsim, actor: Actor, deadline: Deadline) -> LineChange:
        """Have a new profile made. Refused as `ReissueEsim` lists."""
        if not actor.proven_lately(self.machine.now()):
            raise Refused("STEP_UP_REQUIRED")

        async def work(own: OwnedLine) -> LineChangeWork:
            changes = await self.changes.of_service(own.service_id, own.account_id)
            again_at = next_reissue(changes, self.terms.reissue_pause, self.clock.now())
            if again_at is not None:
                when = again_at.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M")
                raise Refused("ESIM_REISSUE_TOO_SOON", facts={"again_at": when})
            line = await self._in_service(own)
            if not line.eid or not line.iccid:
                raise Refused("LINE_NOT_IN_SERVICE", facts={"state": "on a SIM card"})
            eids = {"new_eid": command.new_eid or line.eid, "old_eid": line.eid}
            return self._work("reissue", own, actor, **eids, old_iccid=line.iccid, old_card=line.product_number)

        return await self._begin(command, command.service_id, actor, deadline, work)

    async def change_options(self, command: ChangeLineVoiceOptions, actor: Actor, deadline: Deadline) -> LineChange:
        """Switch voice options. Refused as `ChangeLineVoiceOptions` lists."""

        async def work(own: OwnedLine) -> LineChangeWork:
            options = asdict(VoiceOptions(**dict(command.options)))
            if all(value is None for value in options.values()):
                raise Refused("BAD_REQUEST")
            line = await self._in_service(own)
            if not line.carries_voice:
                raise Refused("LINE_NOT_IN_SERVICE", facts={"state": "without voice"})
            return self._work("change_voice_options", own, actor, options=options)

        return await self._begin(command, command.service_id, actor, deadline, work)

    async def change_network(self, command: ChangeLineNetwork, actor: Actor, deadline: Deadline) -> LineChange:
        """Move the line to another network. Refused as `ChangeLineNetwork` lists."""

        async def work(own: OwnedLine) -> LineChangeWork:
            await self._in_service(own)
            return self._work("change_network", own, actor, network=command.network)

        return await self._begin(command, command.service_id, actor, deadline, work)

    async def _begin(
        self,
        command: CustomerCommand[LineChange],
        service_id: int,
        actor: Actor,
        deadline: Deadline,
        work: "Callable[[OwnedLine], Any]",
    ) -> LineChange:
        """Find the change of a repeat, else check and keep a new one; then work on it while the caller waits."""
        own = await self.lines.of_service(service_id, long_salesforce_id(actor.account_id))
        if own is None:
            raise Refused("NOT_FOUND")
        request = f"{command.subject}:{key_of(command)}"
        change = await self._known(own, request, command)
        if change is None:
            await self._refuse_second(own)
            change = await self._keep(own, request, command, await work(own))
        until = Deadline.after(deadline.capped(self.terms.seconds + ANSWER_SECONDS) - ANSWER_SECONDS)
        await self.processes.run_inline(KIND, change.change_id, until=until)
        return (await self.changes.read(change.change_id) or change).shown()

    async def _known(self, own: OwnedLine, request: str, command: CustomerCommand[LineChange]) -> KeptChange | None:
        known = await self.changes.of_request(own.account_id, request)
        if known is not None and bytes(known.fingerprint) != fingerprint(command):
            raise Refused("IDEMPOTENCY_KEY_REUSED")
        return known

    async def _refuse_second(self, own: OwnedLine) -> None:
        """Refuse early what the unique index would refuse: before the operator is asked about the line."""
        if any(one.state in OPEN_CHANGES for one in await self.changes.of_service(own.service_id, own.account_id)):
            raise Refused("LINE_CHANGE_UNDER_WAY")

    async def _keep(
        self, own: OwnedLine, request: str, command: CustomerCommand[LineChange], work: LineChangeWork
    ) -> KeptChange:
        """Keep change and process in one transaction; of two at once, only one gets in."""
        change = KeptChange(
            change_id=self.new_id(),
            service_id=own.service_id,
            order_id=own.order_id,
            account_id=own.account_id,
            line=own.account,
            kind=work.kind,
            request=request,
            fingerprint=fingerprint(command),
            asked_at=self.clock.now(),
            megabytes=work.megabytes or None,
            price=work.price if work.kind == "top_up" else None,
        )
        async with self.transactions() as transaction:
            added = await self.changes.add(transaction, change)
            if added:
                await self.processes.start(transaction, KIND, change.change_id, work, inline=True)
                await transaction.record(told(change, "working", None, self.clock))
                if work.kind == "reissue":
                    now = self.machine.now()
                    await transaction.record(
                        FulfillmentNoted(account_id=own.account_id, what="esim_reissue_asked", at=now)
                    )
        if added:
            return change
        known = await self._known(own, request, command)
        if known is None:
            raise Refused("LINE_CHANGE_UNDER_WAY")
        return known

    async def _in_service(self, own: OwnedLine) -> Line:
        line = await self.sims.line(own.account)
        if line is None or line.state is not LineState.ACTIVE:
            raise Refused("LINE_NOT_IN_SERVICE", facts={"state": line.state.value if line is not None else "unknown"})
        return line

    def _work(self, kind: str, own: OwnedLine, actor: Actor, **facts: Any) -> LineChangeWork:
        return LineChangeWork.model_validate(
            {
                "kind": kind,
                "line": own.account,
                "service_id": own.service_id,
                "order_id": own.order_id,
                "account_id": own.account_id,
                "whmcs_client_id": actor.whmcs_client_id,
                "asked_on": self.clock.today(),
                **facts,
            }
        )
