"""Identity on a real Postgres with its outside faked; and the sandbox's Salesforce, or a real org by environment."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal_chassis.actor import ActorVerifier
from portal_chassis.clocks import SystemMachineClock, business_clock
from portal_chassis.deadline import Deadline
from portal_chassis.migrating import migrate
from portal_chassis.operator_actions import OperatorDesk
from portal_chassis.postgres import Database
from portal_chassis.process import ProcessEngine
from portal_chassis.process_store import PostgresProcessStore
from portal_chassis.sealing import Seal
from portal_chassis.settings import ChassisSettings
from portal_chassis.testing import ManualClock
from portal_contracts.identity import ConfirmSignup, MintSignupLink, RequestSignup, SignupForm
from portal_contracts.message import Event
from portal_identity.change_password import ChangeOwnPassword
from portal_identity.confirm_signup import UseSignupLink
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
from portal_identity.request_password_reset import KeepPasswordReset
from portal_identity.request_signup import KeepSignup
from portal_identity.reset_password import UseResetLink
from portal_identity.set_password import SetPassword
from portal_identity.settings import IdentitySettings
from portal_identity.signup_process import SignupProcess
from portal_identity.store_brakes import Brakes
from portal_identity.store_enrolments import Enrolments
from portal_identity.store_operator_sessions import OperatorSessions
from portal_identity.store_operators import Operators
from portal_identity.store_resets import Resets
from portal_identity.store_sessions import Sessions
from portal_identity.store_signups import Signups
from portal_identity.store_users import Users
from portal_identity.testing import InMemoryAccounts, InMemoryBilling, InMemoryStaffDesk, account
from portal_local.keys import Keys, ensure_keys
from portal_salesforce import Salesforce, SalesforceSettings
from portal_sandbox.core import Core
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

REAL = os.environ.get("PORTAL_TEST_REAL_SALESFORCE") == "1"
"""Only the port's suite asks; everything else needs faults, so it keeps to the sandbox."""


@dataclass
class Identity:
    database: Database
    accounts: InMemoryAccounts = field(default_factory=lambda: InMemoryAccounts(SNX_10001=account()))
    billing: InMemoryBilling = field(default_factory=InMemoryBilling)
    staff: InMemoryStaffDesk = field(default_factory=InMemoryStaffDesk)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        async def record(_, event: Event) -> None:
            self.events.append(event)

        self.database.record_with(record)
        clock = SystemMachineClock()
        self.key = Ed25519PrivateKey.generate()
        self.verifier = ActorVerifier({"test": self.key.public_key()})
        self.settings = IdentitySettings(actor_private_key_path=Path("-"), identity_key_path=Path("-"))
        seal = Seal(b"k" * 32)
        signups, self.users, hasher = Signups(self.database, seal), Users(self.database), Argon2Hasher()
        self.sessions = Sessions(self.database, self.settings.session_idle_seconds)
        self.brakes = Brakes(self.database)
        self.processes = ProcessEngine(
            PostgresProcessStore(self.database), business_clock(ChassisSettings()), SystemMachineClock()
        )
        process = SignupProcess(signups, self.users, self.accounts, self.billing, self.staff)
        self.processes.register(process.definition())
        self.keep_signup = KeepSignup(self.database, signups, self.brakes, hasher, self.settings)
        self.mint_link = MintLink(signups, self.settings, clock)
        self.use_link = UseSignupLink(self.database, signups, self.processes, clock)
        self.open_session = OpenSession(self.users, self.sessions, self.brakes, hasher, self.settings, clock)
        operator_sessions = OperatorSessions(self.database, self.settings.operator_idle_seconds)
        self.close_session = CloseSession(self.database, self.sessions, operator_sessions)
        self.resets = Resets(self.database)
        set_password = SetPassword(self.database, self.users, self.sessions, self.resets, hasher, self.settings)
        self.keep_reset = KeepPasswordReset(self.database, self.resets, self.brakes, self.settings)
        self.mint_reset_link = MintResetLink(self.resets, self.settings, clock)
        self.use_reset_link = UseResetLink(self.resets, self.brakes, set_password, self.settings, clock)
        self.change_password = ChangeOwnPassword(self.users, self.brakes, hasher, set_password)
        self.mint_actor = MintActorToken(self.sessions, operator_sessions, self.key, "test", clock)
        self.read_customer = ReadCustomer(self.users)
        self._join_operators(seal, operator_sessions, hasher)

    def _join_operators(self, seal: Seal, sessions: OperatorSessions, hasher: Argon2Hasher) -> None:
        """The machine clock of operators can be moved, since a code works once and a new one takes half a minute."""
        self.operators, enrolments = Operators(self.database, seal), Enrolments(self.database, seal)
        self.operator_clock = clock = ManualClock(datetime.now(UTC))
        codes, desk = OneTimeCodes(clock), OperatorDesk(self.database)
        self.sign_operator_in = SignOperatorIn(
            self.database, self.operators, sessions, self.brakes, hasher, codes, self.settings, clock
        )
        self.show_second_factor = ShowSecondFactor(self.database, enrolments, self.brakes, clock)
        self.enrol_operator = EnrolOperator(
            self.database, self.operators, enrolments, sessions, self.brakes, hasher, codes, self.settings, clock
        )
        self.give_access = GiveAccess(self.operators, sessions, desk, clock)
        self.take_access = TakeAccess(self.operators, sessions, desk)

    async def request(self, form: SignupForm, request_id: str = "request-0001", address: str = "192.0.2.1") -> str:
        """Send a form and give the token its mail would carry."""
        await self.keep_signup(RequestSignup(request_id=request_id, form=form, client_address=address))
        signup_id = await self.database.fetchval("SELECT id FROM signup WHERE request_id = $1", request_id)
        return (await self.mint_link(MintSignupLink(signup_id=str(signup_id)))).token

    async def confirm(self, token: str):
        return await self.use_link(ConfirmSignup(token=token), Deadline.after(10))


@pytest.fixture
async def identity(database_url: str) -> AsyncIterator[Identity]:
    database = Database(database_url, name="identity-tests", connections=20)
    await migrate(database, "portal_chassis", "portal_identity")
    await database.connect()
    found = Identity(database)
    yield found
    await found.processes.stop(2)
    await database.close()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return ensure_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
async def sandbox(tmp_path: Path, keys: Keys) -> AsyncIterator[Core]:
    ports = dict.fromkeys(("control_port", "salesforce_port", "salesforce_tls_port", "pubsub_port"), 0)
    settings = Settings(data_dir=tmp_path / "sandbox", salesforce_public_key_path=keys.salesforce_public, **ports)
    built = build_sandbox(settings, vendors=["salesforce"])
    async with built.running():
        yield built.core


@pytest.fixture
def salesforce_environment(sandbox: Core, keys: Keys) -> dict[str, str]:
    """The environment a service finds the sandbox by, over TLS with its own authority."""
    return {
        "SF_LOGIN_URL": sandbox.addresses["salesforce_tls"],
        "SF_CLIENT_ID": "sandbox-client-id",
        "SF_USERNAME": "portal@sandbox.invalid",
        "SF_PRIVATE_KEY_PATH": str(keys.salesforce_private),
        "SF_CA_BUNDLE": str(sandbox.tls.authority),
    }


@pytest.fixture
def salesforce_settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SalesforceSettings:
    """As the service reads them."""
    if not REAL:
        for name, value in request.getfixturevalue("salesforce_environment").items():
            monkeypatch.setenv(name, value)
    return SalesforceSettings()


@pytest.fixture
async def salesforce(salesforce_settings: SalesforceSettings) -> AsyncIterator[Salesforce]:
    connector = Salesforce(salesforce_settings)
    yield connector
    await connector.close()
