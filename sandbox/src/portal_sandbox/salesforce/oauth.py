"""The token endpoint: OAuth 2.0 JWT bearer flow (reference/salesforce.md 1)."""

from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from starlette.requests import Request
from starlette.responses import JSONResponse

from portal_sandbox.core import Core
from portal_sandbox.salesforce.ids import ORGANIZATION_ID
from portal_sandbox.salesforce.org import Org
from portal_sandbox.salesforce.tokens import Tokens

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
STANDARD_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


class OAuthError(Exception):
    """A refusal; its body is an object, unlike every other REST error."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class OAuth:
    """Verifies assertions and answers who a token belongs to."""

    def __init__(self, core: Core, org: Org, tokens: Tokens) -> None:
        self._core = core
        self._org = org
        self._tokens = tokens

    async def token(self, request: Request) -> JSONResponse:
        """POST /services/oauth2/token."""
        form = await request.form()
        try:
            user_id = self._verify({name: str(value) for name, value in form.items()})
        except OAuthError as error:
            return JSONResponse(
                {"error": error.error, "error_description": error.description}, 400, {"Cache-Control": "no-store"}
            )
        base = self._core.addresses["salesforce_tls"]
        return JSONResponse(
            {
                "access_token": self._tokens.issue(user_id),
                "scope": "api refresh_token",
                "instance_url": base,
                "id": f"{base}/id/{ORGANIZATION_ID}/{user_id}",
                "token_type": "Bearer",
            },
            headers={"Cache-Control": "no-store"},
        )

    async def userinfo(self, request: Request) -> JSONResponse:
        """GET or POST /services/oauth2/userinfo."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        session = self._tokens.find(token.strip()) if scheme.lower() in {"bearer", "oauth"} else None
        if session is None:
            return JSONResponse({"error": "invalid_token", "error_description": "Bad_OAuth_Token"}, 403)
        base = self._core.addresses["salesforce_tls"]
        username = self._org.usernames[session.user_id]
        return JSONResponse(
            {
                "sub": f"{base}/id/{ORGANIZATION_ID}/{session.user_id}",
                "user_id": session.user_id,
                "organization_id": ORGANIZATION_ID,
                "preferred_username": username,
                "email": username,
                "zoneinfo": "Asia/Tokyo",
                "urls": {"rest": f"{base}/services/data/v{{version}}/"},
            }
        )

    def _verify(self, form: dict[str, str]) -> str:
        if form.get("grant_type") != GRANT:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        assertion = form.get("assertion", "")
        try:
            unverified: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.InvalidTokenError as error:
            raise OAuthError("invalid_grant", "invalid assertion") from error
        if unverified.get("iss") != self._core.settings.salesforce_client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        claims = self._verified_claims(assertion)
        audience = str(claims.get("aud", "")).rstrip("/")
        own = {self._core.addresses.get("salesforce"), self._core.addresses.get("salesforce_tls")}
        if audience not in {*STANDARD_AUDIENCES, *own}:
            raise OAuthError("invalid_grant", "audience is invalid")
        username = claims.get("prn") or claims.get("sub")
        for user_id, name in self._org.usernames.items():
            if name == username:
                return user_id
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")

    def _verified_claims(self, assertion: str) -> dict[str, Any]:
        key = self._public_key()
        try:
            claims: dict[str, Any] = jwt.decode(
                assertion,
                key,
                algorithms=["RS256"],
                options={"require": ["exp"], "verify_aud": False, "verify_iat": False, "verify_sub": False},
            )
        except jwt.ExpiredSignatureError as error:
            raise OAuthError("invalid_grant", "expired authorization code") from error
        except jwt.InvalidTokenError as error:
            raise OAuthError("invalid_grant", "invalid assertion") from error
        return claims

    def _public_key(self) -> RSAPublicKey:
        """Read on every login, so that a rotated key needs no restart."""
        path = self._core.settings.salesforce_public_key_path
        if path is None or not path.exists():
            raise OAuthError("invalid_client", "no certificate is uploaded: set SANDBOX_SALESFORCE_PUBLIC_KEY_PATH")
        pem = path.read_bytes()
        if b"BEGIN CERTIFICATE" in pem:
            key: object = x509.load_pem_x509_certificate(pem).public_key()
        else:
            key = load_pem_public_key(pem)
        if not isinstance(key, RSAPublicKey):
            raise OAuthError("invalid_client", "the uploaded certificate does not hold an RSA key")
        return key
