"""PA05-41: new eSIM, port-in and reissue. Accepted at once, carried out later, shown by a file and the detail call."""

import re
from collections.abc import Mapping

from portal_sandbox.freebit.codes import (
    ACCOUNT_EXISTS,
    ACCOUNT_NOT_ACTIVE,
    EID_CONFLICT,
    EID_INVALID,
    FIELD_INVALID,
    FIELD_MISSING,
    PATTERN_NOT_SUPPORTED,
    RefusedError,
)
from portal_sandbox.freebit.exchange import Exchange
from portal_sandbox.freebit.lines import (
    LIVE_STATES,
    NewOrder,
    find_line,
    is_eid_requested,
    lines_of_eid,
    put_line,
)
from portal_sandbox.freebit.numbers import assign_account
from portal_sandbox.freebit.portability import check_port_in
from portal_sandbox.freebit.wire import ACCOUNT, CONTRACT_LINE, DATE, EID, PRODUCT_NUMBER, TEXT

ADD_KIND = re.compile(r"[NMR]")
SIM_KIND = re.compile(r"E[023]")
CREATE_TYPE = re.compile(r"new|add")
MASTER_ACCOUNT = re.compile(r".{1,64}")
MASTER_PASSWORD = re.compile(r".{1,256}")


def add_esim(exchange: Exchange) -> Mapping[str, object] | None:
    """Dispatches on `addKind`; `aladinOperated` "10" goes with "N" alone (400-356, the one code seen in public)."""
    add_kind = exchange.fields.required("addKind", ADD_KIND)
    aladin_operated = exchange.aladin_operated()
    if aladin_operated and add_kind != "N":
        raise RefusedError(PATTERN_NOT_SUPPORTED)
    _check_user_management(exchange)
    exchange.fields.optional("deliveryCode", TEXT)
    eid = exchange.fields.required("eid", EID, EID_INVALID)
    if add_kind == "R":
        _reissue(exchange, eid)
        return None
    account = _port_in(exchange, eid) if add_kind == "M" else _new(exchange, eid, aladin_operated=aladin_operated)
    return {"account": account} if exchange.quirks.account_in_reply and add_kind == "N" else None


def _new(exchange: Exchange, eid: str, *, aladin_operated: bool) -> str:
    sim_kind = exchange.fields.required("simKind", SIM_KIND)
    account = exchange.fields.optional("account", ACCOUNT)
    if aladin_operated:
        account = exchange.account()
        exchange.fields.required("repAccount", ACCOUNT)
        exchange.fields.required("shipDate", DATE)
        refuse_taken_number(exchange, account)
    elif account is not None:
        # The number is assigned when Freebit does the operator registration: one that is sent cannot be kept.
        raise RefusedError(FIELD_INVALID, "account")
    else:
        account = assign_account(exchange.db, with_sms=sim_kind != "E2")
    _accept_line(exchange, account, eid, sim_kind, "esim_new")
    return account


def _port_in(exchange: Exchange, eid: str) -> str:
    sim_kind = exchange.fields.required("simKind", SIM_KIND)
    account = exchange.account()
    check_port_in(exchange, account)
    refuse_taken_number(exchange, account)
    _accept_line(exchange, account, eid, sim_kind, "esim_mnp")
    return account


def _accept_line(exchange: Exchange, account: str, eid: str, sim_kind: str, request_type: str) -> None:
    plan_code = exchange.plan()
    contract_line = exchange.fields.optional("contractLine", CONTRACT_LINE) or "4G"
    exchange.fields.finish()
    _refuse_used_eid(exchange, eid)
    put_line(
        exchange.db,
        {
            "account": account,
            "state": "pending",
            "plan_code": plan_code,
            "sim_type": "esim",
            "eid": eid,
            "contract_line": contract_line,
            "talk": "10" if sim_kind == "E0" else "20",
            "sms": "20" if sim_kind == "E2" else "10",
        },
    )
    exchange.queue(NewOrder(request_type, account, exchange.soon(), eid=eid))
    exchange.record("esim.requested", eid, {"account": account, "type": request_type, "planCode": plan_code})


def _reissue(exchange: Exchange, eid: str) -> None:
    if exchange.fields.optional("simKind") is not None:
        raise RefusedError(FIELD_INVALID, "simKind")
    reissue = exchange.fields.group("reissue")
    account = exchange.account()
    if reissue is None:
        raise RefusedError(FIELD_MISSING, "reissue")
    old_eid = reissue.required("oldEid", EID, EID_INVALID)
    old_product = reissue.optional("oldProductNumber", PRODUCT_NUMBER)
    reissue.finish()
    exchange.fields.finish()
    line = exchange.active_line(account)
    if line["sim_type"] != "esim":
        raise RefusedError(ACCOUNT_NOT_ACTIVE)
    if line["eid"] != old_eid:
        raise RefusedError(EID_INVALID, "reissue.oldEid")
    if old_product is not None and line["product_number"] != old_product:
        raise RefusedError(FIELD_INVALID, "reissue.oldProductNumber")
    _refuse_used_eid(exchange, eid, but_for=account)
    exchange.queue(NewOrder("esim_reissue", account, exchange.soon(), eid=eid))
    exchange.record("esim.requested", eid, {"account": account, "type": "esim_reissue", "oldEid": old_eid})


def refuse_taken_number(exchange: Exchange, account: str) -> None:
    """400-313 for a number that is live here already."""
    line = find_line(exchange.db, account)
    if line is not None and line["state"] in LIVE_STATES:
        raise RefusedError(ACCOUNT_EXISTS, "account")


def _refuse_used_eid(exchange: Exchange, eid: str, but_for: str = "") -> None:
    if is_eid_requested(exchange.db, eid):
        raise RefusedError(EID_CONFLICT)
    carried = [line for line in lines_of_eid(exchange.db, eid) if line["account"] != but_for]
    if exchange.quirks.one_line_per_eid and any(line["state"] in LIVE_STATES for line in carried):
        raise RefusedError(EID_CONFLICT)


def _check_user_management(exchange: Exchange) -> None:
    """The fields of the optional umbrella login; `createType` "add" names the master account to add to."""
    create_type = exchange.fields.optional("createType", CREATE_TYPE)
    master = exchange.fields.optional("masterAccount", MASTER_ACCOUNT)
    exchange.fields.optional("masterPassword", MASTER_PASSWORD)
    if create_type == "add" and master is None:
        raise RefusedError(FIELD_MISSING, "masterAccount")
