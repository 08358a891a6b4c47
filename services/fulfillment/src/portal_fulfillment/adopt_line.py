"""Operators' hands on lines the portal did not set up: one from before it becomes its customer's here (R177, R178).

What nobody here remembers is believed only as far as every system shows it: the operator has the line in service,
Salesforce has the SIM order it came from, WHMCS bills it to the client of that order's account, and nobody else has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from functools import partial
from typing import Final, Protocol

from portal_chassis.call import Call
from portal_chassis.clocks import TOKYO, BusinessClock
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Transaction
from portal_contracts.billing import Subscription
from portal_contracts.operators import OperatorOutcome
from portal_contracts.orders import ProvisioningOrder
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import AdoptLine
from portal_fulfillment.kept_lines import OwnedLine, OwnedLines
from portal_fulfillment.ports import Attempts, Lines, Orders, Sims
from portal_fulfillment.sim import Line, LineState

_IN_SERVICE: Final = frozenset({LineState.ACTIVE, LineState.SUSPENDED})
_BILLED: Final = frozenset({"active", "suspended"})


class Services(Protocol):
    """What a client is billed for: the billing service."""

    async def of_client(self, whmcs_client_id: int) -> Sequence[Subscription]:
        """Give the client's services, live from WHMCS. Refused NOT_FOUND for an unknown client."""


@dataclass(frozen=True, slots=True)
class AdoptOldLine:
    """Takes a line over when all systems agree whose it is. Nothing outside is changed."""

    desk: OperatorDesk
    orders: Orders
    services: Services
    sims: Sims
    attempts: Attempts
    lines: Lines
    owned: OwnedLines
    clock: BusinessClock

    async def __call__(self, command: AdoptLine, call: Call) -> OperatorOutcome:
        """Have the line kept. Refused as `AdoptLine` lists."""
        return await self.desk.carry_out(command, call, partial(self._plan, command), target=command.order_id)

    async def _plan(self, command: AdoptLine, transaction: Transaction) -> Plan:
        order = await self.orders.read(command.order_id)  # nothing is locked while others are asked
        if await self._is_kept(command, order.account_id):
            return Plan((f"Line {_short(command)} is service {command.service_id}'s already: nothing to do.",))
        check_order(order)
        check_service(command, await self.services.of_client(order.whmcs_client_id))
        line = in_service(await self.sims.line(command.line))
        await self._check_free(command, transaction)
        since = self._since(line)
        own = OwnedLine(line.account, command.order_id, order.account_id, command.service_id, since)

        async def effect(held: Transaction) -> None:
            # what was a code once has been used: only a re-issued profile's is shown
            if not await self.lines.adopt(held, own, replace(line, activation_code=None)):
                raise Refused("LINE_IS_ANOTHERS", facts={"difference": "it was taken over just now"})

        return Plan(_changes(command, order, line), effect)

    async def _is_kept(self, command: AdoptLine, account_id: str) -> bool:
        """Whether it is just so already. Refused when order or service has another line."""
        for kept in await self.owned.of_account(account_id):
            if (kept.account, kept.order_id, kept.service_id) == (command.line, command.order_id, command.service_id):
                return True
            if kept.order_id == command.order_id or kept.service_id == command.service_id:
                raise _not_adoptable(f"order or service has line …{kept.account[-4:]} already")
        return False

    async def _check_free(self, command: AdoptLine, transaction: Transaction) -> None:
        """Refuse a line of another order, and an order that may still get one of its own."""
        latest = await self.attempts.lock(transaction, command.order_id)
        if latest is not None and latest.state == "open":
            raise _not_adoptable("its order is being provisioned")
        holder = await self.lines.holder(command.line)
        if holder is not None:
            raise Refused("LINE_IS_ANOTHERS", facts={"difference": f"order {holder} has it"})

    def _since(self, line: Line) -> datetime:
        if line.started_on is None:
            return self.clock.now()
        return datetime.combine(line.started_on, time(), TOKYO)


def check_order(order: ProvisioningOrder) -> None:
    """Refuse an order of another kind, or one that a line may yet be set up for."""
    if order.category != "sim":
        raise _not_adoptable("the order is for no SIM")
    is_over = order.state == "completed" or (order.state == "approved" and order.activation == "activated")
    if not is_over:
        raise _not_adoptable(f"the order is {order.state} in Salesforce and {order.activation}")


def check_service(command: AdoptLine, services: Sequence[Subscription]) -> None:
    """Refuse a service that is not the client's, not on, or another order's."""
    service = next((one for one in services if one.service_id == command.service_id), None)
    if service is None:
        raise Refused("LINE_IS_ANOTHERS", facts={"difference": "the WHMCS service is not the client's of the order"})
    if service.state not in _BILLED:
        raise _not_adoptable(f"its service is {service.state} in WHMCS")
    if service.order_id not in {None, command.order_id}:
        raise Refused("LINE_IS_ANOTHERS", facts={"difference": f"the WHMCS service is order {service.order_id}'s"})


def in_service(line: Line | None) -> Line:
    """Give the line when the operator has it in service, though it may be suspended. Refused LINE_NOT_IN_SERVICE."""
    if line is None or line.state not in _IN_SERVICE:
        raise Refused("LINE_NOT_IN_SERVICE", facts={"state": line.state.value if line is not None else "unknown"})
    return line


def _changes(command: AdoptLine, order: ProvisioningOrder, line: Line) -> tuple[str, ...]:
    kind = "an eSIM" if line.eid else "a SIM card"
    voice = "with" if line.carries_voice else "without"
    facts = f"{line.state} at Freebit, plan {line.plan_code or 'unknown'}, {kind}, {voice} voice"
    owner = f"order {order.order_number} and account {order.account_id}"
    changes = [
        f"Line {_short(command)} becomes service {command.service_id}'s, of {owner}: {facts}.",
        "Its customer sees its usage and may top up, change it and have a new eSIM made; its cancellation ends it.",
    ]
    if order.eid is not None and line.eid and order.eid != line.eid:
        changes.append(f"Look again: Freebit has the EID …{line.eid[-4:]}, the order …{order.eid[-4:]}.")
    return tuple(changes)


def _short(command: AdoptLine) -> str:
    """Give the end of the number: sentences are kept, numbers are personal data."""
    return f"…{command.line[-4:]}"


def _not_adoptable(difference: str) -> Refused:
    return Refused("LINE_NOT_ADOPTABLE", facts={"difference": difference})
