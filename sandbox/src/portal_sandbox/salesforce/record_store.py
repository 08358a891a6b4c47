"""Rows of the org in SQLite: one JSON document per record, unique values beside it."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS salesforce_record (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, entity TEXT NOT NULL,
    body TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS salesforce_record_entity ON salesforce_record (entity, position);
CREATE INDEX IF NOT EXISTS salesforce_record_account
    ON salesforce_record (entity, json_extract(body, '$.AccountId'));
CREATE INDEX IF NOT EXISTS salesforce_record_order
    ON salesforce_record (entity, json_extract(body, '$.OrderId'));
CREATE INDEX IF NOT EXISTS salesforce_record_opportunity
    ON salesforce_record (entity, json_extract(body, '$.OpportunityId'));
CREATE INDEX IF NOT EXISTS salesforce_record_parent
    ON salesforce_record (entity, json_extract(body, '$.ParentId'));
CREATE INDEX IF NOT EXISTS salesforce_record_status
    ON salesforce_record (entity, json_extract(body, '$.Status') COLLATE NOCASE);
CREATE TABLE IF NOT EXISTS salesforce_unique (
    entity TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, record_id TEXT NOT NULL,
    PRIMARY KEY (entity, field, value)
);
CREATE INDEX IF NOT EXISTS salesforce_unique_record ON salesforce_unique (record_id);
CREATE TABLE IF NOT EXISTS salesforce_counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS salesforce_blob (record_id TEXT PRIMARY KEY, content BLOB NOT NULL);
"""

Record = dict[str, Any]


def next_number(db: sqlite3.Connection, name: str, step: int = 1) -> int:
    """The next value of a counter that survives restarts; rolls back with its transaction."""
    row = db.execute(
        "INSERT INTO salesforce_counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
        " RETURNING value",
        (name, step),
    ).fetchone()
    return int(row["value"])


def load(db: sqlite3.Connection, record_id: str) -> tuple[str, Record, bool] | None:
    """Entity, record and whether it is in the recycle bin; None when the id was never used."""
    row = db.execute("SELECT entity, body, deleted FROM salesforce_record WHERE id = ?", (record_id,)).fetchone()
    return None if row is None else (row["entity"], json.loads(row["body"]), bool(row["deleted"]))


def scan(db: sqlite3.Connection, entity: str, *, deleted: bool = False) -> Iterator[Record]:
    """All records of an object in the order they were created."""
    rows = db.execute(
        "SELECT body FROM salesforce_record WHERE entity = ? AND (deleted = 0 OR ?) ORDER BY position",
        (entity, deleted),
    )
    return (json.loads(row["body"]) for row in rows.fetchall())


def scan_by(
    db: sqlite3.Connection,
    entity: str,
    field: str,
    values: Iterable[str],
    *,
    deleted: bool = False,
    any_case: bool = False,
) -> Iterator[Record]:
    """Records whose field equals one of the values. `field` is an API name of the schema, never caller text."""
    wanted = list(dict.fromkeys(values))
    column = "id" if field == "Id" else f"json_extract(body, '$.{field}')"
    if any_case:
        column += " COLLATE NOCASE"
    for start in range(0, len(wanted), 500):
        chunk = wanted[start : start + 500]
        marks = ",".join("?" * len(chunk))
        rows = db.execute(
            f"SELECT body FROM salesforce_record WHERE entity = ? AND {column} IN ({marks})"  # noqa: S608 - schema name
            " AND (deleted = 0 OR ?) ORDER BY position",
            (entity, *chunk, deleted),
        )
        yield from [json.loads(row["body"]) for row in rows.fetchall()]


def insert(db: sqlite3.Connection, entity: str, record: Record) -> None:
    """Adds a record."""
    db.execute(
        "INSERT INTO salesforce_record (id, entity, body) VALUES (?, ?, ?)", (record["Id"], entity, json.dumps(record))
    )


def replace(db: sqlite3.Connection, record: Record) -> None:
    """Overwrites a record."""
    db.execute("UPDATE salesforce_record SET body = ? WHERE id = ?", (json.dumps(record), record["Id"]))


def remove(db: sqlite3.Connection, record: Record, *, recycled: bool) -> None:
    """Moves a record to the recycle bin, or past it; its unique values become free."""
    if recycled:
        db.execute(
            "UPDATE salesforce_record SET body = ?, deleted = 1 WHERE id = ?", (json.dumps(record), record["Id"])
        )
    else:
        db.execute("DELETE FROM salesforce_record WHERE id = ?", (record["Id"],))
    db.execute("DELETE FROM salesforce_unique WHERE record_id = ?", (record["Id"],))


def claim_unique(db: sqlite3.Connection, entity: str, record_id: str, values: Mapping[str, str | None]) -> str | None:
    """Claims values of unique fields for a record; answers the id of another record that holds one, without claiming.

    Values compare without case, as Salesforce's external ids do.
    """
    for field, value in values.items():
        holder = find_unique(db, entity, field, value) if value is not None else None
        if holder is not None and holder != record_id:
            return holder
    for field, value in values.items():
        db.execute(
            "DELETE FROM salesforce_unique WHERE record_id = ? AND entity = ? AND field = ?", (record_id, entity, field)
        )
        if value is not None:
            db.execute("INSERT INTO salesforce_unique VALUES (?, ?, ?, ?)", (entity, field, value.lower(), record_id))
    return None


def find_unique(db: sqlite3.Connection, entity: str, field: str, value: str) -> str | None:
    """The id of the record that holds this value of a unique field."""
    row = db.execute(
        "SELECT record_id FROM salesforce_unique WHERE entity = ? AND field = ? AND value = ?",
        (entity, field, value.lower()),
    ).fetchone()
    return None if row is None else str(row["record_id"])


def store_blob(db: sqlite3.Connection, record_id: str, content: bytes) -> None:
    """Keeps a file's bytes."""
    db.execute("INSERT OR REPLACE INTO salesforce_blob VALUES (?, ?)", (record_id, content))


def load_blob(db: sqlite3.Connection, record_id: str) -> bytes | None:
    """A file's bytes."""
    row = db.execute("SELECT content FROM salesforce_blob WHERE record_id = ?", (record_id,)).fetchone()
    return None if row is None else bytes(row["content"])
