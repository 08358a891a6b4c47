"""Who asks at the token endpoint: the one registered client, by its secret or its key (OpenID Connect Core 9)."""

import base64
import binascii
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any
from urllib.parse import unquote

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from portal_sandbox.core import Core

METHODS = ("private_key_jwt", "client_secret_basic", "client_secret_post")
ALGORITHMS = ("ES256", "ES384", "RS256", "PS256")
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Clients:
    """Knows the client of the settings. An assertion works once."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._seen: set[str] = set()

    def proves(self, authorization: str, form: Mapping[str, str], audiences: tuple[str, ...]) -> bool:
        """Whether the request is the client's."""
        if form.get("client_assertion"):
            return form.get("client_assertion_type") == _ASSERTION and self._by_key(form["client_assertion"], audiences)
        settings = self._core.settings
        if settings.openid_client_key_path is not None:  # registered with a key, a client has no secret
            return False
        name, secret = _basic(authorization) or (form.get("client_id", ""), form.get("client_secret", ""))
        return name == settings.openid_client_id and compare_digest(
            secret.encode(), settings.openid_client_secret.encode()
        )

    def _by_key(self, assertion: str, audiences: tuple[str, ...]) -> bool:
        path, name = self._core.settings.openid_client_key_path, self._core.settings.openid_client_id
        if path is None or not path.exists():
            return False
        pem = path.read_bytes()
        key: Any = (
            x509.load_pem_x509_certificate(pem).public_key()
            if b"BEGIN CERTIFICATE" in pem
            else load_pem_public_key(pem)
        )
        required = ["iss", "sub", "aud", "jti", "exp"]
        try:
            claims = jwt.decode(
                assertion, key, algorithms=list(ALGORITHMS), audience=list(audiences), options={"require": required}
            )
        except (jwt.InvalidTokenError, TypeError):
            return False
        fresh = claims["jti"] not in self._seen
        self._seen.add(claims["jti"])
        return fresh and claims["iss"] == claims["sub"] == name


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote(name), unquote(secret)
