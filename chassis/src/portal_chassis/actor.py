"""Who is signed in: the `Portal-Actor` token, minted by identity, verified by every service (architecture §4).

A JWT signed with Ed25519. Verification costs some 80 µs, so a token is verified once and then found in a bounded table,
with its expiry looked at on every use (reference/performance.md §11.8).
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, time
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from portal_contracts.identity_api_tokens import SCOPE_ROLE
from portal_contracts.problems import Misconfigured

HEADER: Final = "Portal-Actor"
ISSUER: Final = "portal-identity"
DEFAULT_LIFETIME: Final = 120
"""Seconds a token lives."""
FRESH_SIGN_IN: Final = timedelta(minutes=15)
"""How old a proof may be for what is sensitive, machine time."""
CLOCK_LEEWAY: Final = 5
"""Seconds by which the clocks of two machines may differ."""
REREAD_PAUSE: Final = 5.0
"""Seconds between two looks at the key file because of an unknown key id."""
_ALGORITHM: Final = "EdDSA"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who a message is sent for: a signed-in customer, or an operator.

    An operator has an e-mail address in `operator` and is nobody's customer: client 0, no account (requirement R276).
    """

    user_id: str
    whmcs_client_id: int
    account_id: str
    roles: tuple[str, ...]
    session_id: str
    authenticated_at: datetime
    locale: str
    operator: str = ""

    def proven_lately(self, now: datetime) -> bool:
        """Whether a person signed in, or proved it again, at most a quarter of an hour ago (architecture §9)."""
        scoped = any(role.startswith(SCOPE_ROLE) for role in self.roles)
        return not scoped and now - self.authenticated_at <= FRESH_SIGN_IN


def sign_actor(private_key: Ed25519PrivateKey, key_id: str, actor: Actor, lifetime: int = DEFAULT_LIFETIME) -> str:
    """Mint a token for `lifetime` seconds; identity and tests do."""
    now = int(time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "sub": actor.user_id,
        "whmcs": actor.whmcs_client_id,
        "account": actor.account_id,
        "roles": list(actor.roles),
        "sid": actor.session_id,
        "auth_time": actor.authenticated_at.timestamp(),
        "locale": actor.locale,
        "iat": now,
        "exp": now + lifetime,
    }
    if actor.operator:
        claims["operator"] = actor.operator
    return jwt.encode(claims, private_key, algorithm=_ALGORITHM, headers={"kid": key_id})


class ActorVerifier:
    """Checks tokens against the public keys of a file, two at a time while a key is being rotated.

    Every failure is `ACTOR_REFUSED`: only a gateway of ours sends tokens, so a bad one is our set-up or an attack.
    """

    def __init__(self, public_keys: Mapping[str, Ed25519PublicKey], *, remembered: int = 10_000) -> None:
        self._keys = dict(public_keys)
        self._remembered = remembered
        self._verified: dict[str, tuple[Actor, float]] = {}
        self._path: Path | None = None
        self._looked_at = 0.0

    @classmethod
    def from_file(cls, path: str | Path, *, remembered: int = 10_000) -> "ActorVerifier":
        """Read `{key id: base64 of the raw Ed25519 public key}`; an unknown key id makes it read the file again."""
        verifier = cls(read_public_keys(Path(path)), remembered=remembered)
        verifier._path = Path(path)
        return verifier

    def verify(self, token: str) -> Actor:
        """Give the actor of a token; raises Misconfigured `ACTOR_REFUSED` when it is not valid now."""
        known = self._verified.get(token)
        if known is not None:
            if known[1] > time():
                return known[0]
            del self._verified[token]
            raise Misconfigured("ACTOR_REFUSED", facts={"reason": "expired"})
        actor, expires_at = self._read(token)
        if len(self._verified) >= self._remembered:
            self._forget()
        self._verified[token] = (actor, expires_at)
        return actor

    def _read(self, token: str) -> tuple[Actor, float]:
        try:
            key = self._key_of(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                leeway=CLOCK_LEEWAY,
                options={"require": ["exp", "iat", "sub", "iss"]},
            )
            return _actor_of(claims), float(claims["exp"]) + CLOCK_LEEWAY
        except jwt.ExpiredSignatureError:
            raise Misconfigured("ACTOR_REFUSED", facts={"reason": "expired"}) from None
        except (jwt.PyJWTError, KeyError, ValueError, TypeError):
            raise Misconfigured("ACTOR_REFUSED", facts={"reason": "invalid"}) from None

    def _key_of(self, token: str) -> Ed25519PublicKey:
        key_id = str(jwt.get_unverified_header(token)["kid"])
        key = self._keys.get(key_id)
        if key is None and self._path is not None and monotonic() - self._looked_at > REREAD_PAUSE:
            self._looked_at = monotonic()
            self._keys = read_public_keys(self._path)
            key = self._keys.get(key_id)
        if key is None:
            raise KeyError(key_id)
        return key

    def _forget(self) -> None:
        """Drop what has expired and, when that is not enough, the older half."""
        now = time()
        living = [(token, entry) for token, entry in self._verified.items() if entry[1] > now]
        if len(living) >= self._remembered:
            living = living[len(living) // 2 :]
        self._verified = dict(living)


def read_public_keys(path: Path) -> dict[str, Ed25519PublicKey]:
    """Read the key file; raises Misconfigured when it is missing or unreadable."""
    try:
        entries = json.loads(path.read_bytes())
        return {
            str(key_id): Ed25519PublicKey.from_public_bytes(base64.b64decode(raw)) for key_id, raw in entries.items()
        }
    except (OSError, ValueError, AttributeError) as error:
        raise Misconfigured("ACTOR_REFUSED", facts={"reason": "keys_unreadable", "file": path.name}) from error


def _actor_of(claims: Mapping[str, Any]) -> Actor:
    actor = Actor(
        user_id=str(claims["sub"]),
        whmcs_client_id=int(claims["whmcs"]),
        account_id=str(claims["account"]),
        roles=tuple(str(role) for role in claims["roles"]),
        session_id=str(claims["sid"]),
        authenticated_at=datetime.fromtimestamp(float(claims["auth_time"]), UTC),
        locale=str(claims["locale"]),
        operator=str(claims.get("operator", "")),
    )
    if actor.operator and (actor.whmcs_client_id or actor.account_id):
        raise ValueError("an operator is nobody's customer")
    return actor
