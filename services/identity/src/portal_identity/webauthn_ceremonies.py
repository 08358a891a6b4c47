"""WebAuthn's two ceremonies by the library py_webauthn, which is loaded when the first passkey is talked about."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from portal_chassis.logs import get_logger
from portal_identity.ports import NewCredential, UsedCredential

RELYING_PARTY: Final = "Customer portal"
TIMEOUT_MS: Final = 300_000

_log = get_logger(__name__)


class WebauthnCeremonies:
    """The `Ceremonies` port. Passkeys belong to the host of the public URL; answers count from its origin alone."""

    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.hostname or "localhost"

    def creation_options(
        self, challenge: bytes, user_id: bytes, email: str, has_already: Sequence[bytes]
    ) -> Mapping[str, Any]:
        """Ask for a discoverable credential whose user is verified, without attestation."""
        import webauthn  # noqa: PLC0415 - see the top
        from webauthn.helpers import structs  # noqa: PLC0415 - see the top

        options = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name=RELYING_PARTY,
            user_name=email,
            user_id=user_id,
            challenge=challenge,
            timeout=TIMEOUT_MS,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=known) for known in has_already],
        )
        return _plain(webauthn.options_to_json(options))

    def created(self, challenge: bytes, credential: Mapping[str, Any]) -> NewCredential | None:
        """Check what an authenticator made; None for anything that is not right."""
        import webauthn  # noqa: PLC0415 - see the top
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 - see the top

        try:
            found = webauthn.verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            _log.info("a passkey was refused", reason=type(error).__name__)
            return None
        return NewCredential(found.credential_id, found.credential_public_key, found.sign_count)

    def request_options(self, challenge: bytes) -> Mapping[str, Any]:
        """Ask for any passkey of this host."""
        import webauthn  # noqa: PLC0415 - see the top
        from webauthn.helpers.structs import UserVerificationRequirement  # noqa: PLC0415 - see the top

        options = webauthn.generate_authentication_options(
            rp_id=self._host,
            challenge=challenge,
            timeout=TIMEOUT_MS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _plain(webauthn.options_to_json(options))

    def named(self, credential: Mapping[str, Any]) -> bytes | None:
        """Give the credential an answer says it is by; None when it says nothing sensible."""
        from webauthn.helpers import base64url_to_bytes  # noqa: PLC0415 - see the top

        try:
            return base64url_to_bytes(str(credential["id"]))
        except (KeyError, ValueError):
            return None

    def used(
        self, challenge: bytes, credential: Mapping[str, Any], public_key: bytes, sign_count: int
    ) -> UsedCredential | None:
        """Check a signature; None for anything that is not right."""
        import webauthn  # noqa: PLC0415 - see the top
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 - see the top

        try:
            found = webauthn.verify_authentication_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            _log.info("a passkey was refused", reason=type(error).__name__)
            return None
        return UsedCredential(found.new_sign_count)


def _plain(text: str) -> Mapping[str, Any]:
    plain: Mapping[str, Any] = json.loads(text)
    return plain
