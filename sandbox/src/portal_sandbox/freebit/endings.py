"""How each kind of asynchronous request ends: what changes on the line, and which effect the ledger shows."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from portal_sandbox.core import Ledger
from portal_sandbox.freebit.changes import merged_talk_option
from portal_sandbox.freebit.exchange import business_date
from portal_sandbox.freebit.lines import change_line, drop_open_orders, find_line
from portal_sandbox.freebit.numbers import assign_profile
from portal_sandbox.freebit.quirks import VENDOR

REGISTRATIONS = ("esim_new", "esim_mnp", "register", "ota")
REPORTED = (*REGISTRATIONS, "esim_reissue", "ota_reissue")


@dataclass(frozen=True, slots=True)
class Ending:
    """One request at its due time, inside the transaction that ends it."""

    db: sqlite3.Connection
    order: sqlite3.Row
    payload: Mapping[str, Any]
    ledger: Ledger

    @property
    def account(self) -> str:
        """The phone number the request is about."""
        return str(self.order["account"])

    @property
    def eid(self) -> str:
        """The EID of an eSIM request, else empty."""
        return str(self.order["eid"])

    @property
    def day(self) -> str:
        """The business date on which the request takes effect."""
        return business_date(datetime.fromtimestamp(self.order["due_at"], UTC))

    def record(self, kind: str, key: str, detail: Mapping[str, object]) -> None:
        """Writes the effect to the ledger, in the transaction of the ending."""
        facts = {"type": self.order["type"], "account": self.account, **detail}
        self.ledger.record(
            self.db, vendor=VENDOR, kind=f"freebit.{kind}", key=key, caller=self.order["caller"], detail=facts
        )


def give_up(ending: Ending) -> None:
    """The request failed: a new line is dead, its card is back in stock, a line in service stays as it was."""
    line = find_line(ending.db, ending.account)
    if ending.order["type"] in REGISTRATIONS:
        change_line(ending.db, ending.account, state="failed")
        if line is not None and line["sim_type"] == "physical":
            _put_back(ending.db, line["product_number"])
    elif ending.order["type"] == "ota_reissue":
        _put_back(ending.db, ending.payload["product_number"])
    elif ending.order["type"] == "cancel":
        change_line(ending.db, ending.account, state="active")
    ending.record("esim.failed" if ending.eid else "line.failed", ending.eid or ending.account, {})


def _put_back(db: sqlite3.Connection, product_number: str) -> None:
    db.execute("UPDATE freebit_sims SET state = 'stock' WHERE product_number = ?", (product_number,))


def _activate_esim(ending: Ending) -> None:
    profile = assign_profile(ending.db)
    change_line(ending.db, ending.account, state="active", start_date=ending.day, **profile)
    ending.record("esim.activated", ending.eid, {"iccid": profile["iccid"]})


def _reissue_esim(ending: Ending) -> None:
    profile = assign_profile(ending.db)
    change_line(ending.db, ending.account, eid=ending.eid, **profile)
    ending.record("esim.reissued", ending.eid, {"iccid": profile["iccid"]})


def _activate_card(ending: Ending) -> None:
    change_line(ending.db, ending.account, state="active", start_date=ending.day)
    ending.record("line.activated", ending.account, {})


def _reissue_card(ending: Ending) -> None:
    change_line(ending.db, ending.account, **ending.payload)
    ending.record("line.reissued", ending.account, ending.payload)


def _set_talk_option(ending: Ending) -> None:
    line = find_line(ending.db, ending.account)
    if line is not None:
        change_line(ending.db, ending.account, talk_option=merged_talk_option(line["talk_option"], ending.payload))
        ending.record("line.talkoption_changed", ending.account, ending.payload)


def _set_contract_line(ending: Ending) -> None:
    change_line(ending.db, ending.account, **ending.payload)
    ending.record("line.contractline_changed", ending.account, ending.payload)


def _set_plan(ending: Ending) -> None:
    change_line(ending.db, ending.account, **ending.payload)
    ending.record("line.plan_changed", ending.account, ending.payload)


def _end_line(ending: Ending) -> None:
    change_line(ending.db, ending.account, state="cancelled", end_date=ending.day)
    drop_open_orders(ending.db, ending.account)
    ending.record("line.cancelled", ending.account, {})


EndRequest: TypeAlias = Callable[[Ending], None]

ENDINGS: Mapping[str, EndRequest] = {
    "esim_new": _activate_esim,
    "esim_mnp": _activate_esim,
    "esim_reissue": _reissue_esim,
    "register": _activate_card,
    "ota": _activate_card,
    "ota_reissue": _reissue_card,
    "talkoption_register": _set_talk_option,
    "talkoption_change": _set_talk_option,
    "contractline": _set_contract_line,
    "plan_change": _set_plan,
    "cancel": _end_line,
}
