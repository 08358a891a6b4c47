"""The cells in which an order may rightly end without being active: with which code, and why nothing better is due.

Every other cell must end active and without a person. An entry that a cell no longer needs fails that cell.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

Period = Literal["once", "for_ten_minutes"]
_LONG: Final[tuple[Period, ...]] = ("for_ten_minutes",)
_EVER: Final[tuple[Period, ...]] = ("once", "for_ten_minutes")
_NO_TRACE: Final = frozenset(
    {
        "refused",
        "timeout_before_effect",
        "reset_before_effect",
        "status_503_before_effect",
        "page_with_200",
        "error_permanent",
        "error_transient",
        "error_ambiguous",
    }
)
"""Faults after which nobody can know whether the call will land, and which leave nothing that a search could find."""


@dataclass(frozen=True, slots=True)
class LegalEnd:
    """One reason and the cells it holds for."""

    call: str
    """`vendor.call`."""
    faults: Collection[str]
    periods: Collection[Period]
    status: Literal["failed", "needs_human"]
    code: str
    reason: str


LEGAL_ENDS: Final[tuple[LegalEnd, ...]] = (
    LegalEnd(
        "whmcs.AddOrder",
        _NO_TRACE,
        _LONG,
        "needs_human",
        "WHMCS_ORDER_UNCLEAR",
        "Two calls went unclear, two minutes apart, and no order shows: a third is for a person to decide (rule 5)."
        " What WHMCS calls an error is unclear too, as its words do not say whether the order was made.",
    ),
    LegalEnd(
        "freebit.mvno/esim/addAcnt",
        {"error_permanent"},
        _EVER,
        "failed",
        "SIM_REFUSED",
        "The operator said a definite no: the reservation is released, staff mend the cause and ask again.",
    ),
    LegalEnd(
        "freebit.master/addAcnt",
        {"error_permanent"},
        _EVER,
        "failed",
        "SIM_REFUSED",
        "The same for a SIM card.",
    ),
)


def legal_end(call: str, fault: str, period: Period) -> LegalEnd | None:
    """Give the entry for a cell."""
    found = [one for one in LEGAL_ENDS if one.call == call and fault in one.faults and period in one.periods]
    if len(found) > 1:
        raise LookupError(f"{call} {fault} {period} is listed twice")
    return found[0] if found else None
