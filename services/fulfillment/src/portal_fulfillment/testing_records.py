"""Fakes of what operators and customers read. Nothing outside of tests imports this."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from portal_chassis.postgres import Transaction
from portal_chassis.process import JournalEntry, ProcessView
from portal_contracts.provisioning import (
    ListProvisioning,
    ProcessStatus,
    ProvisioningAttempt,
    ProvisioningFile,
    ProvisioningSignal,
    ProvisioningSummary,
)
from portal_fulfillment.attempt import Attempt
from portal_fulfillment.esim_codes import KeptCode
from portal_fulfillment.postgres_records import facts_of
from portal_fulfillment.records import Page, Standing, status_of, told, trace_of, who_acts
from portal_fulfillment.testing import InMemoryAttempts, InMemoryLines

ReadView = Callable[[str], Awaitable[ProcessView | None]]
ReadJournal = Callable[[str], Awaitable[Sequence[JournalEntry]]]


@dataclass
class InMemoryRecords:
    """The `Records` port on the fakes of ledger and processes; `view` and `journal` read one order's process."""

    attempts: InMemoryAttempts
    view: ReadView
    journal: ReadJournal

    async def page(self, wanted: ListProvisioning, standing_before: datetime | None) -> Page:
        """Filter, sort, cut."""
        found = [await self._summary(attempt) for attempt in self._latest()]
        found.sort(key=lambda one: (one.opened_at, one.order_id))
        totals: dict[str, int] = {}
        for one in found:
            totals[one.status] = totals.get(one.status, 0) + 1
        last = next((one for one in found if one.order_id == wanted.after_order_id), None)
        open_orders = {attempt.order_id for attempt in self._latest() if attempt.state == "open"}
        shown = [
            one
            for one in found
            if wanted.status in {None, one.status}
            and wanted.code in {None, one.code}
            and (standing_before is None or (one.order_id in open_orders and one.standing_since < standing_before))
            and (last is None or (one.opened_at, one.order_id) > (last.opened_at, last.order_id))
        ]
        return Page(shown[: wanted.limit + 1], totals)

    async def file(self, order_id: str) -> ProvisioningFile | None:
        """Collect."""
        latest = next((one for one in self._latest() if one.order_id == order_id), None)
        if latest is None:
            return None
        view = await self.view(order_id)
        return ProvisioningFile(
            summary=await self._summary(latest),
            facts={} if view is None else facts_of(json.dumps(view.state), json.dumps(dict(view.facts))),
            attempts=[self._attempt(one) for one in self.attempts.rows.values() if one.order_id == order_id],
            signals=self._signals(order_id),
            journal=[told(entry) for entry in await self.journal(order_id)],
            scheduled_at=latest.scheduled_at,
            trace_id=None if view is None else trace_of(view.traceparent),
        )

    async def standings(self) -> Sequence[Standing]:
        """Count."""
        groups: dict[tuple[ProcessStatus, str | None], list[ProvisioningSummary]] = {}
        for attempt in self._latest():
            if attempt.state == "open":
                one = await self._summary(attempt)
                groups.setdefault((one.status, one.code), []).append(one)
        return [
            Standing(status, code, len(group), min(one.standing_since for one in group))
            for (status, code), group in groups.items()
        ]

    def _latest(self) -> list[Attempt]:
        newest: dict[str, Attempt] = {}
        for (order_id, _), attempt in sorted(self.attempts.rows.items()):
            newest[order_id] = attempt
        return list(newest.values())

    async def _summary(self, attempt: Attempt) -> ProvisioningSummary:
        view = await self.view(attempt.order_id)
        status: ProcessStatus = "failed" if view is None else status_of(view.status)
        if attempt.stage == "cancelled":
            status = "cancelled"
        elif attempt.scheduled_at is not None and status in {"running", "waiting"}:
            status = "scheduled"
        place = (attempt.order_id, attempt.number)
        code = (view.code if view is not None else None) or self.attempts.codes.get(place)
        step = view.step if view is not None else ""
        return ProvisioningSummary(
            order_id=attempt.order_id,
            attempt=attempt.number,
            status=status,
            step=step,
            code=code,
            owner=who_acts(status, code, step),
            because=view.because if view is not None else "",
            opened_at=self.attempts.opened_by[place][1],
            standing_since=attempt.standing_since,
            due_at=view.due_at if view is not None else None,
        )

    def _attempt(self, attempt: Attempt) -> ProvisioningAttempt:
        place = (attempt.order_id, attempt.number)
        signal, opened_at = self.attempts.opened_by[place]
        return ProvisioningAttempt(
            attempt=attempt.number,
            state=attempt.state,
            stage=attempt.stage,
            code=self.attempts.codes.get(place),
            source=signal.source,
            request_id=signal.request_id,
            requested_by=signal.requested_by,
            correlation_id=signal.correlation_id,
            opened_at=opened_at,
            ended_at=attempt.ended_at,
        )

    def _signals(self, order_id: str) -> list[ProvisioningSignal]:
        return [
            ProvisioningSignal(
                source=signal.source,
                request_id=signal.request_id,
                requested_by=signal.requested_by,
                correlation_id=signal.correlation_id,
                verdict=verdict.value,
                seen_at=seen_at,
            )
            for (known, _), (signal, verdict, _, seen_at) in self.attempts.signals.items()
            if known == order_id
        ]


@dataclass
class InMemoryEsimCodes:
    """The `EsimCodes` port on the fake of lines. `shown` is order to who saw it, for which request, and when."""

    lines: InMemoryLines
    attempts: InMemoryAttempts
    shown: dict[str, tuple[str, str, datetime]] = field(default_factory=dict)

    async def lock(self, _transaction: Transaction, order_id: str, account_id: str) -> KeptCode | None:
        """Give it."""
        line = next((line for owner, line in self.lines.kept.values() if owner == order_id), None)
        if line is None or self.lines.owners.get(order_id) != account_id:
            return None
        user_id, request_id, at = self.shown.get(order_id, (None, None, None))
        return KeptCode(line.account, line.activation_code, at, request_id, user_id)

    async def orders(self, _transaction: Transaction, order_id: str, account_id: str) -> bool:
        """Look into the ledger."""
        return any(known == order_id and owner == account_id for (known, _), owner in self.attempts.accounts.items())

    async def note_shown(
        self, _transaction: Transaction, order_id: str, *, user_id: str, request_id: str, at: datetime
    ) -> None:
        """Keep it."""
        self.shown[order_id] = (user_id, request_id, at)

    async def erase(self, shown_before: datetime) -> int:
        """Forget them."""
        erased = 0
        for number, (order_id, line) in self.lines.kept.items():
            is_over = order_id in self.shown and self.shown[order_id][2] < shown_before
            if is_over and line.activation_code is not None:
                self.lines.kept[number] = (order_id, replace(line, activation_code=None))
                erased += 1
        return erased
