"""When Freebit carries out what it accepted: as soon as a request is due on the sandbox clock.

Moving the clock by ten minutes ends whatever would end within ten minutes; where time flows, an alarm ends what is due
while nobody asks.
"""

import json
import sqlite3

from portal_sandbox.core import Alarm, Core
from portal_sandbox.freebit.endings import ENDINGS, REPORTED, Ending, give_up
from portal_sandbox.freebit.lines import close_order, due_orders, find_line, next_due
from portal_sandbox.freebit.quirks import Quirks


class Completion:
    """Carries out the requests that are due."""

    def __init__(self, core: Core, quirks: Quirks) -> None:
        self._core = core
        self._quirks = quirks
        self._alarm = Alarm(core.clock, self._next_due, self.settle)
        core.switches.on_change(self._alarm.ring_and_set)

    def settle(self) -> None:
        """Ends everything that is due by now, in the order of the due times, as the switches wish."""
        now = self._core.clock.now().timestamp()
        with self._core.store.transaction() as db:
            for order in due_orders(db, now):
                wish = self._quirks.ending_of(order["account"], order["eid"])
                if wish != "never":
                    self._end(db, order, succeeds=wish == "normal")

    def set_timer(self) -> None:
        """Plans to settle when the next request is due; called on the loop that serves Freebit."""
        self._alarm.set()

    def _next_due(self, now: float) -> float | None:
        with self._core.store.transaction() as db:
            return next_due(db, now)

    def _end(self, db: sqlite3.Connection, order: sqlite3.Row, *, succeeds: bool) -> None:
        ending = Ending(db, order, json.loads(order["payload"]), self._core.ledger)
        if succeeds:
            ENDINGS[order["type"]](ending)
        else:
            give_up(ending)
        close_order(db, order["id"], "done" if succeeds else "failed")
        if order["type"] in REPORTED:
            _notify(db, order, "OK" if succeeds else "NG", "" if succeeds else self._quirks.failure_reason)


def _notify(db: sqlite3.Connection, order: sqlite3.Row, result: str, reason: str) -> None:
    """A row of the notification file, which Freebit writes for registrations and reissues."""
    line = find_line(db, order["account"])
    iccid, product_number = ("", "") if line is None else (line["iccid"], line["product_number"])
    db.execute(
        "INSERT INTO freebit_notifications"
        " (completed_at, request_type, account, eid, iccid, product_number, result, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            order["due_at"],
            order["type"],
            order["account"],
            order["eid"],
            iccid,
            product_number,
            result,
            reason,
        ),
    )
