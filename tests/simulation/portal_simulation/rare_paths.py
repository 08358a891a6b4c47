"""Whether schedules still get to the places they are for: a path that is never taken proves nothing."""

from collections import Counter
from typing import Final

from portal_simulation.ledger import Effects
from portal_simulation.order_facts import journal_of
from portal_simulation.play import PlacedOrder, Played

LONG_OUTAGE: Final = 600.0
RARE_PATHS: Final = (
    "an AddOrder was unclear",
    "an AcceptOrder was unclear",
    "a SIM activation was unclear",
    "a person was needed",
    "a block resumed by itself",
    "the sweeper found an order",
    "an extra order was cancelled",
    "a reservation was released before the pivot",
    "a SIM failed at the operator",
    "a failed order was tried again",
    "a lease was taken over",
    "a duplicate event was absorbed",
    "a duplicate signal was absorbed",
    "an outage lasted ten minutes",
    "an effect landed late",
    "a worker died",
    "a worker died between an intent and its end",
    "a worker slept through its lease",
    "a replay position was lost",
    "an event came before its commit",
    "an approval was taken back",
    "an order was rejected in review",
    "an order accepted by hand was adopted",
    "lists had several pages",
    "eight orders at once",
    "three workers at once",
    "the clock was moved",
    "a mail was lost",
)


def taken(played: Played) -> Counter[str]:
    """Name the rare paths a schedule took."""
    effects = Effects(played.world.sandbox.core.ledger)
    found: Counter[str] = Counter()
    for order in played.orders:
        found += _by_order(played, order, effects)
    found += _by_schedule(played)
    unknown = set(found) - set(RARE_PATHS)
    if unknown:
        raise LookupError(f"not listed: {unknown}")
    return found


def _by_order(played: Played, order: PlacedOrder, effects: Effects) -> Counter[str]:
    found: Counter[str] = Counter()
    journal = journal_of(played, order)

    def unclear(call: str) -> bool:
        return any(
            entry.state in ("started", "unknown")
            and entry.evidence.get("left") is not False
            and entry.evidence.get("sent") != "no"
            for entry in journal.get(call, ())
        )

    view = order.view
    kinds = [entry.kind for entry in played.world.rows["orders"].tables["book"].timelines.get(order.order_id, ())]
    judged = played.world.rows["billing"].tables["book"].judged.values()
    cancelled = effects.of("whmcs.order.cancelled", order.order_id)
    extras = any(key == order.order_id and not verdict.winner for key, verdict in judged)
    done = view is not None and view.status == "done"
    found["an AddOrder was unclear"] += unclear("AddOrder")
    found["an AcceptOrder was unclear"] += unclear("AcceptOrder")
    found["a SIM activation was unclear"] += unclear("activate_esim")
    found["a person was needed"] += "provisioning.needs_human" in kinds
    found["a block resumed by itself"] += "provisioning.blocked" in kinds and done
    found["the sweeper found an order"] += view is not None and view.state.get("source") == "sweeper"
    found["an extra order was cancelled"] += bool(extras and cancelled)
    found["a reservation was released before the pivot"] += bool(cancelled and view and view.status == "failed")
    found["a SIM failed at the operator"] += bool(order.plan.eid and effects.of("freebit.esim.failed", order.plan.eid))
    found["a failed order was tried again"] += view is not None and int(view.state.get("attempt", 1)) > 1
    found["a duplicate signal was absorbed"] += "provisioning.absorbed" in kinds
    found["an approval was taken back"] += "cancelled" in order.done
    found["an order was rejected in review"] += "order.rejected" in kinds
    found["an order accepted by hand was adopted"] += "accepted by hand" in order.done and done
    return found


def _by_schedule(played: Played) -> Counter[str]:
    found: Counter[str] = Counter()
    schedule, world = played.schedule, played.world
    long_faults = any((fault.period or 0) >= LONG_OUTAGE for fault in schedule.faults)
    found["a lease was taken over"] += world.taken_over
    found["a duplicate event was absorbed"] += world.network.absorbed
    found["an outage lasted ten minutes"] += long_faults or any(one.seconds >= LONG_OUTAGE for one in schedule.outages)
    found["an effect landed late"] += sum(hits for name, hits in played.hits.items() if name.endswith(" late"))
    found["a worker died"] += len(world.died)
    found["a worker died between an intent and its end"] += sum(
        "after intent" in point or "before the end of an intent" in point for _, point in world.died
    )
    found["a worker slept through its lease"] += bool(world.froze) and max(one.seconds for one in schedule.freezes) > 30
    found["a replay position was lost"] += schedule.lost_position_at is not None
    found["an event came before its commit"] += bool(dict(schedule.switches)["salesforce"].get("publishBeforeCommit"))
    found["lists had several pages"] += schedule.page_rows < 100
    found["eight orders at once"] += len(schedule.orders) >= 8
    found["three workers at once"] += schedule.workers >= 3
    found["the clock was moved"] += len(schedule.moves)
    found["a mail was lost"] += any(
        row.code == "MAIL_UNCLEAR" for row in world.rows["notifications"].processes._rows.values()
    )
    return +found
