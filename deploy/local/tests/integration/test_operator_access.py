"""The local operator on real processes: made once, signs in, decides about a dead letter (D13, D19, R276)."""

import asyncio
import json
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest

from portal_chassis.bus import Bus, BusAddress
from portal_contracts.dead_letters import dead_letter_messages
from portal_contracts.fulfillment import OrderActivated
from portal_contracts.identity import MintActor
from portal_contracts.operator_access import OpenOperatorSession
from portal_contracts.operators import list_operator_actions
from portal_contracts.problems import Misconfigured
from portal_contracts.topology import OPERATOR
from portal_local.environment import Ground
from portal_local.errors import LocalError
from portal_local.managed import PythonProcess
from portal_local.operator_access import FILE, LocalOperator, ensure_operator, read_operator
from portal_local.plan import whole_portal
from portal_local.stack import LocalStack

NEEDED = {"sandbox", "bus-admin", "identity", "notifications"}
LETTERS = dead_letter_messages("notifications")
ACTIONS = list_operator_actions("notifications")


def small_portal(ground: Ground, logs: Path) -> Sequence[PythonProcess]:
    return [one for one in whole_portal(ground, logs) if one.name in NEEDED]


class Console:
    """An operator on the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._actor = ""

    async def sign_in(self, operator: LocalOperator) -> None:
        command = OpenOperatorSession(
            request_id="request-sign-in",
            email=operator.email,
            password=operator.password,
            code=operator.code(),
            client_address="127.0.0.1",
        )
        session = await self._bus.ask(command)
        self._actor = (await self._bus.ask(MintActor(session_token=session.session_token))).actor_token

    async def ask(self, message):
        return await self._bus.ask(message, actor=self._actor or None)


@asynccontextmanager
async def console(stack: LocalStack) -> AsyncIterator[Console]:
    address = BusAddress(stack.nats.url, stack.state.keys / "bus" / "operator.seed")
    bus = Bus("operator", address, topology=OPERATOR)
    await bus.connect()
    yield Console(bus)
    await bus.stop(within=1)


async def bury_a_letter(stack: LocalStack) -> None:
    """Publish, as fulfillment, an event that nobody can read."""
    client = await nats.connect(
        stack.nats.url,
        nkeys_seed=str(stack.state.keys / "bus" / "fulfillment.seed"),
        inbox_prefix="_INBOX.fulfillment",
    )
    await client.jetstream().publish(
        OrderActivated.subject, b'{"password": "canary"}', headers={"Nats-Msg-Id": "unreadable-1"}
    )
    await client.close()


async def test_the_first_operator_signs_in_and_decides_about_a_dead_letter(folder: Path) -> None:
    async with LocalStack(folder / "state", plan=small_portal) as stack, console(stack) as someone:
        operator = await ensure_operator(stack.ground_laid())
        path = stack.state.path / FILE
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await ensure_operator(stack.ground_laid()) == operator == read_operator(stack.state.path)
        with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
            await someone.ask(LETTERS.list())
        await someone.sign_in(operator)
        await bury_a_letter(stack)
        async with asyncio.timeout(20):
            while not (letters := (await someone.ask(LETTERS.list())).dead_letters):
                await asyncio.sleep(0.05)
        letter = letters[0].id
        shown = await someone.ask(LETTERS.show(id=letter))
        assert json.loads(shown.payload) == {"password": "[redacted]"}
        planned = await someone.ask(LETTERS.replay(id=letter, request_id="request-1", reason="look"))
        assert (planned.carried_out, len(planned.changes)) == (False, 1)
        tried = await someone.ask(LETTERS.replay(id=letter, request_id="request-2", reason="try", dry_run=False))
        assert "It failed again" in tried.changes[-1]
        assert [one.by for one in (await someone.ask(LETTERS.show(id=letter))).attempts] == [operator.email]
        await someone.ask(LETTERS.discard(id=letter, request_id="request-3", reason="a test's", dry_run=False))
        actions = (await someone.ask(ACTIONS(target=str(letter)))).actions
        assert [(one.operator, one.carried_out, one.reason) for one in reversed(actions)] == [
            (operator.email, False, "look"),
            (operator.email, True, "try"),
            (operator.email, True, "a test's"),
        ]
        path.unlink()
        with pytest.raises(LocalError, match="There is a tech lead already"):
            await ensure_operator(stack.ground_laid())


def test_the_command_shows_how_to_sign_in(tmp_path: Path) -> None:
    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    content = {"email": "operator@portal.example", "password": "fake", "seed": seed, "uri": "otpauth://totp/fake"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the program beside this test
            [sys.executable, "-m", "portal_local", "operator", *arguments],
            env={"PORTAL_STATE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    nobody = run()
    assert (nobody.returncode, nobody.stderr) == (1, "there is no operator here; `up` makes one at its first start\n")
    (tmp_path / FILE).write_text(json.dumps(content | {"current_code": "python -m portal_local operator"}))
    shown = run().stdout
    assert "operator@portal.example" in shown
    assert "fake" in shown
    operator = LocalOperator(**content)
    before = operator.code()
    assert run("--code").stdout.strip() in {before, operator.code()}
