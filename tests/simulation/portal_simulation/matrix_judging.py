"""A cell played and judged, from the sandbox's ledger and the services' stores."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from portal_simulation.invariants import MOST_TIMES_FAULT_FREE, Broken, broken_invariants
from portal_simulation.matrix import Cell
from portal_simulation.matrix_schedule import SWITCHES, CellSchedule, Sort, orders_of
from portal_simulation.play import PlacedOrder, Played, play

OTHERWISE: Final = ("end", "I14")
"""Checks of the schedules that a cell makes more strictly: how an order ends, and how often anything is called."""


@dataclass(slots=True)
class CellVerdict:
    """What came of a cell."""

    cell: Cell
    broken: list[Broken] = field(default_factory=list)
    played: Played | None = None


def judge_cell(cell: Cell) -> CellVerdict:
    """Play a cell and name everything that is not as it must be."""
    verdict = CellVerdict(cell)
    schedule = cell.schedule()
    usual = fault_free_calls(cell.sorts, schedule.lasts)

    def check(played: Played) -> None:
        verdict.broken += [one for one in broken_invariants(played) if one.invariant not in OTHERWISE]
        verdict.broken += _was_met(cell, played)
        verdict.broken += _ends(cell, played)
        verdict.broken += _calls(played, usual)

    verdict.played = play(schedule, None, check)
    return verdict


def _was_met(cell: Cell, played: Played) -> Iterator[Broken]:
    if cell.met_as and not played.hits[cell.met_as]:
        yield Broken("void", f"nothing met {cell.met_as}")


def _ends(cell: Cell, played: Played) -> Iterator[Broken]:
    legal = cell.legal_end
    ends = [_end(order) for order in played.orders]
    if legal is not None and all(end == ("done", None) for end in ends):
        yield Broken("end", f"is listed to end as {legal.code} and every order is active: the entry is not needed")
    for order, end in zip(played.orders, ends, strict=True):
        if end != ("done", None) and (legal is None or end != (legal.status, legal.code)):
            yield Broken("end", f"order {order.order_id} ({order.plan.kind}) ended {end}")


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


def _end(order: PlacedOrder) -> tuple[str, str | None]:
    return ("never looked at", None) if order.view is None else (order.view.status, order.view.code)
