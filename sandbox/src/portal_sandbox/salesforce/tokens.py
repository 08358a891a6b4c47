"""Access tokens: opaque strings `<org id>!<random>`, kept in SQLite so that they survive a restart."""

import hashlib
import secrets
import time
from dataclasses import dataclass

from portal_sandbox.core import Core
from portal_sandbox.salesforce.ids import ORGANIZATION_ID, SHORT_LENGTH
from portal_sandbox.salesforce.switches import SalesforceSwitches

TABLES = """
CREATE TABLE IF NOT EXISTS salesforce_token (
    digest TEXT PRIMARY KEY, user_id TEXT NOT NULL, issued REAL NOT NULL, generation INTEGER NOT NULL,
    opaque INTEGER NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A live token's user. Pub/Sub refuses a token that is not opaque."""

    user_id: str
    opaque: bool


class Tokens:
    """Issues and checks tokens. Lifetimes run on the machine clock, as architecture §5 asks."""

    def __init__(self, core: Core, switches: SalesforceSwitches) -> None:
        self._store = core.store
        self._switches = switches
        core.store.migrate("salesforce tokens", TABLES)

    def issue(self, user_id: str) -> str:
        """A new token for a user."""
        opaque = self._switches.text("tokenFormat") == "opaque"
        secret = secrets.token_urlsafe(48)
        token = f"{ORGANIZATION_ID[:SHORT_LENGTH]}!AQ{secret}" if opaque else f"eyJhbGciOiJSUzI1NiJ9.{secret}.sandbox"
        with self._store.transaction() as db:
            db.execute("DELETE FROM salesforce_token WHERE issued < ?", (time.time() - self._lifetime(),))
            db.execute(
                "INSERT INTO salesforce_token VALUES (?, ?, ?, ?, ?)",
                (_digest(token), user_id, time.time(), self._generation(), opaque),
            )
        return token

    def find(self, token: str) -> Session | None:
        """The session behind a token; None when it is unknown, expired or revoked."""
        with self._store.transaction() as db:
            row = db.execute("SELECT * FROM salesforce_token WHERE digest = ?", (_digest(token),)).fetchone()
        if row is None or row["generation"] != self._generation() or time.time() - row["issued"] > self._lifetime():
            return None
        return Session(row["user_id"], bool(row["opaque"]))

    def _lifetime(self) -> float:
        return self._switches.number("tokenLifetimeSeconds")

    def _generation(self) -> int:
        return int(self._switches.number("tokenGeneration"))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
