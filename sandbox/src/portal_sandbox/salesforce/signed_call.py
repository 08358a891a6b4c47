"""How the org signs its call to the portal. Read this to write the Apex; nothing else is needed.

    POST {portal}/orders/{18-character order id}/provision

Headers: `Idempotency-Key`, `X-Timestamp` (whole Unix seconds), `X-Nonce` (32 lower-case hex digits, new for each
sending), `X-Key-Id`, and `X-Signature: v1=<lower-case hex HMAC-SHA256>`; while a key is replaced, several signatures
may stand there, separated by commas. The body is JSON, `{"requestedBy": "...", "correlationId": "..."}`, each optional
and at most 80 characters long.

What is signed is UTF-8, nine lines joined by a line feed, none at the end:

    v1
    POST                         the method in capitals
    /orders/8015.../provision    the path as sent, not decoded
                                 the query as sent without "?", mostly empty
    1795168800                   X-Timestamp
    0f8e...                      X-Nonce
    801...-2026-11-21T09:00      Idempotency-Key
    sandbox-key-1                X-Key-Id
    e3b0...                      lower-case hex SHA-256 of the body's bytes

The HMAC key is the UTF-8 bytes of the key's text as it was handed over (not decoded from Base64). In Apex:
`Crypto.generateMac('HmacSHA256', Blob.valueOf(text), Blob.valueOf(key))`, then `EncodingUtil.convertToHex`.
A repeated sending keeps the idempotency key and takes a new nonce and time. Source: requirements R138-R142.
"""

import hashlib
import hmac
from dataclasses import dataclass

SCHEME = "v1"


@dataclass(frozen=True, slots=True)
class SignedCall:
    """Everything the signature covers."""

    method: str
    path: str
    query: str
    timestamp: int
    nonce: str
    idempotency_key: str
    key_id: str
    body: bytes

    def text(self) -> str:
        """The nine lines."""
        return "\n".join(
            (
                SCHEME,
                self.method.upper(),
                self.path,
                self.query,
                str(self.timestamp),
                self.nonce,
                self.idempotency_key,
                self.key_id,
                hashlib.sha256(self.body).hexdigest(),
            )
        )

    def signature(self, key: str) -> str:
        """The value of X-Signature under one key."""
        return f"{SCHEME}={hmac.new(key.encode(), self.text().encode(), hashlib.sha256).hexdigest()}"

    def headers(self, key: str) -> dict[str, str]:
        """All headers of the call."""
        return {
            "Content-Type": "application/json",
            "Idempotency-Key": self.idempotency_key,
            "X-Timestamp": str(self.timestamp),
            "X-Nonce": self.nonce,
            "X-Key-Id": self.key_id,
            "X-Signature": self.signature(key),
        }
