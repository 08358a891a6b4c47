"""How we prove to an OpenID provider who asks: by a key of ours or a shared secret (OpenID Connect Core 9)."""

import base64
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from portal_contracts.problems import Misconfigured
from portal_identity.identity_provider_settings import PREFIX, IdentityProviderSettings

GOOD_FOR_SECONDS: Final = 60
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ClientProof:
    """Made anew for each request. Misconfigured where the key cannot be read."""

    def __init__(self, settings: IdentityProviderSettings) -> None:
        self._settings = settings
        self._key = read_key(settings.key_path) if settings.key_path is not None else None

    def of(self, token_endpoint: str) -> tuple[dict[str, str], dict[str, str]]:
        """Give what is added to the form, and to the headers."""
        settings = self._settings
        if self._key is not None:
            signed = self._signed(self._key, token_endpoint)
            form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
            return {"client_id": settings.client_id, **form}, {}
        secret = settings.client_secret.get_secret_value() if settings.client_secret is not None else ""
        pair = f"{quote(settings.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749 2.3.1
        return {}, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def _signed(self, key: EllipticCurvePrivateKey | RSAPrivateKey, token_endpoint: str) -> str:
        import jwt  # noqa: PLC0415 - loaded when somebody is verified

        settings, now = self._settings, int(time.time())
        claims = {
            "iss": settings.client_id,
            "sub": settings.client_id,
            "aud": token_endpoint if settings.key_audience == "token_endpoint" else settings.issuer,
            "jti": str(uuid4()),
            "iat": now,
            "exp": now + GOOD_FOR_SECONDS,
        }
        usual = "ES256" if isinstance(key, EllipticCurvePrivateKey) else "RS256"
        headers = {"kid": settings.key_id} if settings.key_id else None
        return jwt.encode(claims, key, algorithm=settings.key_algorithm or usual, headers=headers)


def read_key(path: Path) -> EllipticCurvePrivateKey | RSAPrivateKey:
    """Read a private key. Misconfigured, naming the setting, when there is none or it is of another kind."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise Misconfigured("INTERNAL_ERROR", facts={"setting": f"{PREFIX}KEY_PATH"}) from error
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise Misconfigured("INTERNAL_ERROR", facts={"setting": f"{PREFIX}KEY_PATH", "reason": "neither EC nor RSA"})
    return key
