"""Sealing of what must not be readable in a database (architecture §9, D11): AES-256-GCM with a key from a file."""

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal_contracts.problems import Misconfigured

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Seal:
    """Seals texts; each is bound to the record it belongs to and opens for no other.

    The first key seals, every key opens: so a key is replaced while texts of the former one are still there.
    """

    def __init__(self, key: bytes, *former: bytes) -> None:
        self._ciphers = tuple(AESGCM(one) for one in (key, *former))

    @classmethod
    def from_file(cls, path: Path, *, setting: str) -> "Seal":
        """Read keys of 32 raw bytes, one after another, the one that seals first.

        Raises Misconfigured, naming the setting, when there is none or the length is another.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise Misconfigured("INTERNAL_ERROR", facts={"setting": setting}) from error
        if not content or len(content) % _KEY_BYTES:
            raise Misconfigured("INTERNAL_ERROR", facts={"setting": setting, "bytes": len(content)})
        return cls(*(content[start : start + _KEY_BYTES] for start in range(0, len(content), _KEY_BYTES)))

    def close(self, text: str, *, record: str) -> bytes:
        """Seal a text of a record; the same text looks different each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, text.encode(), record.encode())

    @property
    def opens_former(self) -> bool:
        """Whether there are former keys, so that texts may be there which the first one did not seal."""
        return len(self._ciphers) > 1

    def anew(self, sealed: bytes, *, record: str) -> bytes | None:
        """Seal with the first key what a former one sealed; None for what the first one opens. Raises as `open`."""
        with suppress(InvalidTag):
            _opened(self._ciphers[0], sealed, record)
            return None
        return self.close(self.open(sealed, record=record), record=record)

    def open(self, sealed: bytes, *, record: str) -> str:
        """Give the text; raises Misconfigured for another record's, another key's or a damaged one."""
        for cipher in self._ciphers:
            with suppress(InvalidTag):
                return _opened(cipher, sealed, record)
        raise Misconfigured("INTERNAL_ERROR", facts={"reason": "sealed_with_another_key"})


def _opened(cipher: AESGCM, sealed: bytes, record: str) -> str:
    return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], record.encode()).decode()
