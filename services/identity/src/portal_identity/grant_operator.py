from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from portal_chassis.call import Call
from portal_chassis.clocks import MachineClock
from portal_chassis.operator_actions import OperatorDesk, Plan
from portal_chassis.postgres import Transaction
from portal_contracts.operator_access import GrantOperator, OperatorGranted, RevokeOperator
from portal_contracts.operators import OperatorOutcome, permissions_of
from portal_contracts.problems import Refused
from portal_contracts.values import comparable_email
from portal_identity.audit import write_audit
from portal_identity.ports import OperatorOnFile
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.store_enrolments import end_enrolments, open_enrolment
from portal_identity.store_operator_sessions import OperatorSessions
from portal_identity.store_operators import Operators

ENROLMENT: Final = timedelta(hours=24)
"""How long an enrolment token is good."""
_APPROVING: Final = "operator.manage"


@dataclass(frozen=True, slots=True)
class GiveAccess:
    """Give somebody access, or other roles. An enrolled operator whose device is lost is revoked and granted again."""

    operators: Operators
    sessions: OperatorSessions
    desk: OperatorDesk
    clock: MachineClock

    async def __call__(self, command: GrantOperator, call: Call) -> OperatorGranted:
        """Refused OPERATOR_NOT_APPROVED. The enrolment token is in the first answer alone: a repeat has none."""
        tokens: list[str] = []

        async def plan(transaction: Transaction) -> Plan:
            await self._require_approval(transaction, command)
            present = await self.operators.locked(transaction, comparable_email(command.email))
            changes = _changes(command, present)

            async def effect(inside: Transaction) -> None:
                tokens.extend(await self._give(inside, command, call.operator().operator, present))

            return Plan(changes, effect if changes else None)

        outcome = await self.desk.carry_out(command, call, plan, target=comparable_email(command.email))
        return OperatorGranted(
            carried_out=outcome.carried_out,
            changes=outcome.changes,
            enrolment_token=tokens[0] if tokens else None,
        )

    async def _require_approval(self, transaction: Transaction, command: GrantOperator) -> None:
        """Nobody approves their own access, and only who may hand it out approves it (R276)."""
        approver = comparable_email(command.approved_by)
        if approver == comparable_email(command.email):
            raise Refused("OPERATOR_NOT_APPROVED")
        found = await self.operators.locked(transaction, approver)
        if found is None or not found.enrolled or _APPROVING not in permissions_of(found.roles):
            raise Refused("OPERATOR_NOT_APPROVED")

    async def _give(
        self, transaction: Transaction, command: GrantOperator, granted_by: str, present: OperatorOnFile | None
    ) -> Sequence[str]:
        """Write it down; gives the enrolment token of somebody who is not enrolled."""
        operator_id = await self.operators.grant(transaction, command, granted_by)
        facts = {"roles": list(command.roles), "approved_by": command.approved_by, "granted_by": granted_by}
        await write_audit(transaction, operator_id, "operator_granted", **facts)
        if present is not None and present.enrolled:
            await self.sessions.revoke_all(transaction, operator_id)
            return ()
        token = new_token()
        await open_enrolment(transaction, operator_id, token_hash(token), self.clock.now() + ENROLMENT)
        return (token,)


@dataclass(frozen=True, slots=True)
class TakeAccess:
    """Take an operator's access: sessions end, password and second factor are forgotten (R277)."""

    operators: Operators
    sessions: OperatorSessions
    desk: OperatorDesk

    async def __call__(self, command: RevokeOperator, call: Call) -> OperatorOutcome:
        """Refused NOT_FOUND for somebody who never had access; one whose access ended before is no change."""

        async def plan(transaction: Transaction) -> Plan:
            email = comparable_email(command.email)
            present = await self.operators.locked(transaction, email)
            if present is None and not await self.operators.known(transaction, email):
                raise Refused("NOT_FOUND")
            if present is None:
                return Plan(())
            found = present

            async def effect(inside: Transaction) -> None:
                await self._take(inside, found, call.operator().operator)

            return Plan((f"End the access of {found.email} and all of their sessions.",), effect)

        return await self.desk.carry_out(command, call, plan, target=comparable_email(command.email))

    async def _take(self, transaction: Transaction, operator: OperatorOnFile, revoked_by: str) -> None:
        await self.operators.revoke(transaction, operator.operator_id)
        await end_enrolments(transaction, operator.operator_id)
        ended = await self.sessions.revoke_all(transaction, operator.operator_id)
        facts = {"revoked_by": revoked_by, "sessions_ended": ended}
        await write_audit(transaction, operator.operator_id, "operator_revoked", **facts)


def _changes(command: GrantOperator, present: OperatorOnFile | None) -> tuple[str, ...]:
    roles = ", ".join(sorted(set(command.roles)))
    if present is None:
        return (
            f"Give {command.email} access as {roles}, approved by {command.approved_by}.",
            "Make an enrolment token that is good for 24 hours.",
        )
    said = []
    if set(present.roles) != set(command.roles):
        before = ", ".join(sorted(present.roles))
        said.append(f"Change the roles of {present.email} from {before} to {roles}, approved by {command.approved_by}.")
    if not present.enrolled:
        said.append("Make another enrolment token that is good for 24 hours; the one before stops working.")
    elif said:
        said.append("End the operator's open sessions.")
    return tuple(said)
