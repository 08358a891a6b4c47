"""Notifications as it is deployed: a process on a real NATS and Postgres, with the sandbox's SendGrid as its provider.

Identity and orders are bus identities of the test, which also puts their events into the streams.
"""

import asyncio
import json
import os
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import nats
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.js import JetStreamContext

from portal_bus_admin.provisioning import apply
from portal_chassis.actor import Actor, sign_actor
from portal_chassis.bus import Bus, BusAddress
from portal_chassis.testing import operator_actor
from portal_contracts.identity import (
    MintSignupLink,
    ReadRecipient,
)
from portal_contracts.identity_email import MintEmailChangeLink, ReadFormerRecipient
from portal_contracts.identity_linking import MintLinkCode
from portal_contracts.identity_passwords import (
    MintPasswordResetLink,
)
from portal_contracts.message import Event, Request
from portal_contracts.notifications import TakeMailEvents
from portal_contracts.orders import ReadOrderMail
from portal_contracts.personal_data_exports import ExportMails
from portal_contracts.topology import SERVICES, ServiceTopology, owner_of, stream_of
from portal_notifications.testing import FixedContent
from portal_sandbox.core import Core, PostAnswer
from portal_sandbox.sendgrid.mail import find_messages
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

SECONDS = 40.0
MINTED = (MintSignupLink, MintPasswordResetLink, MintEmailChangeLink, MintLinkCode, ReadFormerRecipient, ReadRecipient)


class NotificationsProcess:
    """`python -m portal_notifications`, and what it has written."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        begun = len(self.log())
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "portal_notifications", env=self._environment, stdout=output, stderr=output
            )
        async with asyncio.timeout(SECONDS):
            while '"event": "ready"' not in self.log()[begun:]:
                assert self._process.returncode is None, self.log()
                await asyncio.sleep(0.02)

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


class PostOffice:
    """Everybody around notifications."""

    def __init__(
        self, jetstream: JetStreamContext, database: asyncpg.Pool, process: NotificationsProcess, sandbox: Core
    ) -> None:
        self.jetstream = jetstream
        self.process = process
        self.sandbox = sandbox
        self.content = FixedContent()
        self._database = database

    def register(self, identity: Bus, orders: Bus) -> None:
        """Let the owners of what mails say answer."""

        @identity.answers(MintSignupLink)
        async def mint(command: MintSignupLink, _: Any) -> Any:
            return await self.content.signup_link(command.signup_id)

        @identity.answers(MintPasswordResetLink)
        async def mint_reset(command: MintPasswordResetLink, _: Any) -> Any:
            return await self.content.password_reset_link(command.reset_id)

        @identity.answers(MintEmailChangeLink)
        async def mint_change(command: MintEmailChangeLink, _: Any) -> Any:
            return await self.content.email_change_link(command.change_id)

        @identity.answers(MintLinkCode)
        async def mint_code(command: MintLinkCode, _: Any) -> Any:
            return await self.content.link_code(command.link_id)

        @identity.answers(ReadFormerRecipient)
        async def former(query: ReadFormerRecipient, _: Any) -> Any:
            return await self.content.former_recipient(query.change_id)

        @identity.answers(ReadRecipient)
        async def recipient(query: ReadRecipient, _: Any) -> Any:
            return await self.content.recipient(query.account_id)

        @orders.answers(ReadOrderMail)
        async def order(query: ReadOrderMail, _: Any) -> Any:
            return await self.content.order(query.order_id)

    async def publish(self, event: Event, message_id: str | None = None) -> str:
        """Put an event into its owner's stream, as the owner's relay does."""
        message_id = message_id or str(uuid4())
        stream = stream_of(owner_of(event.subject))
        body = event.model_dump_json().encode()
        await self.jetstream.publish(event.subject, body, stream=stream, headers={"Nats-Msg-Id": message_id})
        return message_id

    async def forget_duplicates_quickly(self, stream: str) -> None:
        """Let the stream take a repeated id after a tenth of a second: what then arrives is the inbox's to absorb."""
        config = (await self.jetstream.stream_info(stream)).config
        await self.jetstream.update_stream(config.evolve(duplicate_window=0.1))

    def mails(self) -> list[dict[str, Any]]:
        """What the provider took, oldest first."""
        with self.sandbox.store.transaction() as db:
            return find_messages(db)

    def offered(self) -> int:
        """How often the provider was called."""
        return self.sandbox.faults.calls.get("sendgrid", {}).get("mail/send", 0)

    async def states(self) -> dict[str, tuple[str, str | None]]:
        """Where each mail stands: status and problem code by its id."""
        rows = await self._database.fetch("SELECT key, status, code FROM portal_process WHERE kind = 'mail'")
        return {row["key"]: (row["status"], row["code"]) for row in rows}

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """Whatever the database keeps."""
        return [dict(row) for row in await self._database.fetch(query)]

    async def taken(self) -> int:
        """How many events were worked off."""
        return int(await self._database.fetchval("SELECT count(*) FROM portal_inbox"))

    async def pending(self, stream: str, durable: str) -> int:
        """How many events of a durable were not acknowledged yet."""
        info = await self.jetstream.consumer_info(stream, durable)
        return int(info.num_pending or 0) + int(info.num_ack_pending or 0)

    async def eventually(self, ask: Callable[[], Awaitable[Any]], within: float = SECONDS) -> Any:
        """Ask until the answer is true."""
        async with asyncio.timeout(within):
            while not (answer := await ask()):
                await asyncio.sleep(0.05)
        return answer

    async def at_rest(self, count: int, within: float = SECONDS) -> dict[str, tuple[str, str | None]]:
        """Wait until that many mails have come to an end, and give all states."""

        async def ended() -> bool:
            return sum(status in {"done", "failed"} for status, _ in (await self.states()).values()) >= count

        await self.eventually(ended, within)
        return await self.states()


class Webhook:
    """What the provider posts, kept as it came for whoever takes it to the bus."""

    def __init__(self) -> None:
        self.postings: list[tuple[Mapping[str, str], bytes]] = []

    async def post(self, _url: str, headers: Mapping[str, str], body: bytes) -> PostAnswer:
        self.postings.append((headers, body))
        return PostAnswer(202, b"")

    async def posted(self) -> bool:
        return bool(self.postings)

    def commands(self) -> list[TakeMailEvents]:
        """As the gateway passes them on."""
        return [
            TakeMailEvents(
                timestamp=headers["X-Twilio-Email-Event-Webhook-Timestamp"],
                signature=headers["X-Twilio-Email-Event-Webhook-Signature"],
                body=urlsafe_b64encode(body),
            )
            for headers, body in self.postings
        ]


@pytest.fixture
def webhook() -> Webhook:
    return Webhook()


@pytest.fixture
async def mail_provider(tmp_path: Path, webhook: Webhook) -> AsyncIterator[Core]:
    settings = Settings(
        data_dir=tmp_path / "mail", control_port=0, sendgrid_port=0, sendgrid_event_url="http://portal.invalid/hooks"
    )
    built = build_sandbox(settings, vendors=["sendgrid"], post=webhook.post)
    async with built.running():
        yield built.core


class Caller:
    """The gateway's place on the bus, with tokens of its own making."""

    def __init__(self, bus: Bus, key: Ed25519PrivateKey) -> None:
        self._bus = bus
        self._key = key

    async def anybody(self, message: Request[Any]) -> Any:
        return await self._bus.ask(message)

    async def customer(self, message: Request[Any], account_id: str = "001000000000001AAA") -> Any:
        actor = Actor("user-1", 5011, account_id, ("customer",), "session-1", datetime.now(UTC), "ja")
        return await self._bus.ask(message, actor=sign_actor(self._key, "test", actor))

    async def operator(self, message: Request[Any], *roles: str) -> Any:
        actor = operator_actor(roles=roles or ("operator_support",))
        return await self._bus.ask(message, actor=sign_actor(self._key, "test", actor))


@pytest.fixture
def actor_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
async def caller(office: PostOffice, nats_url: str, actor_key: Ed25519PrivateKey) -> AsyncIterator[Caller]:
    asks = [one for one in SERVICES["gateway"].asks if one.subject.startswith("notifications.")]
    topology = ServiceTopology("gateway", asks=(*asks, ExportMails), database=False)
    bus = Bus("gateway", BusAddress(nats_url), topology=topology)
    await bus.connect()
    await bus.start()
    yield Caller(bus, actor_key)
    await bus.stop(within=1)


@pytest.fixture
async def office(
    nats_url: str, database_url: str, mail_provider: Core, tmp_path: Path, actor_key: Ed25519PrivateKey
) -> AsyncIterator[PostOffice]:
    client = await nats.connect(nats_url)
    await apply(client.jetstream())
    public_keys = tmp_path / "actor-public-keys.json"
    public_keys.write_text(json.dumps({"test": b64encode(actor_key.public_key().public_bytes_raw()).decode()}))
    async with httpx.AsyncClient() as http:
        told = await http.get(f"{mail_provider.addresses['sendgrid']}/_sim/event-public-key")
    environment = {
        **os.environ,
        "PORTAL_ACTOR_PUBLIC_KEYS_PATH": str(public_keys),
        "SENDGRID_EVENT_PUBLIC_KEY": told.json()["publicKey"],
        "PORTAL_ENVIRONMENT": "development",
        "PORTAL_NATS_URL": nats_url,
        "PORTAL_DATABASE_URL": database_url,
        "PORTAL_PUBLIC_URL": "https://portal.example.jp",
        "SENDGRID_BASE_URL": mail_provider.addresses["sendgrid"],
        "SENDGRID_API_KEY": "SG.sandbox-key",
        "MAIL_FROM": "portal@example.jp",
        "MAIL_SUPPORT_CC": "support@example.jp",
    }
    process = NotificationsProcess(environment, tmp_path / "notifications.log")
    await process.start()
    database = await asyncpg.create_pool(database_url, min_size=1, max_size=2)
    serves = {"identity": MINTED, "orders": (ReadOrderMail,)}
    offline: dict[str, Any] = {"database": False, "watches": (), "consumes": (), "records": (), "asks": ()}
    owners = {
        name: Bus(name, BusAddress(nats_url), topology=replace(SERVICES[name], **{**offline, "serves": messages}))
        for name, messages in serves.items()
    }
    found = PostOffice(client.jetstream(), database, process, mail_provider)
    for bus in owners.values():
        await bus.connect()
    found.register(owners["identity"], owners["orders"])
    for bus in owners.values():
        await bus.start()
    yield found
    for bus in owners.values():
        await bus.stop(within=1)
    await database.close()
    await process.kill()
    await client.close()
