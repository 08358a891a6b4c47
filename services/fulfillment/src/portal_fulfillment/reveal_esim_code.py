"""The eSIM code, shown to its owner once (D11, architecture §9)."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from portal_chassis.actor import Actor
from portal_chassis.clocks import MachineClock
from portal_chassis.logs import get_logger
from portal_chassis.postgres import Transaction
from portal_contracts.account_notes import FulfillmentNoted
from portal_contracts.problems import Refused
from portal_contracts.provisioning import EsimCode, RevealEsimCode
from portal_contracts.values import long_salesforce_id
from portal_fulfillment.esim_codes import SHOWN_FOR, EsimCodes, KeptCode
from portal_fulfillment.install_guide import INSTALL_GUIDE, install_link
from portal_fulfillment.lpa import ActivationCode, parse_activation_code
from portal_fulfillment.provisioning_metrics import CODES_SHOWN

Transactions = Callable[[], AbstractAsyncContextManager[Transaction]]
"""Opens a transaction of the service's own database."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ShowEsimCode:
    """Who saw it, when and for which request is committed before it is answered."""

    transactions: Transactions
    codes: EsimCodes
    machine: MachineClock

    async def __call__(self, command: RevealEsimCode, actor: Actor) -> EsimCode:
        """Show the code. Refused NOT_FOUND, STEP_UP_REQUIRED, ESIM_CODE_NOT_READY or ESIM_CODE_ALREADY_SHOWN."""
        now = self.machine.now()
        async with self.transactions() as transaction:
            kept = await self._find(transaction, command.order_id, long_salesforce_id(actor.account_id))
            if not actor.proven_lately(now):
                raise Refused("STEP_UP_REQUIRED")
            if not kept.may_be_shown_to(actor.user_id, command.request_id, now):
                raise Refused("ESIM_CODE_ALREADY_SHOWN")
            code = _parsed(kept, command.order_id)
            if kept.shown_at is None:
                await self.codes.note_shown(
                    transaction, command.order_id, user_id=actor.user_id, request_id=command.request_id, at=now
                )
                noted = FulfillmentNoted(
                    account_id=long_salesforce_id(actor.account_id), what="esim_code_shown", at=now
                )
                await transaction.record(noted)
                transaction.after_commit(CODES_SHOWN.inc)
        return EsimCode(
            phone_number=kept.phone_number,
            activation_code=code.text,
            server=code.server,
            matching_id=code.matching_id,
            shown_until=(kept.shown_at or now) + SHOWN_FOR,
            install_link=install_link(code.text),
            guide=INSTALL_GUIDE,
        )

    async def _find(self, transaction: Transaction, order_id: str, account_id: str) -> KeptCode:
        kept = await self.codes.lock(transaction, order_id, account_id)
        if kept is not None:
            return kept
        own = await self.codes.orders(transaction, order_id, account_id)
        raise Refused("ESIM_CODE_NOT_READY" if own else "NOT_FOUND")


def _parsed(kept: KeptCode, order_id: str) -> ActivationCode:
    if kept.activation_code is None:
        raise Refused("ESIM_CODE_ALREADY_SHOWN" if kept.shown_at is not None else "ESIM_CODE_NOT_READY")
    code = parse_activation_code(kept.activation_code)
    if code is None:
        _log.error("the operator's activation code is none that a phone reads", alert=True, order=order_id)
        raise Refused("ESIM_CODE_NOT_READY")
    return code
