"""The provider's keys (ES256, made up at the start) and the tokens it signs."""

import json
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from portal_sandbox.openid.quirks import Quirks

ALGORITHM = "ES256"
ID_TOKEN_SECONDS = 300
_AN_HOUR = 3600


class Signing:
    """Signs as the switches say."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}

    def published(self) -> dict[str, Any]:
        """The JSON Web Key Set: the key of now alone."""
        name = self._name()
        public = json.loads(ECAlgorithm.to_jwk(self._key(name).public_key()))
        return {"keys": [{**public, "kid": name, "use": "sig", "alg": ALGORITHM}]}

    def id_token(self, issuer: str, client_id: str, grant: dict[str, Any], access_token: str) -> str:
        """An id_token (OpenID Connect Core 2), wrong in what a switch says."""
        now = int(time.time()) - (_AN_HOUR if self._quirks.is_on("expiredToken") else 0)
        acr = self._quirks.text("acr") or grant["acr"]
        claims = {
            "iss": "https://another.invalid" if self._quirks.is_on("wrongIssuer") else issuer,
            "aud": "another-client" if self._quirks.is_on("wrongAudience") else client_id,
            "sub": grant["subject"],
            "nonce": "another" if self._quirks.is_on("wrongNonce") else grant["nonce"],
            "iat": now,
            "auth_time": now,
            "exp": now + ID_TOKEN_SECONDS,
            "at_hash": _half_hash(access_token),
            **({"acr": acr} if acr else {}),
        }
        return self.sign(claims)

    def sign(self, claims: dict[str, Any]) -> str:
        """A JWT under the name of the published key."""
        name = self._name()
        key = ec.generate_private_key(ec.SECP256R1()) if self._quirks.is_on("wrongSignature") else self._key(name)
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": name})

    def _name(self) -> str:
        return f"sandbox-{int(self._quirks.number('signingKey'))}"

    def _key(self, name: str) -> ec.EllipticCurvePrivateKey:
        if name not in self._keys:
            self._keys[name] = ec.generate_private_key(ec.SECP256R1())
        return self._keys[name]


def _half_hash(text: str) -> str:
    return urlsafe_b64encode(sha256(text.encode()).digest()[:16]).decode().rstrip("=")
