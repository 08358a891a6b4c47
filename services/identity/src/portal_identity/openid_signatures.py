"""Signatures of an OpenID provider, by the library PyJWT, which is loaded when the first token is checked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from portal_identity.identity_provider_settings import IdentityProviderSettings
from portal_identity.openid_metadata import ProviderMetadata

LEEWAY_SECONDS: Final = 60
"""By which the provider's clock and ours may differ."""


class NotGenuine(Exception):  # noqa: N818 - a finding
    """An answer that is not the provider's for us; the text is a word for the log."""


async def check_signature(
    token: str, metadata: ProviderMetadata, settings: IdentityProviderSettings, *, required: Sequence[str]
) -> Mapping[str, Any]:
    """Give the claims of a token that one of the provider's keys signed for us (RFC 7515, RFC 7519). NotGenuine."""
    import jwt  # noqa: PLC0415 - see the top

    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise NotGenuine("form") from None
    name, algorithm = header.get("kid"), header.get("alg")
    if algorithm not in settings.algorithms:
        raise NotGenuine("alg")
    key = _named(await metadata.keys(), name, algorithm) or _named(await metadata.keys(anew=True), name, algorithm)
    if key is None:
        raise NotGenuine("kid")
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=settings.client_id,
            issuer=settings.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": list(required)},
        )
    except jwt.InvalidTokenError as error:
        raise NotGenuine(type(error).__name__) from None


def _named(keys: Mapping[str, Any], name: object, algorithm: str) -> Any:
    """Find the signing key of that name; a token without a name fits where there is one key only."""
    import jwt  # noqa: PLC0415 - see the top

    listed = keys.get("keys")
    fitting = [
        one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("use", "sig") == "sig" and (name is None or one.get("kid") == name)
    ]
    if not fitting or (name is None and len(fitting) > 1):
        return None
    try:
        return jwt.PyJWK(fitting[0], algorithm)
    except (jwt.PyJWKError, jwt.InvalidKeyError):
        return None
