"""Sealing of what must not be readable in the database: eSIM activation codes (D11, architecture §9)."""

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal_contracts.problems import Misconfigured

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Seal:
    """AES-256-GCM with a key from a file; what is sealed is bound to the record it belongs to."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_file(cls, path: Path) -> "Seal":
        """Read a key of 32 raw bytes; raises Misconfigured when there is none."""
        try:
            key = path.read_bytes()
        except OSError as error:
            raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_FULFILLMENT_KEY_PATH"}) from error
        if len(key) != _KEY_BYTES:
            raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_FULFILLMENT_KEY_PATH"})
        return cls(key)

    def close(self, secret: str, *, record: str) -> bytes:
        """Seal a secret of a record."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), record.encode())

    def open(self, sealed: bytes, *, record: str) -> str:
        """Give the secret; raises ValueError for another record's, another key's or a damaged one."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], record.encode()).decode()
        except InvalidTag:
            raise ValueError("not sealed with this key for this record") from None
