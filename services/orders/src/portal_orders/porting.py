"""Numbers that are brought along (MNP): what the sales system has on file, and which reservations are taken. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from pydantic import ValidationError

from portal_contracts.porting import NumberPorting
from portal_contracts.problems import FieldError, Refused

DEFAULT_DAYS_FOR_ESIM: Final = 2
DEFAULT_DAYS_FOR_CARD: Final = 10


@dataclass(frozen=True, slots=True)
class PortingOnFile:
    """What the sales system says about a number to bring along, unchecked: people type it.

    `wanted` is None where the org cannot say it. `data` holds the fields of `NumberPorting` that the org has, None for
    one that is empty.
    """

    wanted: bool | None
    data: Mapping[str, str | bool | None] = field(default_factory=dict, repr=False)

    @property
    def untouched(self) -> bool:
        """Whether nothing stands there at all."""
        return not self.wanted and not any(self.data.values())


def porting_of(on_file: PortingOnFile | None, ordered: NumberPorting | None) -> NumberPorting | None:
    """Give the number to bring along: what staff see goes before what was ordered, which stands in for missing fields.

    None when there is none. Raises Refused PORTING_DATA_MISSING when one is wanted and its data cannot be used: the
    order must never go on with a new number instead.
    """
    if on_file is None or on_file.untouched:
        return ordered
    if on_file.wanted is False:
        return None  # staff took it back: the fields are still filled
    before = ordered.model_dump(mode="json", by_alias=False) if ordered else {}
    try:
        return NumberPorting.model_validate({**before, **on_file.data})
    except ValidationError:
        raise Refused("PORTING_DATA_MISSING") from None


@dataclass(frozen=True, slots=True)
class PortingTerms:
    """What a reservation must be good for (freebit.md §8): days left on the day of activation, that day included.

    A SIM card travels by post. `one_stop`: whether operators fetch reservations themselves.
    """

    one_stop: bool = False
    days_for_esim: int = DEFAULT_DAYS_FOR_ESIM
    days_for_card: int = DEFAULT_DAYS_FOR_CARD

    def fault(self, porting: NumberPorting, *, esim: bool, on: date) -> Refused | None:
        """Give PORTING_NOT_OFFERED or PORTING_TOO_SHORT for an activation on a Japanese day; None when all is well."""
        if porting.one_stop:
            return None if self.one_stop else Refused("PORTING_NOT_OFFERED")
        left, needed = porting.days_left(on) or 0, self.days_for_esim if esim else self.days_for_card
        if left < needed:
            return Refused("PORTING_TOO_SHORT", facts={"days": max(left, 0), "needed": needed})
        return None


@dataclass(frozen=True, slots=True)
class PortingCheck:
    """The terms on the day a cart is to be activated."""

    terms: PortingTerms
    on: date

    def fault(self, field_name: str, porting: NumberPorting, *, esim: bool) -> FieldError | None:
        """Give what is wrong with a line's number, at its place in the request."""
        refusal = self.terms.fault(porting, esim=esim, on=self.on)
        if refusal is None:
            return None
        return FieldError(field=field_name, code=refusal.code, facts=dict(refusal.facts))
