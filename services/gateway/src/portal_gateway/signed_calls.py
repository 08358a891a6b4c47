"""Calls that Salesforce signs: shape, time, MAC and caller, checked in this order (R138–R141, R267).

What is signed, UTF-8, lines joined by one line feed and none at the end:

    v1
    METHOD
    path as sent, not decoded
    query as sent, without the question mark
    X-Timestamp
    X-Nonce
    Idempotency-Key
    X-Key-Id
    SHA-256 of the body as sent, lower-case hexadecimal

The key is the UTF-8 bytes of the configured text, the MAC HMAC-SHA256 in lower-case hexadecimal. The nonce is not
looked at here: it travels on, and who does the work stores it with the effect (architecture §7).
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_address
from typing import Final

from portal_chassis.clocks import MachineClock
from portal_chassis.metrics import counter
from portal_contracts.problems import Refused
from portal_gateway.client_address import UNKNOWN, client_address
from portal_gateway.reply import Scope
from portal_gateway.settings import Network
from portal_gateway.signed_call_headers import SignedCallHeaders, signed_call_headers
from portal_gateway.signed_call_keys import SignedCallKeys

WINDOW_SECONDS: Final = 300
"""How far a call's timestamp may be from our clock, either way (R140)."""
VERSION: Final = b"v1"

OUTCOMES: Final = counter(
    "portal_gateway_signed_calls",
    "Signed calls by what became of their checks; the caller is told less",
    "outcome",
    known=[
        ("genuine",),
        ("malformed",),
        ("expired",),
        ("mac_wrong",),
        ("key_unknown",),
        ("key_not_valid_now",),
        ("caller_not_allowed",),
    ],
)


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A call whose signature and caller are as they should be; whether its nonce is fresh, its receiver knows."""

    idempotency_key: str
    key_id: str
    nonce: str
    signed_at: datetime
    body_sha256: str


class SignedCalls:
    """Judges calls by the keys of a file, the machine's clock and the networks they may come from."""

    def __init__(
        self, keys: SignedCallKeys, callers: Sequence[Network], trusted_proxies: Sequence[Network], clock: MachineClock
    ) -> None:
        self._keys = keys
        self._callers = callers
        self._trusted_proxies = trusted_proxies
        self._clock = clock

    def verified(self, scope: Scope, body: bytes) -> SignedCall:
        """Give the call when it is genuine; `body` is whole and not larger than allowed.

        Refused SIGNATURE_MALFORMED or UNSUPPORTED_MEDIA_TYPE, SIGNED_CALL_EXPIRED, SIGNATURE_INVALID or
        CALLER_NOT_ALLOWED, whichever comes first.
        """
        try:
            headers = signed_call_headers(scope["headers"])
        except Refused:
            OUTCOMES.labels("malformed").inc()
            raise
        now = self._clock.now()
        body_sha256 = sha256(body).hexdigest()
        self._check_time(headers, now)
        self._check_mac(headers, canonical_string(scope, headers, body_sha256), now)
        self._check_caller(scope)
        OUTCOMES.labels("genuine").inc()
        return SignedCall(
            idempotency_key=headers.idempotency_key,
            key_id=headers.key_id,
            nonce=headers.nonce,
            signed_at=datetime.fromtimestamp(int(headers.timestamp), UTC),
            body_sha256=body_sha256,
        )

    def _check_time(self, headers: SignedCallHeaders, now: datetime) -> None:
        if abs(int(now.timestamp()) - int(headers.timestamp)) > WINDOW_SECONDS:
            OUTCOMES.labels("expired").inc()
            raise Refused("SIGNED_CALL_EXPIRED")

    def _check_mac(self, headers: SignedCallHeaders, canonical: bytes, now: datetime) -> None:
        """Compare every signature with the one right MAC. What exactly is wrong changes neither work nor answer."""
        key, standing = self._keys.find(headers.key_id, now)
        expected = hmac.digest(key, canonical, "sha256").hex().encode()
        matches = True in [hmac.compare_digest(signature, expected) for signature in headers.signatures]
        if standing != "valid" or not matches:
            OUTCOMES.labels("mac_wrong" if standing == "valid" else f"key_{standing}").inc()
            raise Refused("SIGNATURE_INVALID")

    def _check_caller(self, scope: Scope) -> None:
        address = client_address(scope, self._trusted_proxies)
        if address == UNKNOWN or not any(ip_address(address) in network for network in self._callers):
            OUTCOMES.labels("caller_not_allowed").inc()
            raise Refused("CALLER_NOT_ALLOWED")


def canonical_string(scope: Scope, headers: SignedCallHeaders, body_sha256: str) -> bytes:
    """Give the bytes that are signed."""
    return b"\n".join(
        (
            VERSION,
            scope["method"].encode("ascii"),
            scope["raw_path"],
            scope["query_string"],
            headers.timestamp.encode(),
            headers.nonce.encode(),
            headers.idempotency_key.encode(),
            headers.key_id.encode(),
            body_sha256.encode(),
        )
    )
