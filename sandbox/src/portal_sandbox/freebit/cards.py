"""Physical cards: PA02-01 registration, PA05-33 OTA, PA05-18/19/20 semi-black cards (reference/freebit.md 3.9).

PA02-01's request beyond its first fields, PA05-33's whole field list and what PA05-20's states mean are assumed.
"""

import re
import sqlite3
from collections.abc import Mapping

from portal_sandbox.freebit.codes import (
    ACCOUNT_NOT_FOUND,
    FIELD_INVALID,
    FIELD_MISSING,
    MNP_NUMBER_INVALID,
    PATTERN_NOT_SUPPORTED,
    SIM_NOT_AVAILABLE,
    RefusedError,
)
from portal_sandbox.freebit.esim import ADD_KIND, CREATE_TYPE, MASTER_ACCOUNT, MASTER_PASSWORD, refuse_taken_number
from portal_sandbox.freebit.exchange import Exchange, business_date
from portal_sandbox.freebit.lines import NewOrder, change_line, put_line, take_sim
from portal_sandbox.freebit.portability import IDENTITY_FIELDS, RESERVE_NUMBER, check_port_in
from portal_sandbox.freebit.wire import ACCOUNT, CONTRACT_LINE, DATE, PRODUCT_NUMBER, TEXT

_METHOD = re.compile(r"10|20")
_STATE = re.compile(r"\d{2}")
_CANCELLED_RESERVATION = "60"


def register_account(exchange: Exchange) -> Mapping[str, object] | None:
    """PA02-01: binds a number and a plan to a blank card; asynchronous, at once or on `startDate`."""
    fields = exchange.fields
    fields.optional("version")
    fields.required("createType", CREATE_TYPE)
    fields.optional("masterAccount", MASTER_ACCOUNT)
    fields.optional("masterPassword", MASTER_PASSWORD)
    fields.optional("relationCode", TEXT)
    if fields.required("kind") != "MVNO":
        raise RefusedError(FIELD_INVALID, "kind")
    account = exchange.account()
    starts_at = exchange.starts_at(exchange.future_date("startDate"))
    _register_card(exchange, account, "register", starts_at + exchange.quirks.completion_seconds)
    return None


def register_over_the_air(exchange: Exchange) -> Mapping[str, object] | None:
    """PA05-33: new, port-in or reissue onto a card that is written over the air; asynchronous."""
    fields = exchange.fields
    add_kind = fields.required("addKind", ADD_KIND)
    if exchange.aladin_operated() and add_kind == "R":
        raise RefusedError(PATTERN_NOT_SUPPORTED)
    account = exchange.account()
    if add_kind == "R":
        product_number = fields.required("productNumber", PRODUCT_NUMBER)
        fields.finish()
        exchange.active_line(account)
        sim = _blank_card(exchange, product_number)
        payload = {"product_number": product_number, "iccid": sim["iccid"], "imsi": sim["imsi"]}
        exchange.queue(NewOrder("ota_reissue", account, exchange.soon(), payload=payload))
        exchange.record("line.requested", account, {"type": "ota_reissue", "productNumber": product_number})
        return None
    if add_kind == "M":
        check_port_in(exchange, account)
    _register_card(exchange, account, "ota", exchange.soon())
    return None


def _register_card(exchange: Exchange, account: str, request_type: str, due_at: float) -> None:
    product_number = exchange.fields.required("productNumber", PRODUCT_NUMBER)
    plan_code = exchange.plan()
    contract_line = exchange.fields.optional("contractLine", CONTRACT_LINE) or "4G"
    exchange.fields.finish()
    refuse_taken_number(exchange, account)
    sim = _blank_card(exchange, product_number)
    _put_card_line(exchange, account, sim, plan_code=plan_code, contract_line=contract_line)
    exchange.queue(NewOrder(request_type, account, due_at))
    detail = {"type": request_type, "productNumber": product_number, "planCode": plan_code}
    exchange.record("line.requested", account, detail)


def reserve_semi_black(exchange: Exchange) -> Mapping[str, object] | None:
    """PA05-18: reserves a port-in onto a semi-black card (`mnp.method` "10") or an OTA card ("20", temporary)."""
    fields = exchange.fields
    product_number = fields.required("productNumber", PRODUCT_NUMBER)
    fields.optional("repAccount", ACCOUNT)
    mnp = fields.group("mnp")
    if mnp is None:
        raise RefusedError(FIELD_MISSING, "mnp")
    method = mnp.required("method", _METHOD)
    reserve_number = mnp.required("reserveNumber", RESERVE_NUMBER, MNP_NUMBER_INVALID)
    for name, pattern in {"reserveExpireDate": DATE, **IDENTITY_FIELDS}.items():
        mnp.optional(name, pattern)
    mnp.finish()
    account = fields.optional("account", ACCOUNT)
    if account is None and method == "10":
        raise RefusedError(FIELD_MISSING, "account")
    temporary = fields.optional("tempAccount", ACCOUNT)
    if temporary is None and method == "20":
        raise RefusedError(FIELD_MISSING, "tempAccount")
    fields.finish()
    held = str(account or temporary)
    open_reservation = _reservation(exchange, product_number)
    if open_reservation is not None and open_reservation["state"] != _CANCELLED_RESERVATION:
        raise RefusedError(SIM_NOT_AVAILABLE, "productNumber")
    refuse_taken_number(exchange, held)
    sim = open_reservation or _blank_card(exchange, product_number)
    exchange.db.execute(
        "INSERT OR REPLACE INTO freebit_reservations VALUES (?, ?, ?, ?, 'reserved')",
        (sim["product_number"], held, method, reserve_number),
    )
    card = exchange.db.execute("SELECT * FROM freebit_sims WHERE product_number = ?", (product_number,)).fetchone()
    _put_card_line(exchange, held, card, state="temporary")
    exchange.record("line.reserved", held, {"productNumber": product_number})
    return None


def register_semi_black(exchange: Exchange) -> Mapping[str, object] | None:
    """PA05-19: the reserved semi-black card goes live at once; needs the earlier PA05-18."""
    fields = exchange.fields
    exchange.aladin_operated()
    fields.required("createType", CREATE_TYPE)
    fields.optional("masterAccount", MASTER_ACCOUNT)
    fields.optional("masterPassword", MASTER_PASSWORD)
    account = exchange.account()
    plan_code = exchange.plan() if fields.optional("planCode") else ""
    reservation = exchange.db.execute(
        "SELECT * FROM freebit_reservations WHERE account = ? AND state = 'reserved'", (account,)
    ).fetchone()
    if reservation is None:
        raise RefusedError(ACCOUNT_NOT_FOUND)
    if check_port_in(exchange, account) != reservation["reserve_number"]:
        raise RefusedError(MNP_NUMBER_INVALID, "mnp.reserveNumber")
    fields.finish()
    today = business_date(exchange.now)
    change_line(exchange.db, account, state="active", start_date=today, plan_code=plan_code)
    exchange.db.execute("UPDATE freebit_reservations SET state = 'live' WHERE account = ?", (account,))
    exchange.record("line.activated", account, {"type": "semiblack", "productNumber": reservation["product_number"]})
    return None


def change_semi_black(exchange: Exchange) -> Mapping[str, object] | None:
    """PA05-20: changes the state of a reserved card; "60" cancels the reservation, so that a new one can replace it."""
    fields = exchange.fields
    product_number = fields.required("productNumber", PRODUCT_NUMBER)
    account = exchange.account()
    state = fields.required("state", _STATE)
    mnp = fields.group("mnp")
    if mnp is None:
        raise RefusedError(FIELD_MISSING, "mnp")
    mnp.required("method", _METHOD)
    reserve_number = mnp.required("reserveNumber", RESERVE_NUMBER, MNP_NUMBER_INVALID)
    mnp.finish()
    fields.finish()
    reservation = _reservation(exchange, product_number)
    if reservation is None or reservation["account"] != account or reservation["state"] != "reserved":
        raise RefusedError(SIM_NOT_AVAILABLE, "productNumber")
    if reservation["reserve_number"] != reserve_number:
        raise RefusedError(MNP_NUMBER_INVALID, "mnp.reserveNumber")
    exchange.db.execute("UPDATE freebit_reservations SET state = ? WHERE product_number = ?", (state, product_number))
    change_line(exchange.db, account, state="cancelled", end_date=business_date(exchange.now))
    exchange.record("line.reservation_changed", account, {"productNumber": product_number, "state": state})
    return None


def _reservation(exchange: Exchange, product_number: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = exchange.db.execute(
        "SELECT * FROM freebit_reservations WHERE product_number = ?", (product_number,)
    ).fetchone()
    return row


def _blank_card(exchange: Exchange, product_number: str) -> sqlite3.Row:
    sim = take_sim(exchange.db, product_number)
    if sim is None:
        raise RefusedError(SIM_NOT_AVAILABLE, "productNumber")
    return sim


def _put_card_line(
    exchange: Exchange,
    account: str,
    sim: sqlite3.Row,
    *,
    plan_code: str = "",
    contract_line: str = "4G",
    state: str = "pending",
) -> None:
    put_line(
        exchange.db,
        {
            "account": account,
            "state": state,
            "plan_code": plan_code,
            "sim_type": "physical",
            "product_number": sim["product_number"],
            "iccid": sim["iccid"],
            "imsi": sim["imsi"],
            "contract_line": contract_line,
            "talk": "10",
            "sms": "10",
        },
    )
