"""The operator of a portal under test: over HTTP and at the command line, signed in with the second factor once."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

from portal_local.demo.customer import Problem
from portal_local.environment import Ground, inherited
from portal_local.operator_access import LocalOperator, ensure_operator

_SESSION_COOKIES: Final = ("portal_session", "__Host-portal_session")
_AHEAD: Final = (0, 1)
"""Steps of 30 seconds whose codes identity takes after the one that enrolled."""


@dataclass(frozen=True, slots=True)
class CommandRun:
    """What became of one run of `portal-operator`."""

    exit_code: int
    output: str
    errors: str

    @property
    def answer(self) -> Any:
        """What a run with `--json` printed."""
        return json.loads(self.output)


class OperatorAtWork:
    """The stack's first operator, a tech lead. Every call opens its own connection, so it works from any event loop."""

    def __init__(self, ground: Callable[[], Ground], gateway_url: Callable[[], str]) -> None:
        """Nothing happens before the first call."""
        self._ground = ground
        self._gateway_url = gateway_url
        self._token = ""

    async def account(self) -> LocalOperator:
        """Who the operator is; enrolled with the first call."""
        return await ensure_operator(self._ground())

    async def get(self, path: str, **query: str | int) -> Any:
        """Read one of the operators' resources. Raises Problem."""
        return await self.send("GET", path, params=query)

    async def order(self, path: str, *, do: bool = False, key: str = "", **fields: Any) -> dict[str, Any]:
        """Give an order: a dry run unless `do`, `fields` named as in HTTP. Raises Problem."""
        body = {"reason": "a test", "dryRun": not do, **fields}
        found: dict[str, Any] = await self.send("POST", path, json=body, headers={"Idempotency-Key": key or _new_key()})
        return found

    async def send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **arguments: Any) -> Any:
        """Send a request as the operator. Raises Problem."""
        own = {"Authorization": f"Bearer {await self.token()}", **(headers or {})}
        async with httpx.AsyncClient(base_url=self._gateway_url(), timeout=30) as client:
            return _content(await client.request(method, path, headers=own, **arguments))

    async def token(self) -> str:
        """The session's token; signs in with the first call, and anew when another test has ended the session."""
        if not self._token or not await self._is_signed_in():
            self._token = await self._sign_in()
            keep_session(self.session_file, self._token)
        return self._token

    @property
    def session_file(self) -> Path:
        """Where the command line keeps its session."""
        return self._ground().state / "operator-session"

    async def command_line(self, *arguments: str, session_file: Path | None = None) -> CommandRun:
        """Run `portal-operator` with the operator's bus identity, in the same session unless another file is named."""
        if session_file is None:
            await self.token()
        ground = self._ground()
        table = inherited() | {
            "PORTAL_NATS_URL": ground.nats_url,
            "PORTAL_NATS_SEED_PATH": str(ground.keys.actor_private.parent / "bus" / "operator.seed"),
            "PORTAL_OPERATOR_SESSION_PATH": str(session_file or self.session_file),
        }
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "portal_operator", *arguments),
            env=table,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await running.communicate()
        return CommandRun(running.returncode or 0, output.decode(), errors.decode())

    async def _is_signed_in(self) -> bool:
        async with httpx.AsyncClient(base_url=self._gateway_url(), timeout=30) as client:
            answer = await client.get("/operator/deletions", headers={"Authorization": f"Bearer {self._token}"})
        return answer.status_code != httpx.codes.UNAUTHORIZED

    async def _sign_in(self) -> str:
        known = await self.account()
        async with httpx.AsyncClient(base_url=self._gateway_url(), timeout=30) as client:
            for ahead in _AHEAD:
                body = {"email": known.email, "password": known.password, "code": known.code(ahead)}
                answer = await client.post("/operator/session", json=body)
                if answer.status_code == httpx.codes.OK:
                    return next(answer.cookies[name] for name in _SESSION_COOKIES if name in answer.cookies)
        raise _problem(answer)


def keep_session(path: Path, token: str) -> None:
    """Write a session where the command line looks for one, readable by its owner alone."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(token)


def _content(answer: httpx.Response) -> Any:
    if answer.status_code >= httpx.codes.BAD_REQUEST:
        raise _problem(answer)
    return answer.json() if answer.content else {}


def _problem(answer: httpx.Response) -> Problem:
    return Problem(answer.status_code, answer.json(), int(answer.headers.get("Retry-After", "0")))


def _new_key() -> str:
    return f"test-{uuid4()}"
