"""One order of a schedule and everything that happened to it: what the checks of an order read."""

from dataclasses import dataclass
from typing import Any

from portal_chassis.process_model import JournalEntry
from portal_simulation.ledger import Effect, Effects
from portal_simulation.play import PlacedOrder, Played


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """An order with its effects, its intents and what Salesforce shows of it."""

    played: Played
    order: PlacedOrder
    effects: Effects
    created: tuple[Effect, ...]
    accepted: tuple[Effect, ...]
    cancelled: tuple[Effect, ...]
    requested: tuple[Effect, ...]
    activated: tuple[Effect, ...]
    shown: dict[str, Any]
    journal: dict[str, list[JournalEntry]]

    @classmethod
    def of(cls, played: Played, order: PlacedOrder, effects: Effects) -> "OrderFacts":
        """Collect them."""
        eid = order.plan.eid
        return cls(
            played,
            order,
            effects,
            created=tuple(effects.of("whmcs.order.created", order.order_id)),
            accepted=tuple(effects.of("whmcs.order.accepted", order.order_id)),
            cancelled=tuple(effects.of("whmcs.order.cancelled", order.order_id)),
            requested=tuple(effects.of("freebit.esim.requested", eid)) if eid else (),
            activated=tuple(effects.of("freebit.esim.activated", eid)) if eid else (),
            shown=played.world.sandbox.order(order.order_id),
            journal=journal_of(played, order),
        )

    @property
    def is_done(self) -> bool:
        """Whether its provisioning has reached its goal."""
        return self.order.view is not None and self.order.view.status == "done"

    @property
    def winner(self) -> int | None:
        """The WHMCS order billing has registered in the latest round that has one."""
        judged = self.played.world.rows["billing"].tables["book"].judged.items()
        won = [
            (verdict.round, number)
            for number, (key, verdict) in judged
            if key == self.order.order_id and verdict.winner
        ]
        return max(won)[1] if won else None

    @property
    def rounds(self) -> int:
        """How many reservations it has had."""
        desk = self.played.world.rows["billing"].tables["book"].desks.get(self.order.order_id)
        return desk.round if desk is not None else 1


def journal_of(played: Played, order: PlacedOrder) -> dict[str, list[JournalEntry]]:
    """Give the outside calls journalled for an order, by name."""
    found: dict[str, list[JournalEntry]] = {}
    for service in ("billing", "fulfillment"):
        for row in played.world.rows[service].processes._rows.values():
            if row.key.startswith(order.order_id):
                for entry in row.journal:
                    found.setdefault(entry.call, []).append(entry)
    return found
