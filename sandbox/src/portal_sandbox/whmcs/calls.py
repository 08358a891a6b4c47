"""What an action's handler works with: the call's fields, the open transaction, local time, and the answer's parts."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from portal_sandbox.core.core import Core
from portal_sandbox.settings import SwitchValue
from portal_sandbox.whmcs.php_forms import Params

VENDOR = "whmcs"
TOKYO = ZoneInfo("Asia/Tokyo")
DOCUMENTED_PAGE = 25

Answer: TypeAlias = dict[str, Any]
Row: TypeAlias = sqlite3.Row


class ApiError(Exception):
    """WHMCS's own error: HTTP 200 with result "error" and this message."""


class AccessError(Exception):
    """Credentials, address or permission: HTTP 403 with result "error" and this message."""


class Text(str):
    """Text a person entered; WHMCS keeps it entity-escaped and answers it so (switch entityText)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """A nested list: `{"invoices": {"invoice": [...]}}`; its empty and single forms depend on switches."""

    singular: str
    rows: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Whmcs:
    """The installation: server-local time, switches, the ledger, the outside address, hooks."""

    core: Core
    fire_hook: Callable[[str, int | None, Mapping[str, object]], None]

    def now(self) -> datetime:
        """Server-local time: WHMCS knows no other."""
        return self.core.clock.now().astimezone(TOKYO)

    def today(self) -> date:
        """Server-local date."""
        return self.now().date()

    def stamp(self) -> str:
        """Server-local time as WHMCS writes it."""
        return self.now().strftime("%Y-%m-%d %H:%M:%S")

    def switch(self, name: str) -> SwitchValue:
        """A quirk switch of this vendor."""
        return self.core.switches.get(VENDOR, name)

    def address(self) -> str:
        """Base URL of this installation."""
        return self.core.addresses.get(VENDOR, "http://whmcs.sandbox.invalid")


@dataclass(frozen=True, slots=True)
class Call:
    """One API call inside its transaction. `caller` is the credential's identifier, "client" for the client area."""

    whmcs: Whmcs
    db: sqlite3.Connection
    params: Params
    caller: str
    ip: str

    def listed(self, switch: str) -> frozenset[int]:
        """The numbers a switch lists, separated by commas."""
        parts = str(self.whmcs.switch(switch)).split(",")
        return frozenset(int(part) for part in parts if part.strip().isdigit())

    def one(self, sql: str, *values: object) -> Row | None:
        """The first row or None."""
        row: Row | None = self.db.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: object) -> list[Row]:
        """All rows."""
        return self.db.execute(sql, values).fetchall()

    def insert(self, table: str, **columns: object) -> int:
        """Adds a row; its id. Table and column names are the program's own."""
        names, marks = ", ".join(columns), ", ".join("?" for _ in columns)
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - no name comes from outside
        return int(self.db.execute(sql, tuple(columns.values())).lastrowid or 0)

    def update(self, table: str, row_id: int, **columns: object) -> None:
        """Changes columns of the row with this id."""
        if columns:
            names = ", ".join(f"{name} = ?" for name in columns)
            sql = f"UPDATE {table} SET {names} WHERE id = ?"  # noqa: S608 - no name comes from outside
            self.db.execute(sql, (*columns.values(), row_id))

    def record(self, kind: str, key: object, **detail: object) -> None:
        """Writes an effect to the ledger as `whmcs.<kind>`."""
        self.whmcs.core.ledger.record(
            self.db, vendor=VENDOR, kind=f"{VENDOR}.{kind}", key=str(key), caller=self.caller, detail=detail
        )

    def hook(self, event: str, client_id: int | None, **data: object) -> None:
        """Fires a hook point; its event leaves after the commit."""
        self.whmcs.core.store.after_commit(lambda: self.whmcs.fire_hook(event, client_id, data))

    def mail(self, client_id: int, template: str, related: int, subject: str = "", message: str = "") -> None:
        """WHMCS sends a mail to the client."""
        self.insert(
            "whmcs_mail",
            at=self.whmcs.stamp(),
            client_id=client_id,
            template=template,
            subject=subject,
            message=message,
            relid=related,
        )
        self.record("mail.sent", client_id, template=template, related=related)

    def client(self, client_id: int, message: str = "Client ID Not Found") -> Row:
        """The client's row. ApiError with the action's own text when there is none."""
        row = self.one("SELECT * FROM whmcs_client WHERE id = ?", client_id)
        if row is None:
            raise ApiError(message)
        return row

    def day(self, value: str) -> str:
        """A date as WHMCS answers it; "never" looks like 0000-00-00 or an empty text (switch zeroDates)."""
        return value or ("0000-00-00" if self.whmcs.switch("zeroDates") == "zero" else "")

    def moment(self, value: str) -> str:
        """The same for date and time."""
        return value or ("0000-00-00 00:00:00" if self.whmcs.switch("zeroDates") == "zero" else "")

    def page(self, rows: Sequence[Row]) -> tuple[Sequence[Row], Answer]:
        """The asked-for page, 25 rows unless told otherwise, and the three counters of every paged answer."""
        start = max(self.params.whole("limitstart"), 0)
        size = self.params.whole("limitnum") or DOCUMENTED_PAGE
        part = rows[start : start + max(size, 0)]
        return part, {"totalresults": len(rows), "startnumber": start, "numreturned": len(part)}

    def checked_gateway(self, name: str) -> str:
        """The gateway's system name. ApiError listing the valid ones."""
        if name not in GATEWAYS:
            raise ApiError(f"Invalid Payment Method. Valid options include {','.join(GATEWAYS)}")
        return name


GATEWAYS = {"stripe": "Credit Card", "banktransfer": "Bank Transfer"}


def money(hundredths: int) -> str:
    """An amount as WHMCS writes it: two decimals, also for yen."""
    sign = "-" if hundredths < 0 else ""
    return f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"


def parse_money(text: str) -> int:
    """Hundredths; text that is no number counts as zero, as in PHP."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return 0
    return int((amount * 100).to_integral_value()) if amount.is_finite() else 0


def parse_day(text: str) -> date | None:
    """YYYY-MM-DD or nothing."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None
