"""The key that signs Portal-Actor tokens, and its name in the file of public keys."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from portal_chassis.actor import read_public_keys
from portal_contracts.problems import Misconfigured


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read the PEM; raises Misconfigured when it is missing or of another kind."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_ACTOR_PRIVATE_KEY_PATH"}) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_ACTOR_PRIVATE_KEY_PATH", "kind": "not Ed25519"})
    return key


def key_id_of(key: Ed25519PrivateKey, public_keys: Path | None, configured: str) -> str:
    """Give the key's name: as configured, else the one under which its public half is published."""
    if configured:
        return configured
    wanted = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    published = read_public_keys(public_keys) if public_keys is not None else {}
    for key_id, public in published.items():
        if public.public_bytes(Encoding.Raw, PublicFormat.Raw) == wanted:
            return key_id
    raise Misconfigured("INTERNAL_ERROR", facts={"setting": "PORTAL_ACTOR_KEY_ID"})
