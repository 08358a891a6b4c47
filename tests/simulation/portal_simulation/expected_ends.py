"""How an order may rightly end without being active, each code with the reason in the schedule that allows it."""

from collections.abc import Callable, Mapping
from typing import Final

from portal_chassis.process_model import ProcessView
from portal_simulation.play import PlacedOrder, Played
from portal_simulation.schedule import AMBIGUOUS

Reason = Callable[[Played, PlacedOrder], bool]


def _met(played: Played, call: str, *kinds: str) -> int:
    """Count the faults of these kinds (all: any) that a call has met, rules for `*` included."""
    found = 0
    for name, hits in played.hits.items():
        parts = name.split(" ")
        if len(parts) == 3 and parts[1] in (call, "*") and (not kinds or parts[2] in kinds):
            found += hits
    return found


def _died(played: Played, service: str) -> int:
    """Count the workers that left a call without an end: dead ones, and those that slept through their lease in it."""
    ended = [*played.world.died, *played.world.froze]
    return sum(name.startswith(service) for name, _ in ended)


def _unclear(played: Played, call: str, service: str) -> int:
    """Count the times the outcome of a call may have been unclear: its own faults, and dead workers."""
    return _met(played, call, *AMBIGUOUS, "status", "error") + _died(played, service)


def _cancelled(_: Played, order: PlacedOrder) -> bool:
    return "cancelled" in order.done


def _twice_unclear_orders(played: Played, _: PlacedOrder) -> bool:
    return _unclear(played, "AddOrder", "billing") >= 2


def _unclear_sim(played: Played, order: PlacedOrder) -> bool:
    asked = _unclear(played, "mvno/esim/addAcnt", "fulfillment")
    return asked >= 2 or (asked >= 1 and _met(played, "mvno/getDetail") >= 1)


def _refused_sim(played: Played, order: PlacedOrder) -> bool:
    refused = _met(played, "mvno/esim/addAcnt", "error") > 0
    return refused or (order.plan.eid in played.schedule.failing_eids)


def _refused_order(played: Played, order: PlacedOrder) -> bool:
    if "accepted by hand" in order.done and _refused_sim(played, order):
        return True  # what staff made Active cannot be released, and no line will come
    return (
        _met(played, "AddOrder", "error") + _met(played, "AcceptOrder", "error") + _met(played, "CancelOrder", "error")
        > 0
    )


def _closed_by_hand(_: Played, order: PlacedOrder) -> bool:
    return "accepted by hand" in order.done or "cancelled" in order.done


LEGAL: Final[Mapping[str, tuple[Reason, str]]] = {
    "ORDER_NOT_APPROVED": (_cancelled, "staff took the approval back"),
    "NOT_FOUND": (_cancelled, "the same"),
    "WHMCS_ORDER_UNCLEAR": (_twice_unclear_orders, "two AddOrder calls went unclear without a trace: rule 5"),
    "SIM_UNCLEAR": (_unclear_sim, "two requests, or one and the looks after it, went unclear: rule 9"),
    "SIM_REFUSED": (_refused_sim, "the operator said a definite no, or the activation failed there"),
    "SIM_IN_USE": (_refused_sim, "the same, and the line is in the way of a retry"),
    "WHMCS_ORDER_REFUSED": (_refused_order, "WHMCS said a definite no"),
    "WHMCS_ORDER_CANCELLED": (_closed_by_hand, "staff ended the order by hand"),
}


def legal_codes(played: Played, order: PlacedOrder) -> set[str]:
    """Give the codes with which the order may end."""
    return {code for code, (reason, _) in LEGAL.items() if reason(played, order)}


def is_legal(played: Played, order: PlacedOrder, view: ProcessView) -> bool:
    """Whether the order may end like that."""
    return view.code in legal_codes(played, order)
