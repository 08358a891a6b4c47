"""Sealing of what must not be readable in a database (architecture §9, D11): AES-256-GCM with a key from a file."""

import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal_contracts.problems import Misconfigured

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Seal:
    """Seals texts; each is bound to the record it belongs to and opens for no other."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_file(cls, path: Path, *, setting: str) -> "Seal":
        """Read a key of 32 raw bytes; raises Misconfigured, naming the setting, when there is none."""
        try:
            key = path.read_bytes()
        except OSError as error:
            raise Misconfigured("INTERNAL_ERROR", facts={"setting": setting}) from error
        if len(key) != _KEY_BYTES:
            raise Misconfigured("INTERNAL_ERROR", facts={"setting": setting, "bytes": len(key)})
        return cls(key)

    def close(self, text: str, *, record: str) -> bytes:
        """Seal a text of a record; the same text looks different each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), record.encode())

    def open(self, sealed: bytes, *, record: str) -> str:
        """Give the text; raises Misconfigured for another record's, another key's or a damaged one."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], record.encode()).decode()
        except InvalidTag as error:
            raise Misconfigured("INTERNAL_ERROR", facts={"reason": "sealed_with_another_key"}) from error
