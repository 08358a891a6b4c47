"""Runs an operator's command on the portal of a state folder, signed in as its first operator."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from portal_local.errors import LocalError
from portal_local.operator_access import read_operator
from portal_local.state import StateFolder

SIGN_IN: Final = 4
"""The command line's exit code for "sign in first"."""


def operate(state: StateFolder, arguments: Sequence[str]) -> int:
    """Run `portal-operator` with these arguments and give its exit code; signs in when that is needed."""
    environment = _environment(state)
    if not Path(environment["PORTAL_OPERATOR_SESSION_PATH"]).exists():
        _sign_in(state, environment)
    code = _run(arguments, environment)
    if code != SIGN_IN:
        return code
    _sign_in(state, environment)
    return _run(arguments, environment)


def _sign_in(state: StateFolder, environment: Mapping[str, str]) -> None:
    operator = read_operator(state.path)
    if operator is None:
        raise LocalError("there is no operator here; `up` makes one at its first start")
    credentials = ("--email", operator.email, "--password", operator.password, "--code", operator.code())
    if _run(("sign-in", *credentials), environment, quiet=True) != 0:
        raise LocalError("signing in was refused: a code works once, so wait half a minute and try again")


def _environment(state: StateFolder) -> Mapping[str, str]:
    running = state.running()
    if running is None:
        raise LocalError("the portal is not running: `make up` starts it")
    return os.environ | {
        "PORTAL_NATS_URL": running.urls["nats"],
        "PORTAL_NATS_SEED_PATH": str(state.keys / "bus" / "operator.seed"),
        "PORTAL_OPERATOR_SESSION_PATH": str(Path(state.path) / "operator.session"),
    }


def _run(arguments: Sequence[str], environment: Mapping[str, str], *, quiet: bool = False) -> int:
    command = [sys.executable, "-m", "portal_operator", *arguments]
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, env=dict(environment), stdout=output, check=False).returncode  # noqa: S603 - ours
