"""What the doctor finds out about the eKYC provider: its discovery document and keys. Nobody is verified."""

from collections.abc import Mapping
from typing import Any, Final

from portal_chassis.setup_checks import Line, seen
from portal_contracts.problems import Misconfigured, TryLater
from portal_contracts.setup_checks import SetupCheck
from portal_identity.identity_provider_settings import PREFIX, IdentityProviderSettings
from portal_identity.openid_metadata import ProviderMetadata

_DISCOVERY: Final = Line(
    "identity_provider.discovery",
    "The eKYC provider's discovery document is there and of the issuer that is set.",
    f"Check {PREFIX}ISSUER: it stands in the document exactly like that.",
)
_METHOD: Final = Line(
    "identity_provider.client_authentication",
    "The eKYC provider takes PKCE with S256 and the way we prove who asks.",
    f"Set {PREFIX}KEY_PATH or {PREFIX}CLIENT_SECRET, whichever the provider takes.",
)
_KEYS: Final = Line(
    "identity_provider.keys",
    "The eKYC provider's keys are there, one of an algorithm that counts.",
    f"Check {PREFIX}ALGORITHMS against the provider's documents.",
)


class CheckIdentityProvider:
    """Looks at the provider with the settings the portal verifies with."""

    def __init__(self, settings: IdentityProviderSettings, metadata: ProviderMetadata) -> None:
        self._settings = settings
        self._metadata = metadata

    async def look(self) -> list[SetupCheck]:
        """Give every line."""
        try:
            document = await self._metadata.current()
        except TryLater as problem:
            return [line.unknown(seen(problem)) for line in (_DISCOVERY, _METHOD, _KEYS)]
        except Misconfigured as problem:
            behind = (line.unknown("there is no discovery document") for line in (_METHOD, _KEYS))
            return [_DISCOVERY.failed(seen(problem)), *behind]
        return [_DISCOVERY.passed(self._settings.issuer), self._method(document), await self._keys()]

    def _method(self, document: Mapping[str, Any]) -> SetupCheck:
        """Look at what the document lists; what it leaves out has a default (Discovery 3) or is not told (PKCE)."""
        ours = "private_key_jwt" if self._settings.key_path is not None else "client_secret_basic"
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        challenges = document.get("code_challenge_methods_supported", ["S256"])
        return _METHOD.is_so(ours in methods and "S256" in challenges, f"{ours}; {', '.join(map(str, methods))}")

    async def _keys(self) -> SetupCheck:
        try:
            listed = (await self._metadata.keys()).get("keys") or []
        except (TryLater, Misconfigured) as problem:
            return (_KEYS.unknown if isinstance(problem, TryLater) else _KEYS.failed)(seen(problem))
        counting = {"EC" if name.startswith("ES") else "RSA" for name in self._settings.algorithms}
        usable = [key for key in listed if isinstance(key, dict) and key.get("kty") in counting]
        return _KEYS.is_so(bool(usable), f"{len(usable)} of {len(listed)}")
