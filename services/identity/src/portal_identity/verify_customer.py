from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from portal_chassis.actor import Actor
from portal_chassis.clocks import MachineClock
from portal_chassis.deadline import Deadline
from portal_chassis.postgres import Database
from portal_chassis.process import ProcessEngine
from portal_clamd import Scanner
from portal_contracts.identity_verification import (
    CheckVerification,
    SubmitDocument,
    Verification,
    VerificationCheck,
    VerificationMethod,
    VerifiedCommodity,
)
from portal_contracts.problems import Refused, TryLater
from portal_identity.audit import write_audit
from portal_identity.ports import Verifications
from portal_identity.store_brakes import Brakes
from portal_identity.verification_policy import document_kind, judged, shown
from portal_identity.verification_process import KIND, VerificationState

AN_HOUR: Final = 20
"""Documents of one customer."""
SPARE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class VerifyCustomer:
    """Documents go to Salesforce and stay nowhere else; staff judge them there (C26, C41)."""

    database: Database
    verifications: Verifications
    scanner: Scanner
    brakes: Brakes
    processes: ProcessEngine
    methods: Mapping[VerifiedCommodity, VerificationMethod]
    clock: MachineClock

    async def read(self, caller: Actor) -> Verification:
        """Tell how far the caller's verification is."""
        return shown(await self.verifications.read(caller.account_id), self.methods)

    async def submit(self, caller: Actor, command: SubmitDocument, deadline: Deadline) -> Verification:
        """Keep a document and have staff look at it; the same one again is kept once.

        Refused DOCUMENT_REFUSED, FILE_INFECTED or VERIFICATION_NOT_POSSIBLE; TryLater RATE_LIMITED, or
        VIRUS_SCANNER_UNAVAILABLE: nothing passes unseen (§5 item 6).
        """
        kind = document_kind(command.content)
        await self.brakes.count(("verification", caller.user_id, AN_HOUR, 3600))
        on_file = await self.verifications.read(caller.account_id)
        if self.methods[command.commodity] != "document_upload" or on_file.status == "verified":
            raise Refused("VERIFICATION_NOT_POSSIBLE")
        await self._scan(caller, command)
        digest = sha256(caller.account_id.encode() + command.content).hexdigest()[:24]
        title = f"ID document {digest}"
        await self.verifications.keep_document(caller.account_id, title, kind, command.content)
        key = await self._note(caller, command, digest)
        until = Deadline(deadline.at_ms - int(SPARE_SECONDS * 1000))
        view = await self.processes.run_inline(KIND, key, until=until)
        if not view.state.get("pending"):
            raise TryLater("IN_PROGRESS")
        return await self.read(caller)

    async def check(self, query: CheckVerification) -> VerificationCheck:
        """Judge an account for a commodity, for other services."""
        return judged(await self.verifications.read(query.account_id), self.methods[query.commodity])

    async def _scan(self, caller: Actor, command: SubmitDocument) -> None:
        """Have it looked into before anything is written; what is infected is told to the account's owner (R050)."""
        try:
            await self.scanner.check(command.content)
        except Refused:
            facts = {"commodity": command.commodity, "address": command.client_address}
            async with self.database.transaction() as transaction:
                await write_audit(transaction, caller.user_id, "document_infected", **facts)
            raise

    async def _note(self, caller: Actor, command: SubmitDocument, digest: str) -> str:
        """Start what follows; a document that was rejected may be handed in again from the next day on."""
        now = self.clock.now()
        key = f"{digest}-{now:%Y%m%d}"
        state = VerificationState(account_id=caller.account_id, commodity=command.commodity, submitted_at=now)
        async with self.database.transaction() as transaction:
            if await self.processes.start(transaction, KIND, key, state):
                facts = {"commodity": command.commodity, "address": command.client_address}
                await write_audit(transaction, caller.user_id, "document_submitted", **facts)
        return key
