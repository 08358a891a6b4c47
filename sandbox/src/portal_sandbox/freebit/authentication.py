"""PA01-01 authOem and the keys it hands out. Their life is unknown; several are valid at once (assumed)."""

import secrets
import sqlite3
from collections.abc import Mapping
from hmac import compare_digest

from portal_sandbox.freebit.codes import FORBIDDEN, KEY_INVALID, RefusedError
from portal_sandbox.freebit.wire import Fields
from portal_sandbox.settings import Settings


def issue_key(db: sqlite3.Connection, fields: Fields, settings: Settings, now: float) -> Mapping[str, object]:
    """A new key for the right oemId and oemKey; 403-403 for wrong ones."""
    oem_id = fields.required("oemId")
    oem_key = fields.required("oemKey")
    fields.finish()
    right_id = compare_digest(oem_id.encode(), settings.freebit_oem_id.encode())
    right_key = compare_digest(oem_key.encode(), settings.freebit_oem_key.encode())
    if not (right_id and right_key):
        raise RefusedError(FORBIDDEN)
    auth_key = secrets.token_hex(32)
    db.execute("INSERT INTO freebit_keys (auth_key, issued_at) VALUES (?, ?)", (auth_key, now))
    return {"authKey": auth_key}


def check_key(db: sqlite3.Connection, fields: Fields, now: float, life_seconds: float) -> None:
    """401-401 for a key that is unknown, revoked or older than its life; 400-301 without one."""
    auth_key = fields.required("authKey")
    row = db.execute("SELECT * FROM freebit_keys WHERE auth_key = ?", (auth_key,)).fetchone()
    if row is None or row["revoked"] or now - row["issued_at"] >= life_seconds:
        raise RefusedError(KEY_INVALID)


def revoke_keys(db: sqlite3.Connection) -> int:
    """Ends every key at once; returns how many were valid."""
    return db.execute("UPDATE freebit_keys SET revoked = 1 WHERE revoked = 0").rowcount
