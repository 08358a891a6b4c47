"""Who may connect to the bus, and the nkey each proves it with."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import nkeys

from portal_contracts.topology import SERVICES

ADMIN: Final = "bus-admin"
"""Creates streams and consumers, and nothing else."""
OPERATOR: Final = "operator"
"""The operators' command line."""


def identities() -> tuple[str, ...]:
    """Name everybody who has a user on the bus."""
    return (*SERVICES, *(name for name in (ADMIN, OPERATOR) if name not in SERVICES))


def create_keys(directory: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """Write `<name>.seed` (mode 0600) where it is missing, and give every name's public key.

    Existing seeds stay, so running it again changes nothing.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {name: _public_key(directory / f"{name}.seed") for name in names or identities()}


def _public_key(path: Path) -> str:
    if not path.exists():
        seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(seed)
    pair = nkeys.from_seed(bytearray(path.read_bytes().strip()))
    public_key: str = pair.public_key.decode()
    pair.wipe()
    return public_key
