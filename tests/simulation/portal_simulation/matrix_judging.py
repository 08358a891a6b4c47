"""A cell played and judged, from the sandbox's ledger and the services' stores."""

from collections.abc import Iterator
from functools import cache
from typing import Final

from portal_simulation.invariants import MOST_TIMES_FAULT_FREE, Broken, broken_invariants
from portal_simulation.judging import Verdict
from portal_simulation.ledger import Effects
from portal_simulation.matrix import Cell
from portal_simulation.matrix_schedule import SWITCHES, CellSchedule, Sort, orders_of
from portal_simulation.order_facts import journal_of
from portal_simulation.play import PlacedOrder, Played, play
from portal_simulation.rules import Rules

OTHERWISE: Final = ("end", "I14")
"""Checks of the schedules that a cell makes more strictly: how an order ends, and how often anything is called."""
_ACTIVE: Final = ("done", None)


def judge_cell(cell: Cell, rules: Rules | None = None) -> Verdict:
    """Play a cell and name everything that is not as it must be."""
    schedule = cell.schedule()
    usual = fault_free_calls(cell.sorts, schedule.lasts)
    verdict = Verdict(schedule)

    def check(played: Played) -> None:
        verdict.broken += [one for one in broken_invariants(played) if one.invariant not in OTHERWISE]
        verdict.broken += _was_met(cell, played)
        verdict.broken += _ends(cell, played)
        verdict.broken += _lines(played)
        verdict.broken += _calls(played, usual)

    verdict.played = play(schedule, rules, check)
    return verdict


def _was_met(cell: Cell, played: Played) -> Iterator[Broken]:
    if cell.met_as and not played.hits[cell.met_as]:
        yield Broken("void", f"nothing met {cell.met_as}")


def _ends(cell: Cell, played: Played) -> Iterator[Broken]:
    """I6: active, unless the cell is listed; and then as listed."""
    legal = cell.legal_end
    ends = {order.order_id: _end(order) for order in played.orders if order.plan.approved_at is not None}
    if legal is not None and all(end == _ACTIVE for end in ends.values()):
        yield Broken("end", f"is listed to end as {legal.code} and every order is active: the entry is not needed")
    for order_id, end in ends.items():
        if end != _ACTIVE and (legal is None or end != (legal.status, legal.code)):
            yield Broken("end", f"order {order_id} ended {end}")


def _end(order: PlacedOrder) -> tuple[str, str | None]:
    return ("never looked at", None) if order.view is None else (order.view.status, order.view.code)


def _lines(played: Played) -> Iterator[Broken]:
    """I3: lines for SIMs and for nothing else; a SIM card is asked for once, with an intent, and is active."""
    effects = Effects(played.world.sandbox.core.ledger)
    cards = effects.of("freebit.line.requested")
    lines = len(effects.of("freebit.esim.requested")) + len(cards)
    if lines > sum(order.plan.is_sim for order in played.orders):
        yield Broken("I3", f"{lines} lines were asked for")
    for order in played.orders:
        if order.plan.card is None:
            continue
        asked = [effect for effect in cards if effect.detail["productNumber"] == order.plan.card]
        active = [one for effect in asked for one in effects.of("freebit.line.activated", effect.key)]
        done = _end(order) == _ACTIVE
        if len(asked) != done or len(active) != done:
            yield Broken("I3", f"card {order.plan.card}: asked for {len(asked)} times, active {len(active)} times")
        if len(asked) > len(journal_of(played, order).get("activate_card", ())):
            yield Broken("I13", f"card {order.plan.card} was asked for without an intent")


def _calls(played: Played, usual: int) -> Iterator[Broken]:
    """I14: all calls of all orders together are at most three times those without the fault."""
    made = _made(played)
    if made > MOST_TIMES_FAULT_FREE * usual:
        yield Broken("I14", f"{made} calls; without the fault there are {usual}")


@cache
def fault_free_calls(sorts: tuple[Sort, ...], lasts: float) -> int:
    """Count what orders of these sorts call, and the sweepers beside them, when nothing goes wrong for that long."""
    counted: list[int] = []
    schedule = CellSchedule(seed=1, workers=1, orders=orders_of(sorts), switches=SWITCHES, lasts=lasts)
    play(schedule, None, lambda played: counted.append(_made(played)))
    return counted[0]


def _made(played: Played) -> int:
    return sum(sum(calls.values()) for calls in played.world.sandbox.core.faults.calls.values())
