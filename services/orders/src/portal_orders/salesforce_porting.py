"""Salesforce's fields of a number that is brought along, in our words and back (reference freebit.md §8). No I/O.

An org may lack any of them; then the portal's own snapshot stands in for what is not there.
"""

from collections.abc import Mapping
from typing import Any, Final

from portal_contracts.porting import NumberPorting
from portal_orders.porting import PortingOnFile
from portal_salesforce import Dialect, Record

APPLICATION: Final = "order.mnpApplication"
ONE_STOP: Final = "order.mnpOneStop"
DATA: Final[Mapping[str, str]] = {
    "phone_number": "order.mnpPhoneNumber",
    "reservation_number": "order.mnpReservationNumber",
    "reservation_expires_on": "order.mnpExpiryDate",
    "family_name": "order.mnpLastName",
    "given_name": "order.mnpFirstName",
    "family_name_kana": "order.mnpLastNameKana",
    "given_name_kana": "order.mnpFirstNameKana",
    "gender": "order.mnpGender",
    "born_on": "order.mnpDateOfBirth",
}
"""Field of `NumberPorting` to field of the dialect."""
FIELDS: Final = (APPLICATION, ONE_STOP, *DATA.values())
_GENDERS: Final[Mapping[str, str]] = {"male": "M", "female": "W", "company": "C"}
_READ_GENDERS: Final[Mapping[str, str]] = {text: name for name, text in _GENDERS.items()}


def porting_on_file(record: Record, dialect: Dialect) -> PortingOnFile | None:
    """Read what stands there; None in an org without such fields."""
    names = {field: dialect.field(logical) for field, logical in DATA.items() if dialect.has(logical)}
    wanted = _flag(record, dialect, APPLICATION)
    if not names and wanted is None:
        return None
    data: dict[str, str | bool | None] = {
        field: str(record.get(name) or "").strip() or None for field, name in names.items()
    }
    gender = str(data.get("gender") or "").upper()
    if gender:
        data["gender"] = _READ_GENDERS.get(gender, gender)
    one_stop = _flag(record, dialect, ONE_STOP)
    if one_stop is not None:
        data["one_stop"] = one_stop
    return PortingOnFile(wanted, data)


def _flag(record: Record, dialect: Dialect, logical: str) -> bool | None:
    return bool(record.get(dialect.field(logical))) if dialect.has(logical) else None


def porting_fields(porting: NumberPorting, dialect: Dialect) -> dict[str, Any]:
    """Give the fields the org has, to write; a one-stop application empties those of a reservation."""
    values: dict[str, Any] = {
        APPLICATION: True,
        ONE_STOP: porting.one_stop,
        **{logical: getattr(porting, field) for field, logical in DATA.items()},
        DATA["gender"]: _GENDERS[porting.gender],
    }
    return {dialect.field(logical): value for logical, value in values.items() if dialect.has(logical)}
