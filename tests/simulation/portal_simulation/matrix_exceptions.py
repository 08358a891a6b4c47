"""The cells in which an order may rightly end without being active: the code it ends with, and why nothing better is due.

Every other cell must end active and without a person. An entry that a cell no longer needs fails that cell.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

Period = Literal["once", "for_ten_minutes"]


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


LEGAL_ENDS: Final[tuple[LegalEnd, ...]] = ()


def legal_end(call: str, fault: str, period: Period) -> LegalEnd | None:
    """Give the entry for a cell."""
    found = [one for one in LEGAL_ENDS if one.call == call and fault in one.faults and period in one.periods]
    if len(found) > 1:
        raise LookupError(f"{call} {fault} {period} is listed twice")
    return found[0] if found else None
