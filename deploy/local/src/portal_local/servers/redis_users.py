"""Who may do what in Redis: one user per service that caches, an administrator, and nobody without a name."""

import hashlib
from collections.abc import Mapping
from typing import Final

ADMINISTRATOR: Final = "portal-admin"
"""May do everything: asks whether Redis lives, and empties it."""
COMMANDS: Final = ("get", "mget", "set", "del", "ping")
"""All a cache needs; AUTH and HELLO need no permission. None lists keys, runs a script, or touches the server."""


def redis_acl(users: Mapping[str, str], administrator: str) -> str:
    """Give the text of an ACL file (`aclfile` in the configuration) for Redis 6 and later.

    `users` holds each service's password, `administrator` is the administrator's. A service reaches the keys that
    begin with `portal:<service>:` (what the chassis' cache writes) and no channel. Passwords stand there as SHA-256,
    which for 256 random bits is as good as any slower hash.
    """
    allowed = " ".join(f"+{command}" for command in COMMANDS)
    lines = [
        "user default off resetpass resetkeys resetchannels -@all",
        f"user {ADMINISTRATOR} on #{_hash(administrator)} ~* &* +@all",
        *(
            f"user {name} on #{_hash(password)} ~{key_prefix(name)}* resetchannels -@all {allowed}"
            for name, password in users.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def key_prefix(service: str) -> str:
    """Give what every key of a service begins with."""
    if not service.isidentifier():
        raise ValueError(f"not a service's name: {service!r}")  # a space or * would change the rule it stands in
    return f"portal:{service}:"


def _hash(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
