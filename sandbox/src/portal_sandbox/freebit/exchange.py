"""What a call works with: one authenticated request inside its transaction."""

import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from portal_sandbox.core import Ledger
from portal_sandbox.freebit.codes import (
    ACCOUNT_BUSY,
    ACCOUNT_NOT_ACTIVE,
    ACCOUNT_NOT_FOUND,
    FIELD_INVALID,
    PLAN_INVALID,
    RefusedError,
)
from portal_sandbox.freebit.lines import NewOrder, add_order, find_line, is_locked, knows_plan
from portal_sandbox.freebit.quirks import VENDOR, Quirks
from portal_sandbox.freebit.wire import ACCOUNT, ACCOUNT_OR_GROUP, DATE, FLAG, PLAN_CODE, Fields

JAPAN = ZoneInfo("Asia/Tokyo")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request: its fields, the open transaction, business time and who asked."""

    fields: Fields
    db: sqlite3.Connection
    now: datetime
    caller: str
    quirks: Quirks
    ledger: Ledger

    def record(self, kind: str, key: str, detail: Mapping[str, object] | None = None) -> None:
        """Writes an effect to the ledger, in the transaction of the call."""
        self.ledger.record(self.db, vendor=VENDOR, kind=f"freebit.{kind}", key=key, caller=self.caller, detail=detail)

    def queue(self, order: NewOrder) -> None:
        """Accepts work that is carried out when its time has come (completion.py)."""
        add_order(self.db, order, accepted_at=self.now.timestamp(), caller=self.caller)

    def soon(self, times: float = 1) -> float:
        """When an asynchronous request that starts now ends, in seconds since the epoch."""
        return self.now.timestamp() + times * self.quirks.completion_seconds

    def account(self) -> str:
        """The required field `account`, a phone number."""
        return self.fields.required("account", ACCOUNT)

    def account_or_group(self) -> str:
        """The field `account` of calls that also take the code of a share group."""
        return self.fields.required("account", ACCOUNT_OR_GROUP)

    def active_line(self, account: str | None = None) -> sqlite3.Row:
        """The line of the field `account` (or the one given), in service and not locked by a running request."""
        account = account or self.account()
        line = find_line(self.db, account)
        if line is None:
            raise RefusedError(ACCOUNT_NOT_FOUND)
        if is_locked(self.db, account):
            raise RefusedError(ACCOUNT_BUSY)
        if line["state"] != "active":
            raise RefusedError(ACCOUNT_NOT_ACTIVE)
        return line

    def plan(self) -> str:
        """The required field `planCode`; 400-320 for a plan nobody set up."""
        plan_code = self.fields.required("planCode", PLAN_CODE, PLAN_INVALID)
        if not knows_plan(self.db, plan_code):
            raise RefusedError(PLAN_INVALID, "planCode")
        return plan_code

    def aladin_operated(self) -> bool:
        """Whether the operator registration was already done by the caller ("10"); "20" is the default."""
        return (self.fields.optional("aladinOperated", FLAG) or "20") == "10"

    def future_date(self, name: str, pattern: re.Pattern[str] = DATE) -> str | None:
        """A YYYYMMDD of today or later (Asia/Tokyo); None when absent."""
        text = self.fields.optional(name, pattern)
        if text is None:
            return None
        date = re.sub(r"\D", "", text)
        if not is_date(date) or date < business_date(self.now):
            raise RefusedError(FIELD_INVALID, name)
        return date

    def starts_at(self, date: str | None) -> float:
        """When work for a day begins: at its midnight in Japan, at once for today or no date."""
        if date is None or date <= business_date(self.now):
            return self.now.timestamp()
        return midnight(date).timestamp()


Call: TypeAlias = Callable[[Exchange], Mapping[str, object] | None]
"""One Freebit call: returns the reply's fields beyond the envelope, raises `RefusedError` for an error envelope."""


def business_date(moment: datetime) -> str:
    """The day in Japan, YYYYMMDD."""
    return moment.astimezone(JAPAN).strftime("%Y%m%d")


def stamp(moment: datetime) -> str:
    """Date and time in Japan, YYYYMMDDhhmmss."""
    return moment.astimezone(JAPAN).strftime("%Y%m%d%H%M%S")


def midnight(date: str) -> datetime:
    """The moment a YYYYMMDD begins in Japan. ValueError when there is no such day."""
    return datetime(int(date[:4]), int(date[4:6]), int(date[6:8]), tzinfo=JAPAN)


def days_before(moment: datetime, days: int) -> str:
    """The day in Japan some days ago, YYYYMMDD."""
    return business_date(moment - timedelta(days=days))


def is_date(text: str) -> bool:
    """Whether a YYYYMMDD exists in the calendar."""
    try:
        midnight(text)
    except ValueError:
        return False
    return True
