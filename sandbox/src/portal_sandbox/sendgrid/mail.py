"""A mail as SendGrid understood it, and the messages it keeps: one for each personalization."""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from portal_sandbox.core.letters import Letter

SCHEMA = """
CREATE TABLE IF NOT EXISTS sendgrid_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL, accepted_at TEXT NOT NULL,
    to_addresses TEXT NOT NULL, cc TEXT NOT NULL, bcc TEXT NOT NULL, sender TEXT NOT NULL, subject TEXT NOT NULL,
    text TEXT NOT NULL, html TEXT NOT NULL, template_id TEXT NOT NULL, template_data TEXT NOT NULL,
    custom_args TEXT NOT NULL, categories TEXT NOT NULL, headers TEXT NOT NULL, attachments TEXT NOT NULL,
    send_at INTEGER);
CREATE TABLE IF NOT EXISTS sendgrid_recipients (message INTEGER NOT NULL, email TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sendgrid_recipients_by_email ON sendgrid_recipients (email);
"""


@dataclass(frozen=True, slots=True)
class Address:
    """Mail address with the name shown beside it."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Recipients:
    """One personalization."""

    to: tuple[Address, ...]
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    sender: Address | None = None
    subject: str = ""
    custom_args: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    template_data: Mapping[str, Any] = field(default_factory=dict)
    send_at: int | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """One request of `POST /v3/mail/send`; `sandbox` asks for validation alone."""

    sender: Address
    subject: str
    content: Mapping[str, str]
    template_id: str
    categories: tuple[str, ...]
    custom_args: Mapping[str, str]
    headers: Mapping[str, str]
    attachments: tuple[Mapping[str, object], ...]
    personalizations: tuple[Recipients, ...]
    send_at: int | None
    sandbox: bool


def new_message_id() -> str:
    """Twenty-two characters, as in `X-Message-Id`."""
    return secrets.token_urlsafe(16)


def arguments_of(mail: Mail, one: Recipients) -> dict[str, str]:
    """Custom arguments of a message: those of the personalization win."""
    return {**mail.custom_args, **one.custom_args}


def keep(db: sqlite3.Connection, mail: Mail, one: Recipients, message_id: str, accepted_at: str) -> int:
    """Stores one message; returns its number in the mailbox."""
    cursor = db.execute(
        "INSERT INTO sendgrid_messages (message_id, accepted_at, to_addresses, cc, bcc, sender, subject, text, html,"
        " template_id, template_data, custom_args, categories, headers, attachments, send_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            message_id,
            accepted_at,
            _addresses(one.to),
            _addresses(one.cc),
            _addresses(one.bcc),
            json.dumps(asdict(one.sender or mail.sender), ensure_ascii=False),
            one.subject or mail.subject,
            mail.content.get("text/plain", ""),
            mail.content.get("text/html", ""),
            mail.template_id,
            json.dumps(one.template_data, ensure_ascii=False),
            json.dumps(arguments_of(mail, one), ensure_ascii=False),
            json.dumps(mail.categories, ensure_ascii=False),
            json.dumps({**mail.headers, **one.headers}, ensure_ascii=False),
            json.dumps(mail.attachments, ensure_ascii=False),
            one.send_at if one.send_at is not None else mail.send_at,
        ),
    )
    number = int(cursor.lastrowid or 0)
    everyone = {address.email.lower() for address in (*one.to, *one.cc, *one.bcc)}
    db.executemany("INSERT INTO sendgrid_recipients VALUES (?, ?)", [(number, email) for email in sorted(everyone)])
    return number


def keep_letter(db: sqlite3.Connection, letter: Letter, now: datetime) -> None:
    """Stores a mail that another stand-in sent past SendGrid, so that people find it in the same mailbox."""
    sender = Address(letter.sender)
    mail = Mail(
        sender=sender,
        subject=letter.subject,
        content={"text/plain": letter.text},
        template_id="",
        categories=(),
        custom_args={},
        headers={},
        attachments=(),
        personalizations=(),
        send_at=None,
        sandbox=False,
    )
    to = tuple(Address(email) for email in letter.to)
    keep(db, mail, Recipients(to), new_message_id(), now.astimezone(UTC).isoformat(timespec="milliseconds"))


def find_message(db: sqlite3.Connection, number: int) -> dict[str, Any] | None:
    """One kept message."""
    row = db.execute("SELECT * FROM sendgrid_messages WHERE id = ?", (number,)).fetchone()
    return None if row is None else _shown(row)


def find_messages(
    db: sqlite3.Connection, *, to: str = "", subject: str = "", after: int = 0, newest_first: bool = False
) -> list[dict[str, Any]]:
    """Kept messages: `to` is one recipient (to, cc or bcc), `subject` a part of the subject; at most 500."""
    order = "DESC" if newest_first else "ASC"
    rows = db.execute(
        "SELECT * FROM sendgrid_messages WHERE id > :after AND instr(lower(subject), lower(:subject))"  # noqa: S608 - the order is one of two words above
        " AND (:to = '' OR id IN (SELECT message FROM sendgrid_recipients WHERE email = lower(:to)))"
        f" ORDER BY id {order} LIMIT 500",
        {"after": after, "subject": subject, "to": to},
    ).fetchall()
    return [_shown(row) for row in rows]


def _addresses(addresses: tuple[Address, ...]) -> str:
    return json.dumps([asdict(address) for address in addresses], ensure_ascii=False)


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "messageId": row["message_id"],
        "acceptedAt": row["accepted_at"],
        "to": json.loads(row["to_addresses"]),
        "cc": json.loads(row["cc"]),
        "bcc": json.loads(row["bcc"]),
        "from": json.loads(row["sender"]),
        "subject": row["subject"],
        "text": row["text"],
        "html": row["html"],
        "templateId": row["template_id"],
        "dynamicTemplateData": json.loads(row["template_data"]),
        "customArgs": json.loads(row["custom_args"]),
        "categories": json.loads(row["categories"]),
        "headers": json.loads(row["headers"]),
        "attachments": json.loads(row["attachments"]),
        "sendAt": row["send_at"],
    }
