import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that a stand-in sends by itself, such as an org's e-mail alert; it does not pass SendGrid's API."""

    sender: str
    to: tuple[str, ...]
    subject: str
    text: str


Letterbox: TypeAlias = Callable[[sqlite3.Connection, Letter], None]
"""Keeps a letter where people look for mail, in the sender's transaction."""
