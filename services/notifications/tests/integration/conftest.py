"""Notifications as it is deployed: a process on a real NATS and Postgres, with the sandbox's SendGrid as its provider.

Identity and orders are bus identities of the test, which also puts their events into the streams.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import nats
import pytest
from nats.js import JetStreamContext

from portal_bus_admin.provisioning import apply
from portal_chassis.bus import Bus, BusAddress
from portal_contracts.identity import MintPasswordResetLink, MintSignupLink, ReadRecipient
from portal_contracts.message import Event
from portal_contracts.orders import ReadOrderMail
from portal_contracts.topology import SERVICES, owner_of, stream_of
from portal_notifications.testing import FixedContent
from portal_sandbox.core import Core
from portal_sandbox.sendgrid.mail import find_messages
from portal_sandbox.server import build_sandbox
from portal_sandbox.settings import Settings

SECONDS = 20.0


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


@pytest.fixture
async def mail_provider(tmp_path: Path) -> AsyncIterator[Core]:
    built = build_sandbox(Settings(data_dir=tmp_path / "mail", control_port=0, sendgrid_port=0), vendors=["sendgrid"])
    async with built.running():
        yield built.core


@pytest.fixture
async def office(nats_url: str, database_url: str, mail_provider: Core, tmp_path: Path) -> AsyncIterator[PostOffice]:
    client = await nats.connect(nats_url)
    await apply(client.jetstream())
    environment = {
        **os.environ,
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
    serves = {"identity": (MintSignupLink, MintPasswordResetLink, ReadRecipient), "orders": (ReadOrderMail,)}
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
