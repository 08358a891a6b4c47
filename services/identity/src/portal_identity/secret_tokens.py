"""Opaque tokens: 256 random bits outside, a hash inside (architecture §9)."""

import secrets
from hashlib import sha256


def new_token() -> str:
    """Make a token for a cookie or a link."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Give what is stored of a token; nobody who reads the database can use it."""
    return sha256(token.encode()).digest()
