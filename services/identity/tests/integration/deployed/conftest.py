"""Identity as it is deployed: a process on a NATS with users, on Postgres and on the sandbox's Salesforce.

The identities around it (gateway, notifications, orders, billing, support, fulfillment) are the test's, each with its
own key.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import nats
import pytest

from portal_bus_admin import create_keys, nats_server_config
from portal_bus_admin.provisioning import apply
from portal_chassis.bus import Bus, BusAddress
from portal_contracts.billing import (
    ClientEnsured,
    ClientProfile,
    EnsureClient,
    ListClientServices,
    ReadClientProfile,
    SubscriptionList,
)
from portal_contracts.billing_logins import CheckLogin, ProvenLogin
from portal_contracts.billing_profile import ChangeClientEmail
from portal_contracts.examples import example_of
from portal_contracts.forgetting import FindOpenBusiness, OpenBusiness
from portal_contracts.identity import (
    ConfirmSignup,
    LogIn,
    MintSignupLink,
    RequestSignup,
    Signup,
    SignupForm,
)
from portal_contracts.identity_passwords import (
    ChangePassword,
    MintPasswordResetLink,
    NewPasswordForm,
    PasswordChangeForm,
    RequestPasswordReset,
    ResetPassword,
)
from portal_contracts.message import Acknowledged, Request
from portal_contracts.personal_data_exports import (
    CaseExport,
    ExportCases,
    ExportInvoices,
    ExportLines,
    ExportMails,
    ExportOrders,
    InvoiceExport,
    LineExport,
    MailExport,
    OrderExport,
)
from portal_contracts.problems import PortalProblem, Refused
from portal_contracts.support import OpenStaffCase, StaffCase
from portal_contracts.topology import SERVICES
from portal_contracts.values import PersonName
from portal_identity.testing import form
from portal_local.keys import Keys
from portal_local.servers import NatsServer

SECONDS = 40.0
PLAYED = ("gateway", "notifications", "orders", "billing", "support", "fulfillment")


class IdentityProcess:
    """`python -m portal_identity`, and what it has written."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        begun = len(self.log())
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "portal_identity", env=self._environment, stdout=output, stderr=output
            )
        async with asyncio.timeout(SECONDS):
            while '"event": "ready"' not in self.log()[begun:]:
                assert self._process.returncode is None, self.log()
                await asyncio.sleep(0.02)

    async def first_operator(self, email: str) -> str:
        """`python -m portal_identity.first_operator`: gives the enrolment token, and nothing else is on its output."""
        making = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "portal_identity.first_operator", "--email", email),
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await making.communicate()
        assert making.returncode == 0, errors
        return output.decode().strip()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            assert await asyncio.wait_for(self._process.wait(), 10) == 0, self.log()

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""


class World:
    """Everybody around identity, what they were asked, and what identity did."""

    def __init__(self, buses: dict[str, Bus], database: asyncpg.Pool, process: IdentityProcess, sandbox: Any) -> None:
        self.buses = buses
        self.database = database
        self.process = process
        self.sandbox = sandbox
        self.answered: set[str] = set()
        self.clients: dict[str, int] = {}
        self.logins: dict[str, ProvenLogin] = {}
        self.cases: dict[str, OpenStaffCase] = {}
        self.billing_fails: list[PortalProblem] = []
        self.billing_free = asyncio.Event()
        self.billing_free.set()
        self._requests = 0
        self._chosen: dict[str, str] = {}

    def register(self) -> None:
        """Let billing, support, orders and notifications answer."""
        self._register_exports()

        @self.buses["billing"].answers(EnsureClient)
        async def ensure_client(command: EnsureClient, _: Any) -> ClientEnsured:
            client = self.clients.setdefault(command.customer_number, 7000 + len(self.clients))
            await self.billing_free.wait()
            if self.billing_fails:
                raise self.billing_fails.pop(0)  # after the effect: the answer is what was lost
            return ClientEnsured(whmcs_client_id=client)

        @self.buses["billing"].answers(CheckLogin)
        async def check_login(command: CheckLogin, _: Any) -> ProvenLogin:
            if command.password not in self.logins:
                raise Refused("CREDENTIALS_WRONG")
            return self.logins[command.password]

        @self.buses["billing"].answers(ReadClientProfile)
        async def read_profile(_: ReadClientProfile, __: Any) -> ClientProfile:
            return ClientProfile.model_validate(example_of(ClientProfile))

        @self.buses["billing"].answers(ListClientServices)
        async def list_services(_: ListClientServices, __: Any) -> SubscriptionList:
            return SubscriptionList(subscriptions=[])

        @self.buses["billing"].answers(ChangeClientEmail)
        async def change_email(_: ChangeClientEmail, __: Any) -> Acknowledged:
            return Acknowledged()

        @self.buses["support"].answers(OpenStaffCase)
        async def open_case(command: OpenStaffCase, _: Any) -> StaffCase:
            self.cases[command.case_key] = command
            return StaffCase(case_id="500000000000001AAA")

    def _register_exports(self) -> None:
        @self.buses["billing"].answers(ExportInvoices)
        async def export_invoices(_: ExportInvoices, __: Any) -> InvoiceExport:
            return InvoiceExport(invoices=[])

        @self.buses["orders"].answers(ExportOrders)
        async def export_orders(_: ExportOrders, __: Any) -> OrderExport:
            return OrderExport(orders=[])

        @self.buses["orders"].answers(FindOpenBusiness)
        async def open_business(_: FindOpenBusiness, __: Any) -> OpenBusiness:
            return OpenBusiness()

        @self.buses["notifications"].answers(ExportMails)
        async def export_mails(_: ExportMails, __: Any) -> MailExport:
            return MailExport(mail_preferences=[], mails=[])

        @self.buses["support"].answers(ExportCases)
        async def export_cases(_: ExportCases, __: Any) -> CaseExport:
            return CaseExport(cases=[])

        @self.buses["fulfillment"].answers(ExportLines)
        async def export_lines(_: ExportLines, __: Any) -> LineExport:
            return LineExport(sim_lines=[], line_changes=[])

    async def ask(self, who: str, message: Request[Any], **more: Any) -> Any:
        """Ask identity as somebody."""
        reply = await self.buses[who].ask(message, **{"timeout": 8.0, **more})
        self.answered.add(message.subject)
        return reply

    def request_id(self) -> str:
        self._requests += 1
        return f"request-{self._requests:04d}"

    def form(self, number: str = "SNX-10001", **changes: Any) -> SignupForm:
        """The form of a customer in the sandbox's dataset, whose mailbox is the one on file."""
        on_file = next(account for account in self.sandbox.dataset.accounts if account.number == number)
        name = PersonName(family_name=on_file.last_name, given_name=on_file.first_name)
        return form(number, on_file.email).model_copy(update={"name": name, **changes})

    async def request_signup(self, wanted: SignupForm) -> str:
        """Send a form and give the token that its mail would carry."""
        command = RequestSignup(request_id=self.request_id(), form=wanted, client_address="192.0.2.1")
        await self.ask("gateway", command)
        signup_id = await self.database.fetchval("SELECT id::text FROM signup ORDER BY kept_at DESC LIMIT 1")
        token = (await self.ask("notifications", MintSignupLink(signup_id=signup_id))).token
        self._chosen[token] = wanted.password
        return token

    async def confirm(self, token: str, within: float = SECONDS) -> Signup:
        """Use the link, with the password of its form, until the sign-up is done."""
        command = ConfirmSignup(token=token, password=self._chosen[token])
        async with asyncio.timeout(within):
            while (signup := await self.ask("gateway", command)).state != "done":
                await asyncio.sleep(0.1)
        return signup

    async def log_in(self, wanted: SignupForm, password: str | None = None, email: str | None = None) -> Any:
        return await self.ask(
            "gateway",
            LogIn(
                request_id=self.request_id(),
                email=email or wanted.email,
                password=password or wanted.password,
                client_address="192.0.2.1",
                user_agent="tests",
            ),
        )

    async def change_password(self, actor: str, current: str, wanted: str, request_id: str) -> None:
        """Change a password as the signed-in customer."""
        new = PasswordChangeForm(current_password=current, password=wanted, confirm_password=wanted)
        command = ChangePassword(request_id=request_id, form=new, client_address="192.0.2.1")
        await self.ask("gateway", command, actor=actor)

    async def reset_password(self, email: str, wanted: str) -> str:
        """Ask for a reset, use the token its mail would carry, and give the token."""
        asked = RequestPasswordReset(request_id=self.request_id(), email=email, client_address="192.0.2.1")
        await self.ask("gateway", asked)
        statement = "SELECT id::text FROM password_reset ORDER BY requested_at DESC LIMIT 1"
        reset_id = await self.database.fetchval(statement)
        token = (await self.ask("notifications", MintPasswordResetLink(reset_id=reset_id))).token
        new = NewPasswordForm(token=token, password=wanted, confirm_password=wanted)
        command = ResetPassword(request_id=self.request_id(), form=new, client_address="192.0.2.1")
        await self.ask("gateway", command)
        return str(token)

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """What was recorded so far: subject and body, in order."""
        rows = await self.database.fetch("SELECT subject, body FROM portal_outbox ORDER BY id")
        return [(row["subject"], json.loads(row["body"])) for row in rows]

    async def eventually(self, ask: Any) -> Any:
        """Ask until the answer is true."""
        async with asyncio.timeout(SECONDS):
            while not (answer := await ask()):
                await asyncio.sleep(0.05)
        return answer


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    return tmp_path / "seeds"


@pytest.fixture
def guarded_nats(tmp_path: Path, seeds: Path) -> Iterator[NatsServer]:
    public_keys = create_keys(seeds)
    server = NatsServer(
        tmp_path / "nats",
        configure=lambda port, store: nats_server_config(public_keys, port=port, store_dir=store),
    )
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def buses(guarded_nats: NatsServer, seeds: Path) -> AsyncIterator[dict[str, Bus]]:
    """Connected, with the rights of whose seed they hold; what they may not do is theirs to try."""
    offline: dict[str, Any] = {"database": False, "watches": (), "consumes": (), "records": (), "serves": ()}
    of_billing = (EnsureClient, CheckLogin, ReadClientProfile, ListClientServices, ChangeClientEmail, ExportInvoices)
    serves = {
        "billing": of_billing,
        "support": (OpenStaffCase, ExportCases),
        "orders": (ExportOrders, FindOpenBusiness),
        "notifications": (ExportMails,),
        "fulfillment": (ExportLines,),
    }
    found = {}
    for name in PLAYED:
        topology = replace(SERVICES[name], **{**offline, "serves": serves.get(name, ())})
        if name == "gateway":  # our own code would refuse; the server must, too
            topology = replace(topology, asks=SERVICES["identity"].serves)
        found[name] = Bus(name, BusAddress(guarded_nats.url, seeds / f"{name}.seed"), topology=topology)
    for bus in found.values():
        await bus.connect()
    yield found
    for bus in found.values():
        await bus.stop(within=1)


@pytest.fixture
async def world(
    guarded_nats: NatsServer,
    seeds: Path,
    buses: dict[str, Bus],
    keys: Keys,
    database_url: str,
    salesforce_environment: dict[str, str],
    sandbox: Any,
    tmp_path: Path,
    extra_environment: dict[str, str],
) -> AsyncIterator[World]:
    admin = await nats.connect(
        guarded_nats.url, nkeys_seed=str(seeds / "bus-admin.seed"), inbox_prefix="_INBOX.bus-admin"
    )
    await apply(admin.jetstream())
    await admin.close()
    environment = {
        **os.environ,
        **salesforce_environment,
        "PORTAL_ENVIRONMENT": "development",
        "PORTAL_NATS_URL": guarded_nats.url,
        "PORTAL_NATS_SEED_PATH": str(seeds / "identity.seed"),
        "PORTAL_DATABASE_URL": database_url,
        "PORTAL_ACTOR_PUBLIC_KEYS_PATH": str(keys.actor_public),
        "PORTAL_ACTOR_PRIVATE_KEY_PATH": str(keys.actor_private),
        "PORTAL_IDENTITY_KEY_PATH": str(keys.identity),
        "PORTAL_LOG_LEVEL": "DEBUG",
        **extra_environment,
    }
    process = IdentityProcess(environment, tmp_path / "identity.log")
    await process.start()
    database = await asyncpg.create_pool(database_url, min_size=1, max_size=2)
    found = World(buses, database, process, sandbox)
    found.register()
    for name in PLAYED[1:]:
        await buses[name].start()
    yield found
    await database.close()
    await process.kill()


@pytest.fixture
def extra_environment() -> dict[str, str]:
    """What a module's tests add to the process's environment."""
    return {}
