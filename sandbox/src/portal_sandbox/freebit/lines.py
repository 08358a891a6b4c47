"""Lines, SIM stock, running requests and everything else Freebit remembers: tables and the statements on them."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS freebit_keys (
    auth_key TEXT PRIMARY KEY, issued_at REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS freebit_lines (
    account TEXT PRIMARY KEY, state TEXT NOT NULL, start_date TEXT NOT NULL DEFAULT '',
    end_date TEXT NOT NULL DEFAULT '', plan_code TEXT NOT NULL DEFAULT '', sim_type TEXT NOT NULL,
    product_number TEXT NOT NULL DEFAULT '', iccid TEXT NOT NULL DEFAULT '', imsi TEXT NOT NULL DEFAULT '',
    eid TEXT NOT NULL DEFAULT '', contract_line TEXT NOT NULL DEFAULT '4G', talk TEXT NOT NULL DEFAULT '20',
    sms TEXT NOT NULL DEFAULT '20', talk_option TEXT NOT NULL, share_group TEXT NOT NULL DEFAULT '',
    throttled TEXT NOT NULL DEFAULT '20', activation_code TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS freebit_lines_by_eid ON freebit_lines (eid);
CREATE TABLE IF NOT EXISTS freebit_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, account TEXT NOT NULL, eid TEXT NOT NULL DEFAULT '',
    accepted_at REAL NOT NULL, due_at REAL NOT NULL, state TEXT NOT NULL DEFAULT 'open',
    locks INTEGER NOT NULL, payload TEXT NOT NULL, caller TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS freebit_orders_open ON freebit_orders (state, due_at);
CREATE TABLE IF NOT EXISTS freebit_quotas (
    id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, quota INTEGER NOT NULL,
    quota_code TEXT NOT NULL, date TEXT NOT NULL, expire TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS freebit_sims (
    product_number TEXT PRIMARY KEY, iccid TEXT NOT NULL, imsi TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'stock');
CREATE TABLE IF NOT EXISTS freebit_donors (
    account TEXT PRIMARY KEY, reserve_number TEXT NOT NULL, expire_date TEXT NOT NULL, identity TEXT NOT NULL,
    one_stop INTEGER NOT NULL, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS freebit_reservations (
    product_number TEXT PRIMARY KEY, account TEXT NOT NULL, method TEXT NOT NULL, reserve_number TEXT NOT NULL,
    state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS freebit_plans (plan_code TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS freebit_counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS freebit_notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT, completed_at REAL NOT NULL, request_type TEXT NOT NULL,
    account TEXT NOT NULL, eid TEXT NOT NULL, iccid TEXT NOT NULL, product_number TEXT NOT NULL,
    result TEXT NOT NULL, reason TEXT NOT NULL);
"""

TALK_OPTIONS_OFF: Mapping[str, str] = {
    "voiceMail": "20",
    "callWaiting": "20",
    "callTransfer": "20",
    "worldWing": "20",
    "worldCall": "20",
}
LIVE_STATES = ("temporary", "pending", "active", "suspended", "cancelling")


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A request that Freebit carries out later; `locks` refuses other writes for the account until then."""

    type: str
    account: str
    due_at: float
    locks: bool = True
    eid: str = ""
    payload: Mapping[str, object] | None = None


def find_line(db: sqlite3.Connection, account: str) -> sqlite3.Row | None:
    """The line of a number, dead or alive."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM freebit_lines WHERE account = ?", (account,)).fetchone()
    return row


def lines_of_eid(db: sqlite3.Connection, eid: str) -> list[sqlite3.Row]:
    """Every line that ever used the EID, newest first, failed ones included."""
    return db.execute("SELECT * FROM freebit_lines WHERE eid = ? ORDER BY rowid DESC", (eid,)).fetchall()


def put_line(db: sqlite3.Connection, values: Mapping[str, object]) -> None:
    """Adds a line or replaces a dead one of the same number."""
    row = {"talk_option": json.dumps(dict(TALK_OPTIONS_OFF)), **values}
    names = ", ".join(row)
    marks = ", ".join("?" for _ in row)
    db.execute("DELETE FROM freebit_lines WHERE account = ?", (row["account"],))
    db.execute(f"INSERT INTO freebit_lines ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 - column names are ours


def change_line(db: sqlite3.Connection, account: str, **values: object) -> None:
    """Sets columns of a line."""
    assignments = ", ".join(f"{name} = ?" for name in values)
    db.execute(f"UPDATE freebit_lines SET {assignments} WHERE account = ?", (*values.values(), account))  # noqa: S608 - column names are ours


def add_order(db: sqlite3.Connection, order: NewOrder, *, accepted_at: float, caller: str) -> int:
    """Stores a request; returns its number."""
    cursor = db.execute(
        "INSERT INTO freebit_orders (type, account, eid, accepted_at, due_at, locks, payload, caller)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            order.type,
            order.account,
            order.eid,
            accepted_at,
            order.due_at,
            int(order.locks),
            json.dumps(order.payload or {}),
            caller,
        ),
    )
    return int(cursor.lastrowid or 0)


def open_orders(db: sqlite3.Connection, account: str) -> list[sqlite3.Row]:
    """Requests of a line that are not carried out yet, oldest first."""
    return db.execute(
        "SELECT * FROM freebit_orders WHERE account = ? AND state = 'open' ORDER BY id", (account,)
    ).fetchall()


def is_locked(db: sqlite3.Connection, account: str) -> bool:
    """Whether a running request keeps others away from the line."""
    return any(order["locks"] for order in open_orders(db, account))


def is_eid_requested(db: sqlite3.Connection, eid: str) -> bool:
    """Whether an activation or reissue onto this EID is still running."""
    found = db.execute("SELECT 1 FROM freebit_orders WHERE eid = ? AND state = 'open' LIMIT 1", (eid,)).fetchone()
    return found is not None


def due_orders(db: sqlite3.Connection, now: float) -> list[sqlite3.Row]:
    """Open requests of all lines whose time has come."""
    return db.execute(
        "SELECT * FROM freebit_orders WHERE state = 'open' AND due_at <= ? ORDER BY due_at, id", (now,)
    ).fetchall()


def next_due(db: sqlite3.Connection, after: float) -> float | None:
    """When the next open request is due; what is overdue already waits for a switch, not for time."""
    row = db.execute(
        "SELECT min(due_at) AS due_at FROM freebit_orders WHERE state = 'open' AND due_at > ?", (after,)
    ).fetchone()
    return None if row["due_at"] is None else float(row["due_at"])


def drop_open_orders(db: sqlite3.Connection, account: str) -> None:
    """A line that ended takes its scheduled changes with it."""
    db.execute("UPDATE freebit_orders SET state = 'dropped' WHERE account = ? AND state = 'open'", (account,))


def close_order(db: sqlite3.Connection, order_id: int, state: str) -> None:
    """The request is `done` or `failed`."""
    db.execute("UPDATE freebit_orders SET state = ? WHERE id = ?", (state, order_id))


def knows_plan(db: sqlite3.Connection, plan_code: str) -> bool:
    """Whether the plan is set up for this OEM."""
    found = db.execute("SELECT 1 FROM freebit_plans WHERE plan_code = ?", (plan_code,)).fetchone()
    return found is not None


def next_number(db: sqlite3.Connection, counter: str) -> int:
    """1, 2, 3 … per counter; what it numbers is the same after every reset."""
    db.execute(
        "INSERT INTO freebit_counters (name, value) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
        (counter,),
    )
    return int(db.execute("SELECT value FROM freebit_counters WHERE name = ?", (counter,)).fetchone()["value"])


def take_sim(db: sqlite3.Connection, product_number: str) -> sqlite3.Row | None:
    """A blank card out of the stock, marked as used; None when there is no such card or it was used before."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM freebit_sims WHERE product_number = ? AND state = 'stock'", (product_number,)
    ).fetchone()
    if row is not None:
        db.execute("UPDATE freebit_sims SET state = 'used' WHERE product_number = ?", (product_number,))
    return row


def talk_option(line: sqlite3.Row) -> dict[str, Any]:
    """Voice options of a line, by their names on the wire."""
    options: dict[str, Any] = json.loads(line["talk_option"])
    return options
