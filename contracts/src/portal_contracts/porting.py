"""Bringing a phone number along (MNP): what a reservation is and when it is still good (D09, freebit.md §8). No I/O."""

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from portal_contracts.message import Message
from portal_contracts.values import PERSONAL, Line

RESERVATION_VALID_DAYS: Final = 15
"""A reservation lives this long, the day of issue included."""


def without_hyphens(value: Any) -> Any:
    """Take the separators out of a number people copy with them."""
    return value.replace("-", "").replace(" ", "") if isinstance(value, str) else value


Digits = Annotated[str, BeforeValidator(without_hyphens), StringConstraints(pattern=r"^[0-9]+$")]
PersonText = Annotated[Line, StringConstraints(min_length=1, max_length=40), PERSONAL]


class NumberPorting(Message):
    """A number to bring along, with the reservation of the operator it comes from; names as in the old contract.

    With `one_stop` the operators fetch the reservation themselves, and there is none to give.
    """

    phone_number: Annotated[
        Digits, StringConstraints(min_length=11, max_length=14), PERSONAL, Field(examples=["09000000000"])
    ]
    one_stop: bool = Field(default=False, description="Without a reservation number, where the operator offers it")
    reservation_number: (
        Annotated[Digits, StringConstraints(min_length=10, max_length=10), PERSONAL, Field(examples=["1100000000"])]
        | None
    ) = Field(default=None, description="Ten digits (MNP予約番号)")
    reservation_expires_on: date | None = Field(default=None, description="Last day it is good, Japanese date")
    family_name: PersonText
    given_name: PersonText
    family_name_kana: PersonText = Field(description="Full-width katakana, as in the old contract")
    given_name_kana: PersonText
    gender: Annotated[Literal["male", "female", "company"], PERSONAL]
    born_on: Annotated[date, PERSONAL]

    @model_validator(mode="after")
    def has_reservation(self) -> "NumberPorting":
        """Ask for the reservation unless the operators fetch it themselves (PORTING_DATA_MISSING)."""
        if not self.one_stop and (self.reservation_number is None or self.reservation_expires_on is None):
            raise PydanticCustomError("PORTING_DATA_MISSING", "the reservation number and its last day are missing")
        return self

    def days_left(self, on: date) -> int | None:
        """Give how many days the reservation is good from a day on, that day included; None without a reservation."""
        if self.reservation_expires_on is None:
            return None
        return (self.reservation_expires_on - on + timedelta(days=1)).days
