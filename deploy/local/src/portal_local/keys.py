"""Keys of a local portal: made up once, kept in the state folder, never anybody else's."""

import base64
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_RSA_BITS: Final = 2048
_ACTOR_KEY_ID: Final = "local-1"
_SIGNED_CALL_KEY_ID: Final = "sandbox-key-1"


@dataclass(frozen=True)
class Keys:
    """Paths of the key files."""

    salesforce_private: Path
    """RSA, PEM: what the portal proves itself to Salesforce with."""
    salesforce_public: Path
    """PEM: what the sandbox checks it with."""
    actor_private: Path
    """Ed25519, PEM: what identity signs Portal-Actor with."""
    actor_public: Path
    """JSON object, key id to base64 of the raw public key: what every service checks it with."""
    actor_key_id: str
    identity: Path
    """32 random bytes: identity's encryption at rest."""
    fulfillment: Path
    """32 random bytes: fulfillment's encryption at rest."""
    signed_calls: Path
    """JSON object, key id to key: what the gateway checks the sandbox's "Provision in WHMCS" button with."""
    signed_call_key_id: str

    def signed_call_key(self) -> str:
        """Give the text the sandbox's button signs with."""
        return str(json.loads(self.signed_calls.read_text(encoding="utf-8"))[self.signed_call_key_id]["key"])


def ensure_keys(folder: Path) -> Keys:
    """Give the keys, making those that are missing."""
    keys = Keys(
        salesforce_private=folder / "salesforce.pem",
        salesforce_public=folder / "salesforce.pub.pem",
        actor_private=folder / "actor.pem",
        actor_public=folder / "actor-public-keys.json",
        actor_key_id=_ACTOR_KEY_ID,
        identity=folder / "identity.key",
        fulfillment=folder / "fulfillment.key",
        signed_calls=folder / "signed-call-keys.json",
        signed_call_key_id=_SIGNED_CALL_KEY_ID,
    )
    if not (keys.salesforce_private.exists() and keys.salesforce_public.exists()):
        _make_salesforce_pair(keys)
    if not (keys.actor_private.exists() and keys.actor_public.exists()):
        _make_actor_pair(keys)
    for path in (keys.identity, keys.fulfillment):
        _keep(path, lambda: os.urandom(32))
    _keep(keys.signed_calls, _new_signed_call_key)
    return keys


def ensure_mail_event_key(private: Path) -> str:
    """Give the public key that the sandbox's mail events are verified with, making the pair where it is missing.

    `private` is where the sandbox looks for its half; the public half is text as SendGrid's settings show it.
    """
    public = private.with_suffix(".pub")
    if not (private.exists() and public.exists()):
        _make_mail_event_pair(private, public)
    return public.read_text(encoding="utf-8")


def _make_mail_event_pair(private: Path, public: Path) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - a warm start makes no keys
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - the same

    key = ec.generate_private_key(ec.SECP256R1())
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _replace(public, base64.b64encode(der))
    _replace(
        private,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _make_salesforce_pair(keys: Keys) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - a warm start makes no keys
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - the same

    private = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    _replace(
        keys.salesforce_public,
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )
    _replace(
        keys.salesforce_private,
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _make_actor_pair(keys: Keys) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - a warm start makes no keys
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - the same

    private = ed25519.Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    _replace(keys.actor_public, json.dumps({keys.actor_key_id: base64.b64encode(raw).decode()}).encode())
    _replace(
        keys.actor_private,
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _new_signed_call_key() -> bytes:
    return json.dumps({_SIGNED_CALL_KEY_ID: {"key": secrets.token_urlsafe(32)}}).encode()


def _keep(path: Path, make: Callable[[], bytes]) -> None:
    if not path.exists():
        _replace(path, make())


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.rename(path)
