"""Identity on a real Postgres with its outside faked; and the sandbox's Salesforce, or a real org by environment."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
from portal_identity.main import ActorKey, Outside, Stores, register_processes, use_cases
from portal_identity.password_hashing import Argon2Hasher
from portal_identity.settings import IdentitySettings
from portal_identity.testing import (
    PASSPHRASE,
    InMemoryAccounts,
    InMemoryBilling,
    InMemoryOwners,
    InMemoryScanner,
    InMemoryStaffDesk,
    InMemoryVerifications,
    account,
)
from portal_identity.webauthn_ceremonies import WebauthnCeremonies
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
    verifications: InMemoryVerifications = field(default_factory=InMemoryVerifications)
    owners: InMemoryOwners = field(default_factory=InMemoryOwners)
    scanner: InMemoryScanner = field(default_factory=InMemoryScanner)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        async def record(_, event: Event, _soon: bool) -> None:  # noqa: FBT001 - a Recorder
            self.events.append(event)

        self.database.record_with(record)
        signing_key = Ed25519PrivateKey.generate()
        self.verifier = ActorVerifier({"test": signing_key.public_key()})
        self.settings = IdentitySettings(actor_private_key_path=Path("-"), identity_key_path=Path("-"))
        self.stores = stores = Stores(self.database, Seal(b"k" * 32), self.settings)
        self.users, self.brakes, self.operators = stores.users, stores.brakes, stores.operators
        self.processes = ProcessEngine(
            PostgresProcessStore(self.database), business_clock(ChassisSettings()), SystemMachineClock()
        )
        self.hasher = Argon2Hasher()
        outside = Outside(
            self.accounts,
            self.billing,
            self.staff,
            self.hasher,
            WebauthnCeremonies(self.settings.public_url),
            self.verifications,
            self.owners,
            self.scanner,
        )
        register_processes(self.processes, stores, outside)
        # Codes work once and new ones take half a minute: the clock of second factors and operators can be moved.
        self.clock = self.operator_clock = ManualClock(datetime.now(UTC))
        joined = (stores, outside, self.processes, OperatorDesk(self.database), ActorKey(signing_key, "test"))
        self._use = use_cases(*joined, self.settings, self.clock, self.clock)

    def __getattr__(self, name: str) -> Any:
        """A use case or a store by its name."""
        return getattr(self._use if hasattr(self._use, name) else self.stores, name)

    async def request(self, form: SignupForm, request_id: str = "request-0001", address: str = "192.0.2.1") -> str:
        """Send a form and give the token its mail would carry."""
        await self.keep_signup(RequestSignup(request_id=request_id, form=form, client_address=address))
        signup_id = await self.database.fetchval("SELECT id FROM signup WHERE request_id = $1", request_id)
        return (await self.mint_link(MintSignupLink(signup_id=str(signup_id)))).token

    async def confirm(self, token: str, password: str | None = PASSPHRASE):
        command = ConfirmSignup(token=token, password=password, client_address="192.0.2.9")
        return await self.use_link(command, Deadline.after(60))


@pytest.fixture
async def identity(database_url: str) -> AsyncIterator[Identity]:
    database = Database(database_url, name="identity-tests", connections=20)
    await migrate(database, "portal_chassis", "portal_identity")
    await database.connect()
    found = Identity(database)
    yield found
    await found.processes.stop(2)
    await found.hasher.close()
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
