import asyncio

from portal_chassis.sealing import Seal
from portal_chassis.service import Service
from portal_identity.bus_ports import BusBilling, BusStaffDesk
from portal_identity.change_password import ChangeOwnPassword
from portal_identity.confirm_signup import UseSignupLink
from portal_identity.consumers import UseCases, register
from portal_identity.enrol_operator import EnrolOperator, ShowSecondFactor
from portal_identity.grant_operator import GiveAccess, TakeAccess
from portal_identity.log_in import OpenSession
from portal_identity.log_out import CloseSession
from portal_identity.mint_actor import MintActorToken
from portal_identity.mint_password_reset_link import MintResetLink
from portal_identity.mint_signup_link import MintLink
from portal_identity.one_time_codes import OneTimeCodes
from portal_identity.open_operator_session import SignOperatorIn
from portal_identity.password_hashing import Argon2Hasher
from portal_identity.read_customer import ReadCustomer
from portal_identity.recent_accounts import RecentAccounts
from portal_identity.request_password_reset import KeepPasswordReset
from portal_identity.request_signup import KeepSignup
from portal_identity.reset_password import UseResetLink
from portal_identity.salesforce import SalesforceAccounts
from portal_identity.set_password import SetPassword
from portal_identity.settings import IdentitySettings
from portal_identity.signing_key import key_id_of, read_signing_key
from portal_identity.signup_process import SignupProcess
from portal_identity.store_brakes import Brakes
from portal_identity.store_enrolments import Enrolments
from portal_identity.store_operator_sessions import OperatorSessions
from portal_identity.store_operators import Operators
from portal_identity.store_resets import Resets
from portal_identity.store_sessions import Sessions
from portal_identity.store_signups import Signups
from portal_identity.store_users import Users
from portal_salesforce.client import Salesforce
from portal_salesforce.settings import SalesforceSettings

SWEEP_SECONDS = 3600


async def wire(service: Service) -> None:
    """Join identity's parts."""
    settings = IdentitySettings()
    database, clock = service.database, service.machine
    salesforce = Salesforce(SalesforceSettings())
    service.on_stop(salesforce.close)
    signing_key = read_signing_key(settings.actor_private_key_path)
    key_id = key_id_of(signing_key, service.settings.actor_public_keys_path, settings.actor_key_id)
    seal = Seal.from_file(settings.identity_key_path, setting="PORTAL_IDENTITY_KEY_PATH")
    signups = Signups(database, seal)
    users = Users(database)
    sessions = Sessions(database, settings.session_idle_seconds)
    brakes, hasher = Brakes(database), Argon2Hasher()
    resets = Resets(database)
    operators, enrolments = Operators(database, seal), Enrolments(database, seal)
    operator_sessions = OperatorSessions(database, settings.operator_idle_seconds)
    codes, desk = OneTimeCodes(clock), service.operator_desk
    set_password = SetPassword(database, users, sessions, resets, hasher, settings)
    accounts = RecentAccounts(SalesforceAccounts(salesforce), clock)
    process = SignupProcess(signups, users, accounts, BusBilling(service.bus), BusStaffDesk(service.bus))
    service.processes.register(process.definition())
    use = UseCases(
        keep_signup=KeepSignup(database, signups, brakes, hasher, settings),
        mint_link=MintLink(signups, settings, clock),
        use_link=UseSignupLink(database, signups, service.processes, clock),
        open_session=OpenSession(users, sessions, brakes, hasher, settings, clock),
        close_session=CloseSession(database, sessions, operator_sessions),
        keep_reset=KeepPasswordReset(database, resets, brakes, settings),
        mint_reset_link=MintResetLink(resets, settings, clock),
        use_reset_link=UseResetLink(resets, brakes, set_password, settings, clock),
        change_password=ChangeOwnPassword(users, brakes, hasher, set_password),
        mint_actor=MintActorToken(sessions, operator_sessions, signing_key, key_id, clock),
        read_customer=ReadCustomer(users),
        sign_operator_in=SignOperatorIn(database, operators, operator_sessions, brakes, hasher, codes, settings, clock),
        show_second_factor=ShowSecondFactor(database, enrolments, brakes, clock),
        enrol_operator=EnrolOperator(
            database, operators, enrolments, operator_sessions, brakes, hasher, codes, settings, clock
        ),
        operators=operators,
        give_access=GiveAccess(operators, operator_sessions, desk, clock),
        take_access=TakeAccess(operators, operator_sessions, desk),
    )
    register(service.bus, use)

    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await brakes.sweep()
            await resets.sweep()

    service.background("forgetting", sweep)
