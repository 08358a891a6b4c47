"""Keeps personal data of unfinished sign-ups unreadable at rest."""

import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal_contracts.problems import Misconfigured

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class Seal:
    """AES-256-GCM with a key from a file; each text is bound to the id of its row."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_file(cls, path: Path) -> "Seal":
        """Read the key; raises Misconfigured when it is missing or has another length."""
        try:
            key = path.read_bytes()
        except OSError as error:
            raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_IDENTITY_KEY_PATH"}) from error
        if len(key) != KEY_BYTES:
            raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_IDENTITY_KEY_PATH", "bytes": len(key)})
        return cls(key)

    def close(self, text: str, bound_to: str) -> bytes:
        """Encrypt a text."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> str:
        """Decrypt a text; raises Misconfigured when the key is another one or the row was tampered with."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode()).decode()
        except InvalidTag as error:
            raise Misconfigured("INTERNAL_ERROR", facts={"reason": "sealed_with_another_key"}) from error
