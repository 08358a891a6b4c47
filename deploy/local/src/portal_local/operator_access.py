"""The first operator of a local portal: made once, enrolled by ourselves, kept in `operator.json`.

Goes the way every first operator goes, `portal_identity.first_operator` and the enrolment on the bus (R276, D19).
"""

import asyncio
import base64
import json
import os
import secrets
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from portal_local.environment import Ground, of_service
from portal_local.errors import LocalError
from portal_local.services import SERVICES

if TYPE_CHECKING:
    from nats.aio.client import Client

FILE: Final = "operator.json"
EMAIL: Final = "operator@portal.example"
_IDENTITY: Final = next(one for one in SERVICES if one.name == "identity")
_STEP_SECONDS: Final = 30
_DIGITS: Final = 6
_ASK_SECONDS: Final = 10.0
_PROBLEM: Final = "Portal-Problem"


@dataclass(frozen=True)
class LocalOperator:
    """A tech lead of this portal alone."""

    email: str
    password: str
    seed: str
    """Of the second factor, in base32."""
    uri: str
    """The same for a QR code."""

    def code(self, ahead: int = 0) -> str:
        """Give the one-time code of now, or of so many steps of 30 seconds later. Each works once."""
        from cryptography.hazmat.primitives.hashes import SHA1  # noqa: PLC0415 - `up` mostly starts without it
        from cryptography.hazmat.primitives.twofactor.hotp import HOTP  # noqa: PLC0415 - the same

        generator = HOTP(base64.b32decode(self.seed), _DIGITS, SHA1())  # noqa: S303 - RFC 6238's hash
        return generator.generate(int(time.time()) // _STEP_SECONDS + ahead).decode()


def read_operator(state: Path) -> LocalOperator | None:
    """Give the operator kept in a state folder; None when there is none."""
    try:
        content = json.loads((state / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return LocalOperator(**{name: content[name] for name in ("email", "password", "seed", "uri")})


async def ensure_operator(ground: Ground) -> LocalOperator:
    """Give the operator of a running portal, making and enrolling one the first time.

    Raises LocalError when there is a tech lead whose credentials are not in the state folder, or identity is away.
    """
    known = read_operator(ground.state)
    if known is not None:
        return known
    token = await _enrolment_token(ground)
    made = await _enrolled(ground, token)
    _keep(ground.state / FILE, made)
    return made


def shown(operator: LocalOperator) -> str:
    """Say how to sign in as the operator, with the code of now."""
    left = _STEP_SECONDS - int(time.time()) % _STEP_SECONDS
    return "\n".join(
        (
            f"e-mail    {operator.email}",
            f"password  {operator.password}",
            f"code      {operator.code()}  (for {left} s; each works once)",
        )
    )


async def _enrolment_token(ground: Ground) -> str:
    making = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "portal_identity.first_operator", "--email", EMAIL),
        env=of_service(ground, _IDENTITY, 0),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await making.communicate()
    if making.returncode != 0:
        said = errors.decode(errors="replace").strip().splitlines()
        raise LocalError(f"no operator could be made: {said[-1] if said else 'identity did not say why'}")
    return output.decode().strip()


async def _enrolled(ground: Ground, token: str) -> LocalOperator:
    import nats  # noqa: PLC0415 - only the first start enrols
    from nats.errors import Error as NatsError  # noqa: PLC0415 - the same

    seed_path = ground.keys.actor_private.parent / "bus" / "operator.seed"
    try:
        client = await nats.connect(ground.nats_url, nkeys_seed=str(seed_path), inbox_prefix="_INBOX.operator")
        try:
            return await _enrol(client, token)
        finally:
            await client.close()
    except NatsError as error:
        raise LocalError(f"no operator could be enrolled: {type(error).__name__}") from error


async def _enrol(client: "Client", token: str) -> LocalOperator:
    from portal_contracts.operator_access import (  # noqa: PLC0415 - only the first start needs pydantic
        BeginOperatorEnrolment,
        FinishOperatorEnrolment,
    )

    begun = await _ask(client, BeginOperatorEnrolment(token=token))
    made = LocalOperator(EMAIL, secrets.token_urlsafe(24), begun["secret"], begun["uri"])
    for ahead in (-1, -1, 0):  # the step before this one, so that the code of now is still there for signing in
        try:
            await _ask(client, FinishOperatorEnrolment(token=token, password=made.password, code=made.code(ahead)))
        except LocalError as error:  # the step may turn while the code is on its way
            refused = error
        else:
            return made
    raise refused


async def _ask(client: "Client", message: Any) -> dict[str, Any]:
    reply = await client.request(message.subject, message.model_dump_json().encode(), timeout=_ASK_SECONDS)
    problem = (reply.headers or {}).get(_PROBLEM)
    if problem is not None:
        raise LocalError(f"no operator could be enrolled: {problem}")
    content: dict[str, Any] = json.loads(reply.data)
    return content


def _keep(path: Path, operator: LocalOperator) -> None:
    content = asdict(operator) | {"current_code": ".venv/bin/python -m portal_local operator"}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2) + "\n")
