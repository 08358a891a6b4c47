"""Number portability as Freebit checks it: the reservation at the old operator and the contract holder's identity."""

import json
import re
import sqlite3

from portal_sandbox.freebit.codes import FIELD_MISSING, MNP_IDENTITY_MISMATCH, MNP_NUMBER_INVALID, RefusedError
from portal_sandbox.freebit.exchange import Exchange, business_date
from portal_sandbox.freebit.wire import DATE, FLAG, TEXT

RESERVE_NUMBER = re.compile(r"\d{10}")
GENDER = re.compile(r"[MWC]")
IDENTITY_FIELDS = {
    "lastnameKanji": TEXT,
    "firstnameKanji": TEXT,
    "lastnameZenKana": TEXT,
    "firstnameZenKana": TEXT,
    "gender": GENDER,
    "birthday": DATE,
}


def check_port_in(exchange: Exchange, account: str) -> str:
    """The reservation number, once it fits the donor's record of this phone number; 400-352 and 400-353 otherwise.

    With `oneStop` "10" there is none to send: the operators fetch it (D09). How Freebit names this is not known; the
    field is assumed, and the switch `oneStopPortIn` says whether there is such a thing at all.
    """
    group = exchange.fields.group("mnp")
    if group is None:
        raise RefusedError(FIELD_MISSING, "mnp")
    one_stop = exchange.quirks.one_stop_port_in and group.optional("oneStop", FLAG) == "10"
    number = "" if one_stop else group.required("reserveNumber", RESERVE_NUMBER, MNP_NUMBER_INVALID)
    expires = "" if one_stop else group.required("reserveExpireDate", DATE)
    given = {name: group.required(name, pattern) for name, pattern in IDENTITY_FIELDS.items()}
    group.finish()
    donor = exchange.db.execute("SELECT * FROM freebit_donors WHERE account = ?", (account,)).fetchone()
    if donor is None or not (donor["one_stop"] if one_stop else _is_valid(exchange, donor, number, expires)):
        raise RefusedError(MNP_NUMBER_INVALID, "mnp.oneStop" if one_stop else "mnp.reserveNumber")
    identity = json.loads(donor["identity"])
    for name, value in given.items():
        if identity[name] != value:
            raise RefusedError(MNP_IDENTITY_MISMATCH, f"mnp.{name}")
    return number or str(donor["reserve_number"])


def _is_valid(exchange: Exchange, donor: sqlite3.Row, number: str, expires: str) -> bool:
    """Number and last day as the donor issued them, and that day is not over in Japan."""
    issued = (donor["reserve_number"], donor["expire_date"]) == (number, expires)
    return issued and expires >= business_date(exchange.now)
