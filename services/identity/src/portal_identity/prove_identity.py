import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from portal_chassis.actor import Actor
from portal_chassis.clocks import MachineClock
from portal_chassis.deadline import Deadline
from portal_chassis.postgres import Database
from portal_chassis.process import ProcessEngine
from portal_contracts.identity_verification import (
    BeginIdentityCheck,
    BegunIdentityCheck,
    ConcludedIdentityCheck,
    ConcludeIdentityCheck,
    VerificationMethod,
    VerifiedCommodity,
)
from portal_contracts.problems import PortalProblem, Refused, TryLater
from portal_identity.audit import SecurityWord, write_audit
from portal_identity.identity_check_process import KIND, IdentityCheckState, named
from portal_identity.identity_comparison import Compared, PersonOnFile, differing, missing
from portal_identity.identity_provider import IdentityCheck, IdentityProvider
from portal_identity.identity_provider_settings import IdentityProviderSettings
from portal_identity.ports import StaffDesk, Verifications
from portal_identity.secret_tokens import new_token
from portal_identity.store_brakes import Brakes
from portal_identity.store_identity_checks import CheckUnderWay, IdentityChecks
from portal_identity.store_users import Users
from portal_identity.verification_policy import judged, shown

BEGUN_AN_HOUR: Final = 10
"""Checks of one customer: providers take money for each."""
CONCLUDED_AN_HOUR: Final = 60
SPARE_SECONDS: Final = 1.0
_VERIFIER_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class ProveIdentity:
    """A provider proves who the customer is, and we compare (C26). What was proven is in memory for a moment only."""

    database: Database
    checks: IdentityChecks
    users: Users
    verifications: Verifications
    provider: IdentityProvider | None
    staff: StaffDesk
    brakes: Brakes
    processes: ProcessEngine
    methods: Mapping[VerifiedCommodity, VerificationMethod]
    settings: IdentityProviderSettings
    clock: MachineClock

    async def begin(self, caller: Actor, command: BeginIdentityCheck) -> BegunIdentityCheck:
        """Give the address of the provider for the caller's session alone.

        Refused VERIFICATION_NOT_POSSIBLE or PERSON_INCOMPLETE; TryLater RATE_LIMITED or as the provider is.
        """
        method = self.methods[command.commodity]
        if self.provider is None or method != "external":
            raise Refused("VERIFICATION_NOT_POSSIBLE")
        await self.brakes.count(("identity_check", caller.user_id, BEGUN_AN_HOUR, 3600))
        if judged(await self.verifications.read(caller.account_id), method).passed:
            raise Refused("VERIFICATION_NOT_POSSIBLE")
        await self._on_file(caller)
        check = IdentityCheck(new_token(), new_token(), secrets.token_urlsafe(_VERIFIER_BYTES))
        url = await self.provider.begin(check)
        expires_at = self.clock.now() + timedelta(minutes=self.settings.minutes)
        await self.checks.keep(check, caller.user_id, caller.session_id, command.commodity, expires_at)
        await self._audit(caller, "identity_check_begun", command.client_address, commodity=command.commodity)
        return BegunIdentityCheck(url=url, expires_at=expires_at)

    async def conclude(
        self, caller: Actor, command: ConcludeIdentityCheck, deadline: Deadline
    ) -> ConcludedIdentityCheck:
        """Fetch what was proven, compare it, and write the outcome however long that takes.

        Refused IDENTITY_CHECK_OVER, IDENTITY_NOT_PROVEN or PERSON_INCOMPLETE; TryLater IN_PROGRESS while it is written,
        and as the provider and Salesforce are.
        """
        await self.brakes.count(("identity_concluded", caller.user_id, CONCLUDED_AN_HOUR, 3600))
        found = await self.checks.find(command.form.state, caller.user_id, caller.session_id, self.clock.now())
        if found is None or self.provider is None:
            raise Refused("IDENTITY_CHECK_OVER")
        if not found.taken:
            await self._prove(self.provider, caller, command, found)
        return await self._outcome(caller, found, deadline)

    async def _prove(
        self, provider: IdentityProvider, caller: Actor, command: ConcludeIdentityCheck, found: CheckUnderWay
    ) -> None:
        """Use the one try. What is on file is read before: while it cannot be, the try is kept."""
        on_file = await self._on_file(caller)
        if not await self.checks.take(found.check.state):
            return
        try:
            proven = await provider.conclude(found.check, command.form)
        except PortalProblem as problem:
            await self.checks.end(found.check.state)
            await self._audit(caller, "identity_check_failed", command.client_address, code=problem.code)
            raise
        await self._start(caller, found, differing(on_file, proven, self.settings.compares), command.client_address)

    async def _start(
        self, caller: Actor, found: CheckUnderWay, differences: Sequence[Compared], client_address: str
    ) -> None:
        state = IdentityCheckState(
            account_id=caller.account_id,
            commodity=found.commodity,
            provider=self.settings.host,
            proven_at=self.clock.now(),
            differences=differences,
        )
        facts = {"outcome": "different" if differences else "alike", "commodity": found.commodity}
        async with self.database.transaction() as transaction:
            if await self.processes.start(transaction, KIND, found.key, state):
                await write_audit(
                    transaction, caller.user_id, "identity_check_concluded", address=client_address, **facts
                )

    async def _outcome(self, caller: Actor, found: CheckUnderWay, deadline: Deadline) -> ConcludedIdentityCheck:
        until = Deadline(deadline.at_ms - int(SPARE_SECONDS * 1000))
        try:
            view = await self.processes.run_inline(KIND, found.key, until=until)
        except LookupError:  # the other try of the same moment is still at the provider
            raise TryLater("IN_PROGRESS") from None
        if not view.state.get("written"):
            raise TryLater("IN_PROGRESS")
        on_file = await self.verifications.read(caller.account_id)
        outcome = "different" if view.state.get("differences") else "alike"
        return ConcludedIdentityCheck(outcome=outcome, verification=shown(on_file, self.methods))

    async def _on_file(self, caller: Actor) -> PersonOnFile:
        """Give what is compared with. Refused PERSON_INCOMPLETE, with a case for staff, where a part is missing."""
        user = await self.users.by_id(caller.user_id)
        if user is None:
            raise Refused("SESSION_EXPIRED")
        on_file = await self.verifications.person(caller.account_id, user.email)
        if absent := missing(on_file, self.settings.compares):
            description = f"An identity check needs the customer's {named(absent)}, which is not on file. Ask for it."
            key = f"identity-check-{caller.account_id}-{self.clock.now():%Y%m%d}"
            await self.staff.open_case(key, caller.account_id, "Identity check", description, kind="id_verification")
            raise Refused("PERSON_INCOMPLETE", facts={"missing": named(absent)})
        return on_file

    async def _audit(self, caller: Actor, event: SecurityWord, client_address: str, **facts: str) -> None:
        async with self.database.transaction() as transaction:
            await write_audit(transaction, caller.user_id, event, address=client_address, **facts)
