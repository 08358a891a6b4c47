"""What happened in a schedule, for whoever has to find out why it went wrong."""

from collections.abc import Iterator

from portal_simulation.judging import Verdict
from portal_simulation.order_facts import journal_of
from portal_simulation.play import PlacedOrder, Played


def told(verdict: Verdict) -> str:
    """Tell a schedule: what was drawn, who died, and for each order intents, timeline and end."""
    played = verdict.played
    if played is None:
        return "nothing was played"
    lines = [repr(verdict.schedule), f"died: {played.world.died}", f"met: {dict(+played.hits)}"]
    for order in played.orders:
        lines += _order(played, order)
    return "\n".join(lines)


def _order(played: Played, order: PlacedOrder) -> Iterator[str]:
    view = order.view
    ended = f"{view.status} at {view.step} {view.code or ''} {dict(view.facts)}" if view else "never looked at"
    yield f"order {order.order_id} ({order.plan.kind}): {ended}"
    moments: list[tuple[str, str]] = [
        (at.isoformat(), f"staff: {what}") for what, at in order.done.items() if not what.startswith("stands")
    ]
    for call, entries in journal_of(played, order).items():
        moments += [
            (entry.at.isoformat(), f"{call} {entry.state} {entry.external_id or ''} {dict(entry.evidence)}")
            for entry in entries
        ]
    for entry in played.world.rows["orders"].tables["book"].timelines.get(order.order_id, ()):
        moments.append((entry.at.isoformat(), f"timeline: {entry.kind}"))
    for at, what in sorted(moments):
        yield f"    {at[11:23]} {what}"
