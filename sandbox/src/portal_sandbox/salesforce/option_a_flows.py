"""Option A: Flows that start a scheduled activation by the signed call (R155, R156, C15, C38).

The scheduled path calls once for each order and activation date, at that date. The scheduled Flow runs every fifteen
business minutes and calls for every order that is due and still not started, each time anew, as such a Flow would.
A callout that failed is made again at the next quarter of an hour, by the path with the same idempotency key.
Both run on the org's clock: business time plus the switch `flowClockSkewSeconds`.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from portal_sandbox.core import Alarm, Core
from portal_sandbox.salesforce import record_store
from portal_sandbox.salesforce.provision_calls import ProvisionCall, ProvisionCalls
from portal_sandbox.salesforce.record_store import Record
from portal_sandbox.salesforce.switches import SalesforceSwitches
from portal_sandbox.salesforce.transaction import Transaction
from portal_sandbox.salesforce.wire_times import parse_moment

TABLES = """
CREATE TABLE IF NOT EXISTS salesforce_scheduled_path (
    order_id TEXT NOT NULL, scheduled_at TEXT NOT NULL, again_at REAL, PRIMARY KEY (order_id, scheduled_at)
);
"""
RUN_EVERY_SECONDS = 900
LARGEST_SKEW_SECONDS = 300
PATH = "optionAScheduledPath"
FLOW = "optionAScheduledFlow"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An approved order with an activation date that nobody started."""

    order_id: str
    scheduled_at: str
    moment: datetime
    trace_id: str


class OptionAFlows:
    """Both Flows; also an after-save automation, because a save may schedule or unschedule an order."""

    def __init__(self, core: Core, switches: SalesforceSwitches, calls: ProvisionCalls, username: str) -> None:
        self._core = core
        self._switches = switches
        self._calls = calls
        self._username = username
        self._under_way: set[str] = set()
        self._last_run = self._run_number()
        core.store.migrate("salesforce scheduled path", TABLES)
        core.store.on_reset(self._start_again)
        self._alarm = Alarm(core.clock, self._next_due, self._run_due)
        self._flow_was_on = False
        core.switches.on_change(self._switched)

    def __call__(self, _: Transaction, entity: str, __: Record | None, record: Record) -> None:
        """Looks at the schedule again once an order's save is committed."""
        if entity == "Order" and record.get("Activation_Scheduled_At__c") and self._is_on():
            self._core.store.after_commit(self._alarm.ring_and_set)

    def _switched(self) -> None:
        flow_on = self._switches.is_on(FLOW)
        if flow_on and not self._flow_was_on:
            self._last_run = self._run_number()
        self._flow_was_on = flow_on
        self._alarm.ring_and_set()

    def _run_due(self) -> None:
        if not self._is_on() or not _loop_runs():
            return
        number, now = self._run_number(), self._org_now()
        flow_runs = number > self._last_run and self._switches.is_on(FLOW)
        self._last_run = number
        with self._core.store.transaction() as db:
            due = [one for one in self._waiting(db) if one.moment.timestamp() <= now]
            by_path = [one for one in due if self._switches.is_on(PATH) and self._path_calls(db, one, now)]
        for one in by_path:
            self._start(one, "scheduled_path", f"{one.order_id}-{one.scheduled_at}")
        if flow_runs:
            for one in due:
                self._start(one, "scheduled_flow", f"{one.order_id}-run-{number}")

    def _path_calls(self, db: sqlite3.Connection, one: _Waiting, now: float) -> bool:
        """Whether the path is due for this order and date; notes at once that it ran."""
        row = db.execute(
            "SELECT again_at FROM salesforce_scheduled_path WHERE order_id = ? AND scheduled_at = ?",
            (one.order_id, one.scheduled_at),
        ).fetchone()
        if row is not None and (row["again_at"] is None or row["again_at"] > now):
            return False
        self._note(db, one, None)
        return True

    def _note(self, db: sqlite3.Connection, one: _Waiting, again_at: float | None) -> None:
        db.execute(
            "INSERT OR REPLACE INTO salesforce_scheduled_path VALUES (?, ?, ?)",
            (one.order_id, one.scheduled_at, again_at),
        )

    def _start(self, one: _Waiting, source: str, idempotency_key: str) -> None:
        mark = f"{source} {one.order_id}"
        if mark not in self._under_way:
            self._under_way.add(mark)
            call = ProvisionCall(
                one.order_id,
                source,
                caller=self._username,
                requested_by=self._username,
                correlation_id=one.trace_id,
                idempotency_key=idempotency_key,
            )
            self._core.spawn(self._call(one, call, mark))

    async def _call(self, one: _Waiting, call: ProvisionCall, mark: str) -> None:
        try:
            outcome = await self._calls.send(call)
        finally:
            self._under_way.discard(mark)
        if call.source == "scheduled_path" and not outcome.taken:
            with self._core.store.transaction() as db:
                self._note(db, one, (self._run_number() + 1) * RUN_EVERY_SECONDS)
            self._alarm.set()

    def _next_due(self, _: float) -> float | None:
        if not self._is_on():
            return None
        moments = []
        if self._switches.is_on(FLOW):
            moments.append(float((self._run_number() + 1) * RUN_EVERY_SECONDS))
        if self._switches.is_on(PATH):
            with self._core.store.transaction() as db:
                moments += self._path_moments(db)
        return min(moments) - self._skew() if moments else None

    def _path_moments(self, db: sqlite3.Connection) -> Iterator[float]:
        for one in self._waiting(db):
            row = db.execute(
                "SELECT again_at FROM salesforce_scheduled_path WHERE order_id = ? AND scheduled_at = ?",
                (one.order_id, one.scheduled_at),
            ).fetchone()
            if row is None:
                yield one.moment.timestamp()
            elif row["again_at"] is not None:
                yield float(row["again_at"])

    def _waiting(self, db: sqlite3.Connection) -> Iterator[_Waiting]:
        not_started = (None, "", self._switches.dialect.activation_statuses[0])
        for order in record_store.scan_by(db, "Order", "Status", ["Approved"], any_case=True):
            text = order.get("Activation_Scheduled_At__c")
            moment = parse_moment(text) if text else None
            if moment is None or order.get("Activation_Type__c") != "Scheduled":
                continue
            if order["Activation_Status__c"] in not_started:
                yield _Waiting(order["Id"], str(text), moment, order.get("Trace_Id__c") or "")

    def _is_on(self) -> bool:
        return self._switches.is_on(PATH) or self._switches.is_on(FLOW)

    def _skew(self) -> float:
        wanted = self._switches.number("flowClockSkewSeconds")
        return max(-LARGEST_SKEW_SECONDS, min(LARGEST_SKEW_SECONDS, wanted))

    def _org_now(self) -> float:
        return self._core.clock.now().timestamp() + self._skew()

    def _run_number(self) -> int:
        """Quarters of an hour since the epoch, on the org's clock."""
        return int(self._org_now() // RUN_EVERY_SECONDS)

    def _start_again(self) -> None:
        self._under_way.clear()
        self._last_run = self._run_number()


def _loop_runs() -> bool:
    """A callout needs one; without it the Flows wait for the next occasion."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
