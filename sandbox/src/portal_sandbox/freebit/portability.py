"""Number portability as Freebit checks it: the reservation at the old operator and the contract holder's identity."""

import json
import re

from portal_sandbox.freebit.codes import FIELD_MISSING, MNP_IDENTITY_MISMATCH, MNP_NUMBER_INVALID, RefusedError
from portal_sandbox.freebit.exchange import Exchange, business_date
from portal_sandbox.freebit.wire import DATE, TEXT

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
    """The reservation number, once it fits the donor's record of this phone number; 400-352 and 400-353 otherwise."""
    group = exchange.fields.group("mnp")
    if group is None:
        raise RefusedError(FIELD_MISSING, "mnp")
    number = group.required("reserveNumber", RESERVE_NUMBER, MNP_NUMBER_INVALID)
    expires = group.required("reserveExpireDate", DATE)
    given = {name: group.required(name, pattern) for name, pattern in IDENTITY_FIELDS.items()}
    group.finish()
    donor = exchange.db.execute("SELECT * FROM freebit_donors WHERE account = ?", (account,)).fetchone()
    today = business_date(exchange.now)
    if donor is None or donor["reserve_number"] != number or donor["expire_date"] != expires or expires < today:
        raise RefusedError(MNP_NUMBER_INVALID, "mnp.reserveNumber")
    identity = json.loads(donor["identity"])
    for name, value in given.items():
        if identity[name] != value:
            raise RefusedError(MNP_IDENTITY_MISMATCH, f"mnp.{name}")
    return number
