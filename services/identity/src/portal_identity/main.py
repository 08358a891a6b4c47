import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_chassis.clocks import BusinessClock, MachineClock
from portal_chassis.logs import get_logger
from portal_chassis.operator_actions import OperatorDesk
from portal_chassis.postgres import Database, StoreUnavailable
from portal_chassis.process import ProcessEngine
from portal_chassis.sealing import Seal
from portal_chassis.service import Service
from portal_chassis.setup_checks import serve as serve_setup
from portal_clamd import Scanner, scanner_of_environment
from portal_contracts.setup_checks import SetupCheck
from portal_identity.bus_ports import BusBilling, BusOwners, BusStaffDesk
from portal_identity.change_authenticator import ChangeAuthenticator, ReadFactors
from portal_identity.change_email import KeepEmailChange, MintChangeLink, ReadFormerMailbox, UseChangeLink
from portal_identity.change_password import ChangeOwnPassword
from portal_identity.check_identity_provider import CheckIdentityProvider
from portal_identity.confirm_signup import UseSignupLink
from portal_identity.consumers import register, register_news
from portal_identity.contact_process import ContactProcess
from portal_identity.deletion import FindHindrance
from portal_identity.deletion_process import DeletionProcess
from portal_identity.end_sessions import EndAllSessions, EndOneSession
from portal_identity.enrol_operator import EnrolOperator, ShowSecondFactor
from portal_identity.grant_operator import GiveAccess, TakeAccess
from portal_identity.identity_check_process import IdentityCheckProcess
from portal_identity.identity_provider import IdentityProvider
from portal_identity.identity_provider_settings import IdentityProviderSettings
from portal_identity.link_account import BeginLinking, GoOnLinking, MintCode, RunLinking
from portal_identity.link_process import LinkProcess
from portal_identity.log_in import OpenSession
from portal_identity.log_out import CloseSession
from portal_identity.make_api_token import HandOutTokens
from portal_identity.mint_actor import MintActorToken
from portal_identity.mint_password_reset_link import MintResetLink
from portal_identity.mint_signup_link import MintLink
from portal_identity.one_time_codes import OneTimeCodes
from portal_identity.open_operator_session import SignOperatorIn
from portal_identity.openid_provider import OpenIdProvider
from portal_identity.own_personal_data import DeleteOwnAccount, ExportOwnData
from portal_identity.password_hashing import Argon2Hasher
from portal_identity.ports import Accounts, Billing, Ceremonies, Owners, PasswordHasher, StaffDesk, Verifications
from portal_identity.profile_process import ProfileProcess
from portal_identity.prove_customer import ProveCustomer
from portal_identity.prove_identity import ProveIdentity
from portal_identity.read_customer import ReadCustomer
from portal_identity.recent_accounts import RecentAccounts
from portal_identity.request_password_reset import KeepPasswordReset
from portal_identity.request_signup import KeepSignup
from portal_identity.reset_password import UseResetLink
from portal_identity.salesforce import SalesforceAccounts
from portal_identity.salesforce_setup import NEEDS
from portal_identity.salesforce_verification import SalesforceVerifications
from portal_identity.seal_anew import SealAnew
from portal_identity.security_consumers import register_notes
from portal_identity.set_password import SetPassword
from portal_identity.settings import IdentitySettings
from portal_identity.signing_key import key_id_of, read_signing_key
from portal_identity.signup_process import SignupProcess
from portal_identity.standing_processes import StandingProcesses
from portal_identity.step_up import ProveAnew
from portal_identity.store_api_tokens import ApiTokens
from portal_identity.store_audit import Audit
from portal_identity.store_authenticators import Authenticators
from portal_identity.store_brakes import Brakes
from portal_identity.store_deletions import Deletions
from portal_identity.store_email_changes import EmailChanges
from portal_identity.store_enrolments import Enrolments
from portal_identity.store_identity_checks import IdentityChecks
from portal_identity.store_linkings import Linkings
from portal_identity.store_operator_sessions import OperatorSessions
from portal_identity.store_operators import Operators
from portal_identity.store_passkeys import Passkeys
from portal_identity.store_resets import Resets
from portal_identity.store_retention import forget_what_operators_left
from portal_identity.store_sessions import Sessions
from portal_identity.store_signups import Signups
from portal_identity.store_users import Users
from portal_identity.unproven_claim_process import UnprovenClaimProcess
from portal_identity.use_cases import UseCases
from portal_identity.use_passkey import MakePasskey, OpenSessionWithPasskey, ProveByPasskey
from portal_identity.verification_policy import require_providers
from portal_identity.verification_process import VerificationProcess
from portal_identity.verify_customer import VerifyCustomer
from portal_identity.webauthn_ceremonies import WebauthnCeremonies
from portal_salesforce.client import Salesforce
from portal_salesforce.settings import SalesforceSettings
from portal_salesforce.setup_checks import org_look

SWEEP_SECONDS: Final = 3600.0
NOTICE_SECONDS: Final = 60.0

_log = get_logger(__name__)


class Stores:
    """What identity keeps in its database."""

    def __init__(self, database: Database, seal: Seal, settings: IdentitySettings) -> None:
        self.database = database
        self.users = Users(database)
        self.signups = Signups(database, seal)
        self.linkings = Linkings(database, seal)
        self.sessions = Sessions(database, settings.session_idle_seconds)
        self.resets = Resets(database)
        self.email_changes = EmailChanges(database)
        self.authenticators = Authenticators(database, seal)
        self.passkeys = Passkeys(database)
        self.identity_checks = IdentityChecks(database)
        self.api_tokens = ApiTokens(database)
        self.deletions = Deletions(database)
        self.brakes = Brakes(database)
        self.audit = Audit(database)
        self.operators = Operators(database, seal)
        self.enrolments = Enrolments(database, seal)
        self.operator_sessions = OperatorSessions(database, settings.operator_idle_seconds)

    async def forget(self, settings: IdentitySettings) -> None:
        """Drop what is past its time (§5.10)."""
        await self.brakes.sweep()
        await self.resets.sweep()
        await self.signups.sweep(settings.retention_signup_days)
        await self.linkings.sweep(settings.retention_signup_days)
        await self.passkeys.sweep()
        await self.identity_checks.sweep()
        await self.sessions.sweep(settings.retention_session_days)
        await self.api_tokens.sweep(settings.retention_session_days)
        await self.email_changes.sweep(settings.retention_email_change_days)
        await self.audit.sweep(settings.retention_audit_months)


@dataclass(frozen=True, slots=True)
class Outside:
    """What stands behind identity's ports; tests give fakes."""

    accounts: Accounts
    billing: Billing
    staff: StaffDesk
    hasher: PasswordHasher
    ceremonies: Ceremonies
    verifications: Verifications
    owners: Owners
    scanner: Scanner
    identity_provider: IdentityProvider | None = None
    identity_provider_settings: IdentityProviderSettings = field(default_factory=IdentityProviderSettings)


@dataclass(frozen=True, slots=True)
class ActorKey:
    """What signs Portal-Actor tokens, and its name."""

    private_key: Ed25519PrivateKey
    key_id: str


async def wire(service: Service) -> None:
    """Join identity's parts."""
    settings, salesforce = IdentitySettings(), Salesforce(SalesforceSettings())
    service.on_stop(salesforce.close)
    hasher = Argon2Hasher()
    service.on_stop(hasher.close)
    service.background("workers for passwords", hasher.start)
    provider_settings = IdentityProviderSettings()
    require_providers(settings.verification_methods, provider=bool(provider_settings.issuer))
    signing_key = read_signing_key(settings.actor_private_key_path)
    key = ActorKey(signing_key, key_id_of(signing_key, service.settings.actor_public_keys_path, settings.actor_key_id))
    seal = Seal.from_file(settings.identity_key_path, setting="PORTAL_IDENTITY_KEY_PATH")
    stores = Stores(service.database, seal, settings)
    provider = OpenIdProvider(provider_settings, settings.public_url) if provider_settings.issuer else None
    outside = Outside(
        accounts=RecentAccounts(SalesforceAccounts(salesforce), service.machine),
        billing=BusBilling(service.bus),
        staff=BusStaffDesk(service.bus),
        hasher=hasher,
        ceremonies=WebauthnCeremonies(settings.public_url),
        verifications=SalesforceVerifications(salesforce),
        owners=BusOwners(service.bus),
        scanner=scanner_of_environment(),
        identity_provider=provider,
        identity_provider_settings=provider_settings,
    )
    register_processes(service.processes, stores, outside)
    use = use_cases(
        stores, outside, service.processes, service.operator_desk, key, settings, service.machine, service.clock
    )
    register(service.bus, use)
    register_news(service.bus, service.processes, stores.deletions)
    register_notes(service.bus, stores.audit)
    look_at_org = org_look(salesforce, NEEDS)
    if provider is None:
        serve_setup(service, look_at_org)
    else:
        service.on_stop(provider.close)
        look_at_provider = CheckIdentityProvider(provider_settings, provider.metadata)

        async def look() -> list[SetupCheck]:
            return [*await look_at_org(), *await look_at_provider.look()]

        serve_setup(service, look)
    service.pruning.add_sweep("what identity keeps", lambda: stores.forget(settings))
    forget_what_operators_left(service.pruning, settings.retention_session_days)
    seal_anew = SealAnew(service.database, seal)
    service.background("sealing anew", _every(SWEEP_SECONDS, seal_anew, at_once=True))
    service.background("telling slowed owners", _every(NOTICE_SECONDS, stores.brakes.tell_slowed_owners))


def register_processes(processes: ProcessEngine, stores: Stores, outside: Outside) -> None:
    """Give the engine every kind of process."""
    signup = SignupProcess(stores.signups, stores.users, outside.accounts, outside.billing, outside.staff, processes)
    processes.register(signup.definition())
    processes.register(UnprovenClaimProcess(stores.signups, outside.staff).definition())
    linking = LinkProcess(stores.linkings, stores.users, outside.accounts, outside.staff)
    processes.register(linking.definition())
    processes.register(VerificationProcess(outside.verifications, outside.staff).definition())
    processes.register(IdentityCheckProcess(outside.verifications, outside.staff).definition())
    deletion = DeletionProcess(
        stores.deletions,
        stores.users,
        stores.sessions,
        stores.api_tokens,
        outside.accounts,
        FindHindrance(outside.billing, outside.owners),
        outside.staff,
    )
    processes.register(deletion.definition())
    contact = ContactProcess(stores.email_changes, outside.accounts, outside.billing, outside.staff)
    processes.register(contact.definition())
    processes.register(ProfileProcess(stores.users, outside.accounts, outside.billing).definition())


def use_cases(  # noqa: PLR0917 - each is another kind of thing
    stores: Stores,
    outside: Outside,
    processes: ProcessEngine,
    desk: OperatorDesk,
    key: ActorKey,
    settings: IdentitySettings,
    clock: MachineClock,
    business: BusinessClock,
) -> UseCases:
    """Build the use cases on whatever stands behind the ports."""
    database, users, sessions, brakes = stores.database, stores.users, stores.sessions, stores.brakes
    hasher, codes = outside.hasher, OneTimeCodes(clock)
    set_password = SetPassword(
        database, users, sessions, stores.resets, stores.authenticators, stores.api_tokens, hasher, settings
    )
    prove = ProveCustomer(database, stores.authenticators, brakes, hasher, codes)
    read_customer, factors = ReadCustomer(users, stores.deletions), ReadFactors(stores.authenticators, stores.passkeys)
    run_linking = RunLinking(database, processes)
    prove_by_passkey = ProveByPasskey(users, stores.passkeys, outside.ceremonies, brakes, clock)
    return UseCases(
        keep_signup=KeepSignup(database, stores.signups, brakes, hasher, settings),
        mint_link=MintLink(stores.signups, settings, clock),
        use_link=UseSignupLink(database, stores.signups, processes, outside.hasher, clock),
        form_policy=settings.form_policy(),
        begin_linking=BeginLinking(
            database, users, stores.linkings, outside.billing, outside.staff, brakes, hasher, run_linking, settings
        ),
        go_on_linking=GoOnLinking(stores.linkings, brakes, run_linking, settings, clock),
        mint_link_code=MintCode(stores.linkings, clock),
        open_session=OpenSession(users, sessions, brakes, prove, settings, clock),
        close_session=CloseSession(database, sessions, stores.operator_sessions),
        keep_reset=KeepPasswordReset(database, stores.resets, brakes, settings),
        mint_reset_link=MintResetLink(stores.resets, settings, clock),
        use_reset_link=UseResetLink(stores.resets, brakes, set_password, settings, clock),
        change_password=ChangeOwnPassword(users, brakes, hasher, set_password),
        keep_email_change=KeepEmailChange(database, stores.email_changes, brakes, settings),
        mint_change_link=MintChangeLink(stores.email_changes, settings, clock),
        use_change_link=UseChangeLink(database, stores.email_changes, users, stores.resets, processes, clock),
        read_former_mailbox=ReadFormerMailbox(stores.email_changes),
        sessions=sessions,
        end_session=EndOneSession(database, sessions),
        end_all_sessions=EndAllSessions(database, sessions),
        prove_anew=ProveAnew(users, sessions, prove, prove_by_passkey),
        audit=stores.audit,
        read_factors=factors,
        authenticator=ChangeAuthenticator(database, users, stores.authenticators, brakes, codes),
        passkeys=MakePasskey(database, users, stores.passkeys, outside.ceremonies, clock),
        passkey_log_in=OpenSessionWithPasskey(
            sessions, stores.passkeys, outside.ceremonies, prove_by_passkey, brakes, settings, clock
        ),
        api_tokens=HandOutTokens(database, stores.api_tokens, clock),
        verify=VerifyCustomer(
            database,
            outside.verifications,
            outside.scanner,
            brakes,
            processes,
            settings.verification_methods,
            clock,
        ),
        prove_identity=ProveIdentity(
            database,
            stores.identity_checks,
            users,
            outside.verifications,
            outside.identity_provider,
            outside.staff,
            brakes,
            processes,
            settings.verification_methods,
            outside.identity_provider_settings,
            clock,
        ),
        export_data=ExportOwnData(
            database,
            read_customer,
            factors,
            sessions,
            stores.api_tokens,
            stores.audit,
            outside.accounts,
            outside.billing,
            outside.owners,
            brakes,
            business,
        ),
        deletions=stores.deletions,
        standing_processes=StandingProcesses(database, processes, desk),
        delete_account=DeleteOwnAccount(
            database,
            stores.deletions,
            FindHindrance(outside.billing, outside.owners),
            processes,
            settings,
            business,
        ),
        mint_actor=MintActorToken(
            sessions, stores.api_tokens, stores.operator_sessions, key.private_key, key.key_id, clock
        ),
        read_customer=read_customer,
        sign_operator_in=SignOperatorIn(
            database, stores.operators, stores.operator_sessions, brakes, hasher, codes, settings, clock
        ),
        show_second_factor=ShowSecondFactor(database, stores.enrolments, brakes, clock),
        enrol_operator=EnrolOperator(
            database,
            stores.operators,
            stores.enrolments,
            stores.operator_sessions,
            brakes,
            hasher,
            codes,
            settings,
            clock,
        ),
        operators=stores.operators,
        give_access=GiveAccess(stores.operators, stores.operator_sessions, desk, clock),
        take_access=TakeAccess(stores.operators, stores.operator_sessions, desk),
    )


def _every(
    seconds: float, work: Callable[[], Awaitable[object]], *, at_once: bool = False
) -> Callable[[], Awaitable[None]]:
    """Do something again and again; while the database is away it waits for the next time."""

    async def run() -> None:
        if not at_once:
            await asyncio.sleep(seconds)
        while True:
            try:
                await work()
            except (StoreUnavailable, TimeoutError):
                _log.warning("a round has to wait for the database", work=repr(work))
            await asyncio.sleep(seconds)

    return run
