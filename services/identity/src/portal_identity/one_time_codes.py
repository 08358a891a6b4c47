"""Codes of an authenticator app, for operators and customers (RFC 6238: HMAC-SHA-1, 30 s, six digits)."""

import base64
import hmac
import secrets
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from portal_chassis.clocks import MachineClock

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SEED_BYTES: Final = 20
"""As long as the hash, as RFC 4226 recommends."""
ISSUER: Final = "Portal operators"
_NOBODYS_SEED: Final = base64.b32encode(bytes(SEED_BYTES)).decode()


def new_seed() -> str:
    """Make a seed, in base32 as apps take it."""
    return base64.b32encode(secrets.token_bytes(SEED_BYTES)).decode()


def code_at(seed: str, step: int) -> str:
    """Give the code of one step of 30 seconds since 1970."""
    return _generator(seed).generate(step).decode()


def seed_uri(seed: str, email: str, issuer: str = ISSUER) -> str:
    """Give the seed as an otpauth URI, for a QR code."""
    return TOTP(base64.b32decode(seed), DIGITS, SHA1(), STEP_SECONDS).get_provisioning_uri(email, issuer)  # noqa: S303 - as below


class OneTimeCodes:
    """Compares codes with the machine's time, one step to either side: clocks of phones differ, and people are slow."""

    def __init__(self, clock: MachineClock) -> None:
        self._clock = clock

    def step_of(self, seed: str | None, code: str) -> int | None:
        """Give the step a code belongs to, None for a wrong one; without a seed the same work, and None."""
        now = int(self._clock.now().timestamp()) // STEP_SECONDS
        found = None
        for step in (now - 1, now, now + 1):
            if hmac.compare_digest(code_at(seed or _NOBODYS_SEED, step), code):
                found = step
        return found if seed is not None else None


def _generator(seed: str) -> HOTP:
    return HOTP(base64.b32decode(seed), DIGITS, SHA1())  # noqa: S303 - the RFC's hash; apps know no other
