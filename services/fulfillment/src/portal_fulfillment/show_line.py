"""What customers see of their lines: how the operator has them, what was used and changed (R177, §5 item 4)."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final

from portal_chassis.clocks import BusinessClock
from portal_contracts.problems import Refused
from portal_contracts.sim_lines import (
    AddedData,
    FindServiceLine,
    LineChange,
    LineChangeList,
    LineVoiceOptions,
    ServiceLine,
    SimLine,
    SimUsage,
    TopUpOffer,
    UsageOfDay,
)
from portal_fulfillment.kept_lines import (
    OPEN_CHANGES,
    STATE_WORDS,
    LineChanges,
    OwnedLine,
    OwnedLines,
    next_reissue,
)
from portal_fulfillment.ports import Sims
from portal_fulfillment.sim import Line, LineState
from portal_fulfillment.sim_plans import SimPlans

HISTORY: Final = timedelta(days=92)
"""How far back added data is shown."""


@dataclass(frozen=True, slots=True)
class ShowLine:
    """Reads of a customer's lines; Refused NOT_FOUND for anybody else's."""

    lines: OwnedLines
    changes: LineChanges
    sims: Sims
    plans: SimPlans
    clock: BusinessClock
    reissue_pause: timedelta

    async def line(self, service_id: int, account_id: str) -> SimLine:
        """Show a line; one the operator does not know (any more) reads as unknown."""
        own = await self._own(service_id, account_id)
        line = await self.sims.line(own.account)
        changes = await self.changes.of_service(service_id, account_id)
        return SimLine(
            service_id=service_id,
            order_id=own.order_id,
            phone_number=own.account,
            activated_at=own.activated_at,
            open_change=next((one.shown() for one in changes if one.state in OPEN_CHANGES), None),
            next_reissue_at=next_reissue(changes, self.reissue_pause, self.clock.now()),
            top_ups=[TopUpOffer(megabytes=size, price=price) for size, price in sorted(self.plans.top_ups.items())],
            **_shown(line),
        )

    async def facts(self, query: FindServiceLine) -> ServiceLine:
        """Give what staff need to find the line. Refused NOT_FOUND for one we did not set up."""
        own = await self._own(query.service_id, query.account_id)
        line = await self.sims.line(own.account)
        shown = _shown(line)
        iccid = line.iccid if line is not None else ""
        return ServiceLine(phone_number=own.account, iccid=iccid, esim=shown["esim"], plan=shown["plan"])

    async def usage(self, service_id: int, account_id: str) -> SimUsage:
        """Show what was used and added. Refused LINE_CHANGE_REFUSED where the operator counts nothing."""
        own = await self._own(service_id, account_id)
        today = self.clock.today()
        try:
            used = await self.sims.usage(own.account)
            added = await self.sims.quota_history(own.account, today - HISTORY, today)
        except Refused as no:
            raise Refused("LINE_CHANGE_REFUSED", facts=no.facts) from no
        amounts = (used.used_today_mb, *used.recent_days_mb)
        return SimUsage(
            service_id=service_id,
            days=[
                UsageOfDay(day=today - timedelta(days=back), megabytes=amount) for back, amount in enumerate(amounts)
            ],
            throttled=used.throttled,
            remaining_megabytes=used.remaining_mb,
            added=[
                AddedData(megabytes=one.megabytes, added_on=one.added_on, expires_on=one.expires_on) for one in added
            ],
            as_of=self.clock.now(),
        )

    async def history(self, service_id: int, account_id: str) -> LineChangeList:
        """List the changes of a line."""
        own = await self._own(service_id, account_id)
        changes = await self.changes.of_service(own.service_id, account_id)
        return LineChangeList(changes=[one.shown() for one in changes])

    async def change(self, change_id: str, account_id: str) -> LineChange:
        """Tell how a change stands."""
        found = await self.changes.read(change_id)
        if found is None or found.account_id != account_id:
            raise Refused("NOT_FOUND")
        return found.shown()

    async def order_of(self, service_id: int, account_id: str) -> str:
        """Give the order a customer's line came from."""
        return (await self._own(service_id, account_id)).order_id

    async def _own(self, service_id: int, account_id: str) -> OwnedLine:
        own = await self.lines.of_service(service_id, account_id)
        if own is None:
            raise Refused("NOT_FOUND")
        return own


def _shown(line: Line | None) -> dict[str, object]:
    if line is None:
        line = Line("", LineState.UNKNOWN, "")
    return {
        "state": line.state.value,
        "status": STATE_WORDS[line.state],
        "esim": bool(line.eid),
        "network": line.network,
        "plan": line.plan_code,
        "voice": line.carries_voice,
        "voice_options": LineVoiceOptions(**asdict(line.voice_options)),
    }
