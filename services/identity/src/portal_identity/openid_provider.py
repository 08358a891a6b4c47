"""An OpenID Connect relying party: any eKYC provider that speaks it, such as Japan's digital authentication app (C26).

OpenID Connect Core 1.0: code flow, PKCE (RFC 7636), private_key_jwt or a client secret, the provider's keys; and
`verified_claims` of OpenID Connect for Identity Assurance 1.0 where a trust framework is asked for.
"""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from portal_chassis.clocks import MachineClock, SystemMachineClock
from portal_chassis.logs import get_logger
from portal_chassis.outbound import KEPT_FOR_WRITES, Outbound
from portal_contracts.identity_verification import IdentityCheckForm
from portal_contracts.problems import Misconfigured, Refused, TryLater
from portal_identity.identity_comparison import ProvenPerson
from portal_identity.identity_provider import IdentityCheck
from portal_identity.identity_provider_settings import IdentityProviderSettings
from portal_identity.openid_client_proof import ClientProof
from portal_identity.openid_metadata import ProviderMetadata, ask
from portal_identity.openid_signatures import NotGenuine, check_signature

RETURN_PATH: Final = "/auth/verification"
"""The gateway's page that brings the answer back."""
_NAMES: Final = ("name", "family_name", "given_name")
_OUR_FAULT: Final = frozenset(
    {"invalid_client", "unauthorized_client", "invalid_request", "unsupported_grant_type", "invalid_scope",
     "unsupported_response_type", "invalid_request_object", "request_not_supported"}
)  # fmt: skip
_THEIR_TROUBLE: Final = frozenset({"server_error", "temporarily_unavailable"})

_log = get_logger(__name__)


class OpenIdProvider:
    """The `IdentityProvider` port. Codes, tokens and claims are logged nowhere. Close it when the service stops."""

    def __init__(
        self,
        settings: IdentityProviderSettings,
        public_url: str,
        outbound: Outbound | None = None,
        clock: MachineClock | None = None,
    ) -> None:
        """`public_url` is the portal's origin."""
        self._settings = settings
        self._return_url = public_url.rstrip("/") + RETURN_PATH
        self._outbound = outbound or Outbound("identity_provider", at_once=8, longest_wait=1.0)
        timeout = httpx.Timeout(settings.seconds)
        fresh = httpx.Limits(max_keepalive_connections=KEPT_FOR_WRITES)  # a code is taken once
        self._http = httpx.AsyncClient(timeout=timeout, limits=fresh, follow_redirects=False, trust_env=False)
        self.metadata = ProviderMetadata(settings, self._http, self._outbound, clock or SystemMachineClock())
        self._proof = ClientProof(settings)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def begin(self, check: IdentityCheck) -> str:
        """Make the address of an authentication request (OpenID Connect Core 3.1.2.1)."""
        settings = self._settings
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": self._return_url,
            "scope": settings.scopes,
            "state": check.state,
            "nonce": check.nonce,
            "code_challenge": _base64url(sha256(check.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if settings.acr_values:
            asked["acr_values"] = settings.acr_values
        if settings.trust_framework:
            asked["claims"] = json.dumps(_verified_claims_request(settings), separators=(",", ":"))
        endpoint = await self.metadata.endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def conclude(self, check: IdentityCheck, answer: IdentityCheckForm) -> ProvenPerson:
        """Exchange the code, check the id_token, ask userinfo, and read what it says of the person."""
        code = self._code_of(answer)
        tokens = await self._exchange(code, check.verifier)
        try:
            said = await self._checked(str(tokens.get("id_token") or ""), check.nonce)
            more = await self._userinfo(str(tokens.get("access_token") or ""), said)
            return _person(self._counting({**said, **more}))
        except NotGenuine as found:
            _log.warning("an eKYC answer did not check", reason=str(found))
            raise Refused("IDENTITY_NOT_PROVEN") from None

    def _code_of(self, answer: IdentityCheckForm) -> str:
        """Give the code. The words of an error are anybody's who writes an address, so only known ones are logged."""
        if answer.iss is not None and answer.iss != self._settings.issuer:  # RFC 9207
            _log.warning("an eKYC answer did not check", reason="iss")
            raise Refused("IDENTITY_NOT_PROVEN")
        if answer.error in _OUR_FAULT:
            _log.error("the eKYC provider refuses our request", error=answer.error)
        if answer.error in _THEIR_TROUBLE:
            raise TryLater("IDENTITY_PROVIDER_UNAVAILABLE")
        if answer.error is not None or answer.code is None:
            raise Refused("IDENTITY_NOT_PROVEN")
        return answer.code

    async def _exchange(self, code: str, verifier: str) -> Mapping[str, Any]:
        """Give the tokens of a code (3.1.3). Sent once: whoever lost the answer begins anew."""
        endpoint = await self.metadata.endpoint("token_endpoint")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._return_url,
            "code_verifier": verifier,
        }
        proven, authorization = self._proof.of(endpoint)
        request = self._http.build_request("POST", endpoint, data={**form, **proven}, headers=_JSON | authorization)
        status, answer = await ask(self._http, self._outbound, "token", request, self._settings.seconds)
        if status == HTTPStatus.OK and isinstance(answer, dict):
            return answer
        error = str(answer.get("error") or "") if isinstance(answer, dict) else ""
        if error in _OUR_FAULT or status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            facts = {"message": f"token endpoint: {status} {error if error in _OUR_FAULT else ''}".strip()}
            raise Misconfigured("IDENTITY_PROVIDER_MISCONFIGURED", facts=facts)
        _log.warning("an eKYC code was not taken", status=status, invalid_grant=error == "invalid_grant")
        raise Refused("IDENTITY_NOT_PROVEN")

    async def _checked(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """Check an id_token (3.1.3.7): signature, issuer, audience, times, nonce, and the assurance asked for."""
        settings = self._settings
        said = await check_signature(id_token, self.metadata, settings, required=("iss", "sub", "aud", "exp", "iat"))
        if not hmac.compare_digest(str(said.get("nonce") or ""), nonce):
            raise NotGenuine("nonce")
        if said.get("azp", settings.client_id) != settings.client_id:
            raise NotGenuine("azp")
        if not set(settings.required_acr.split()) <= set(str(said.get("acr") or "").split()):
            raise NotGenuine("acr")
        return said

    async def _userinfo(self, access_token: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask for the claims (5.3): plain or signed. Nothing for a provider that has all in the id_token."""
        endpoint = (await self.metadata.current()).get("userinfo_endpoint")
        if not endpoint:
            return {}
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json, application/jwt"}
        request = self._http.build_request("GET", str(endpoint), headers=headers)
        status, answer = await ask(self._http, self._outbound, "userinfo", request, self._settings.seconds)
        if isinstance(answer, str):
            answer = await check_signature(answer, self.metadata, self._settings, required=("iss", "sub", "aud"))
        if status != HTTPStatus.OK or not isinstance(answer, Mapping):
            raise NotGenuine("userinfo")
        if answer.get("sub") != said["sub"]:
            raise NotGenuine("sub")
        return answer

    def _counting(self, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the claims that count: all, or those verified by the framework that was asked for (IDA 1.0, 5)."""
        framework = self._settings.trust_framework
        if not framework:
            return claims
        found = claims.get("verified_claims")
        listed = found if isinstance(found, list) else [found]
        counting: dict[str, Any] = {}
        for one in listed:
            if isinstance(one, dict) and one.get("verification", {}).get("trust_framework") == framework:
                counting |= one.get("claims") or {}
        if not counting:
            raise NotGenuine("verified_claims")
        return counting


_JSON: Final = {"Accept": "application/json"}


def _verified_claims_request(settings: IdentityProviderSettings) -> dict[str, Any]:
    wanted = dict.fromkeys(("name", "family_name", "given_name", "birthdate"))
    if "address" in settings.compares:
        wanted["address"] = None
    verification = {"trust_framework": {"value": settings.trust_framework}}
    return {"userinfo": {"verified_claims": {"verification": verification, "claims": wanted}}}


def _person(claims: Mapping[str, Any]) -> ProvenPerson:
    """Read the standard claims (5.1). A name may come whole or in parts, and in kana as `name#ja-Kana-JP` (5.2)."""
    tags = {key.partition("#")[2] for key in claims if key.partition("#")[0] in _NAMES}
    names = []
    for tag in sorted(tags):
        whole, family, given = (str(claims.get(f"{name}#{tag}" if tag else name) or "") for name in _NAMES)
        names += [text for text in (whole, family + given if family and given else "") if text]
    address = claims.get("address")
    parts = address if isinstance(address, Mapping) else {"formatted": address}
    spelled = "".join(str(parts.get(name) or "") for name in ("region", "locality", "street_address"))
    return ProvenPerson(
        names=names,
        birth_date=_day(str(claims.get("birthdate") or "")),
        address=str(parts.get("formatted") or "") or spelled,
        postcode=str(parts.get("postal_code") or ""),
    )


def _day(text: str) -> date | None:
    """Read 1990-04-01 or 19900401; a year alone or 0000 (5.1) is no day."""
    for form in ("%Y-%m-%d", "%Y%m%d"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day of the calendar has no zone
        except ValueError:
            continue
    return None


def _base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")
