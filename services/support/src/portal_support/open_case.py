from dataclasses import dataclass
from hashlib import sha256

from portal_chassis.actor import Actor
from portal_chassis.idempotency import fingerprint
from portal_contracts.problems import Refused, TryLater
from portal_contracts.support import CaseDetail, OpenCase
from portal_support.ports import About, Belongings, Cases, Links, NewCase, Subject, WriteKey
from portal_support.read_cases import ReadCustomerCases
from portal_support.write_once import WriteOnce


@dataclass(frozen=True, slots=True)
class OpenCustomerCase:
    """Open a General Inquiry for the caller (R219, R223); a repeat gives the same case."""

    cases: Cases
    belongings: Belongings
    links: Links
    reading: ReadCustomerCases
    once: WriteOnce

    async def __call__(self, caller: Actor, command: OpenCase) -> CaseDetail:
        """Give the case. Refused NOT_FOUND for another's order or service; TryLater when it cannot be opened now."""
        key = WriteKey("open", caller.user_id, command.request_id, fingerprint(command))

        async def make() -> str:
            return await self._open(caller, command)

        case_id = await self.once(key, make, lambda _: make())  # opening is safe to repeat, so that it is its own look
        try:
            return await self.reading.one(caller.account_id, case_id)
        except Refused:  # just written and not visible yet
            raise TryLater("SALESFORCE_UNAVAILABLE") from None

    async def _open(self, caller: Actor, command: OpenCase) -> str:
        subjects = await self._subjects(caller, command)
        description = "\n\n".join((command.description, *(subject.words for subject in subjects)))
        opportunity = next((subject.opportunity_id for subject in subjects if subject.opportunity_id), None)
        key = sha256(f"{caller.user_id}:{command.request_id}".encode()).hexdigest()
        case = NewCase(key, caller.account_id, "general_inquiry", command.title, description, opportunity)
        case_id = await self.cases.open(case)
        if subjects:
            await self.links.keep(case_id, caller.account_id, About(command.order_id, command.service_id))
        return case_id

    async def _subjects(self, caller: Actor, command: OpenCase) -> list[Subject]:
        """Give what the case is about, as far as it is the caller's own: everything or Refused NOT_FOUND."""
        found: list[Subject | None] = []
        if command.order_id is not None:
            found.append(await self.belongings.order(caller.account_id, command.order_id))
        if command.service_id is not None:
            service = (caller.account_id, caller.whmcs_client_id, command.service_id)
            found.append(await self.belongings.service(*service))
        owned = [subject for subject in found if subject is not None]
        if len(owned) != len(found):
            raise Refused("NOT_FOUND")
        return owned
