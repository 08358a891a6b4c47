import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError

from portal_chassis.clocks import MachineClock
from portal_chassis.deadline import Deadline
from portal_chassis.postgres import Database
from portal_chassis.process import ProcessEngine
from portal_contracts.billing_logins import ProvenLogin
from portal_contracts.identity_linking import (
    ContinueLinking,
    LinkAccount,
    LinkCode,
    LinkCodeRequested,
    LinkForm,
    Linking,
    MintLinkCode,
)
from portal_contracts.problems import FieldError, Refused
from portal_contracts.values import CustomerNumber, comparable_email
from portal_identity.audit import write_audit
from portal_identity.link_process import KIND, LinkState
from portal_identity.password_policy import normal_password, require_strong
from portal_identity.ports import Billing, KeptLinking, LinkDetails, PasswordHasher, StaffDesk
from portal_identity.secret_tokens import new_token, token_hash
from portal_identity.settings import IdentitySettings
from portal_identity.store_brakes import Brakes
from portal_identity.store_linkings import Linkings
from portal_identity.store_users import Users
from portal_identity.way_to_link import linked

_NUMBER: Final[TypeAdapter[str]] = TypeAdapter(CustomerNumber)
CODE_GOOD_FOR: Final = timedelta(minutes=15)
SPARE_SECONDS: Final = 1.0
"""Left for the answer's way back when the process is run while the caller waits."""


@dataclass(frozen=True, slots=True)
class RunLinking:
    """Start a linking's process, run it while the caller waits, and tell how far it is."""

    database: Database
    processes: ProcessEngine

    async def __call__(self, link_id: str, token: str, deadline: Deadline) -> Linking:
        """Refused with the reason that ended the linking."""
        async with self.database.transaction() as transaction:
            await self.processes.start(transaction, KIND, link_id, LinkState())
        until = Deadline(deadline.at_ms - int(SPARE_SECONDS * 1000))
        view = await self.processes.run_inline(KIND, link_id, until=until)
        return Linking(state="done" if linked(view) else "working", token=token)


@dataclass(frozen=True, slots=True)
class BeginLinking:
    """Check the WHMCS password once and link the account, or have a code mailed where WHMCS has a second factor (C21).

    The brakes come first: a try that reaches WHMCS counts there against the portal's one address.
    """

    database: Database
    users: Users
    linkings: Linkings
    billing: Billing
    staff: StaffDesk
    brakes: Brakes
    hasher: PasswordHasher
    run: RunLinking
    settings: IdentitySettings

    async def __call__(self, command: LinkAccount, deadline: Deadline) -> Linking:
        """Refused CREDENTIALS_WRONG, PASSWORD_TOO_WEAK or the reason that ended the linking; TryLater RATE_LIMITED."""
        form = command.form
        require_new(form, self.settings.password_length)
        await self._count(command)
        try:
            login = await self.billing.prove_login(command.request_id, form.email, form.whmcs_password)
        except Refused as refusal:
            await self._note_failure(command, refusal.code)
            if refusal.code == "LINKING_NOT_POSSIBLE":
                raise Refused(refusal.code, facts={"case_id": await self._ask_staff(form.email)}) from None
            raise
        details = _details(login, form.locale, command.client_address)
        kept = KeptLinking(str(uuid4()), details, await self.hasher.hash(form.password), not login.second_factor)
        token = new_token()
        async with self.database.transaction() as transaction:
            await self.linkings.keep(transaction, kept, token_hash(token))
            facts = {"link": kept.link_id, "address": command.client_address}
            await write_audit(transaction, kept.link_id, "link_requested", **facts)  # the user-to-be has this id
            if not kept.proven:
                await transaction.record(LinkCodeRequested(link_id=kept.link_id))
        return await self.run(kept.link_id, token, deadline) if kept.proven else Linking(state="code_sent", token=token)

    async def _ask_staff(self, email: str) -> str:
        """Ask staff to link by hand, once for a mailbox: its password was right (R038)."""
        description = f"{email} proved a log-in of WHMCS that owns no client, or several. Which account is theirs?"
        key = f"link-mailbox-{sha256(comparable_email(email).encode()).hexdigest()[:32]}"
        return await self.staff.open_case(key, None, "Account could not be linked", description)

    async def _count(self, command: LinkAccount) -> None:
        account, settings = comparable_email(command.form.email), self.settings
        await self.brakes.count(
            ("link_address", command.client_address, settings.linkings_an_hour_per_address, 3600),
            ("link_account", account, settings.linkings_an_hour_per_account, 3600),
            ("link", "all", settings.linkings_an_hour, 3600),
        )

    async def _note_failure(self, command: LinkAccount, code: str) -> None:
        """Note it for who has the mailbox here, if anybody has: nobody else is told of it."""
        owners = await self.users.owners_of(command.form.email)
        async with self.database.transaction() as transaction:
            for owner in owners or (None,):
                await write_audit(transaction, owner, "link_failed", address=command.client_address, code=code)


@dataclass(frozen=True, slots=True)
class GoOnLinking:
    """Take the mailed code, or tell how far a linking is; on any device that has the token."""

    linkings: Linkings
    brakes: Brakes
    run: RunLinking
    settings: IdentitySettings
    clock: MachineClock

    async def __call__(self, command: ContinueLinking, deadline: Deadline) -> Linking:
        """Refused LINKING_OVER, SECOND_FACTOR_WRONG, or the reason that ended the linking; TryLater RATE_LIMITED."""
        form, limit = command.form, 30 * self.settings.linkings_an_hour_per_address
        await self.brakes.count(("link_confirm", command.client_address, limit, 3600))
        found = await self.linkings.find(token_hash(form.token))
        if found is None:
            raise Refused("LINKING_OVER")
        link_id, proven = found
        if not proven and form.code is None:
            return Linking(state="code_sent", token=form.token)
        code = (form.code or "").replace(" ", "")
        if not proven and not await self.linkings.try_code(link_id, code, self.clock.now()):
            fault = FieldError(field="code", code="SECOND_FACTOR_WRONG")
            raise Refused("SECOND_FACTOR_WRONG", fields=[fault])
        return await self.run(link_id, form.token, deadline)


@dataclass(frozen=True, slots=True)
class MintCode:
    """Mint the code of a linking at the moment its mail is sent; the one before dies, the tries stay counted."""

    linkings: Linkings
    clock: MachineClock

    async def __call__(self, command: MintLinkCode) -> LinkCode:
        """Refused NOT_FOUND when the linking is over or proven."""
        kept = await self.linkings.read(command.link_id)
        code, expires_at = f"{secrets.randbelow(1_000_000):06}", self.clock.now() + CODE_GOOD_FOR
        if kept is None or kept.proven or not await self.linkings.put_code(kept.link_id, code, expires_at):
            raise Refused("NOT_FOUND")
        details = kept.details
        return LinkCode(email=details.email, name=details.name, locale=details.locale, code=code, expires_at=expires_at)


def require_new(form: LinkForm, least: int) -> None:
    """Refuse PASSWORD_TOO_WEAK for a weak password, and for the one that WHMCS has (R042)."""
    require_strong(form.password, least, (form.email,))
    if normal_password(form.password) == normal_password(form.whmcs_password):
        fault = FieldError(field="password", code="PASSWORD_TOO_WEAK", facts={"limit": least})
        raise Refused("PASSWORD_TOO_WEAK", facts={"limit": least}, fields=[fault])


def _details(login: ProvenLogin, locale: str, client_address: str) -> LinkDetails:
    try:
        number = _NUMBER.validate_python(login.customer_number)
    except ValidationError:
        number = ""
    return LinkDetails(login.email, login.name, locale, login.whmcs_client_id, number, client_address)
