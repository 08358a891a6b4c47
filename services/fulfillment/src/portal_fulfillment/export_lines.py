"""A customer's lines and what was done to them, for the customer's export (D17). Never a code: those are shown once."""

import asyncio
from dataclasses import dataclass

from portal_contracts.personal_data_exports import LineExport, LineOnFile
from portal_fulfillment.kept_lines import FiledLine, LineChanges, OwnedLines
from portal_fulfillment.ports import Sims
from portal_fulfillment.sim import Line, LineState


@dataclass(frozen=True, slots=True)
class ExportLines:
    """What is kept, with the state each line has at the operator's now."""

    lines: OwnedLines
    changes: LineChanges
    sims: Sims

    async def __call__(self, account_id: str) -> LineExport:
        """Give all of it or none: TryLater while the operator is away."""
        kept = await self.lines.of_account(account_id)
        seen = await asyncio.gather(*(self.sims.line(one.account) for one in kept))
        changes = await self.changes.of_account(account_id)
        return LineExport(
            sim_lines=[_on_file(one, line) for one, line in zip(kept, seen, strict=True)],
            line_changes=[one.shown() for one in changes],
        )


def _on_file(kept: FiledLine, line: Line | None) -> LineOnFile:
    """Join them; where the operator tells nothing (any more), what was kept stands."""
    return LineOnFile(
        service_id=kept.service_id,
        order_id=kept.order_id,
        phone_number=kept.account,
        kind="esim" if kept.eid else "card",
        voice=kept.voice,
        plan=(line.plan_code if line is not None else "") or kept.plan_code,
        network=(line.network if line is not None else "") or kept.network,
        state=(line.state if line is not None else LineState.UNKNOWN).value,
        eid=kept.eid,
        iccid=kept.iccid,
        activated_at=kept.activated_at,
        code_shown_at=kept.code_shown_at,
    )
