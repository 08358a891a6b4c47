"""Calls that change a line in service: quota, plan, voice options, network type, cancellation."""

import json
import re
from collections.abc import Mapping

from portal_sandbox.freebit.codes import (
    ACCOUNT_BUSY,
    ACCOUNT_IN_SHARE_GROUP,
    ACCOUNT_NOT_ACTIVE,
    ACCOUNT_NOT_FOUND,
    FIELD_INVALID,
    NOT_CONFIRMED,
    QUOTA_OUT_OF_RANGE,
    RefusedError,
)
from portal_sandbox.freebit.exchange import Exchange, business_date, is_date
from portal_sandbox.freebit.lines import NewOrder, change_line, find_line, is_locked, open_orders
from portal_sandbox.freebit.wire import CONTRACT_LINE, DATE, FLAG, LOOSE_DATE, PRODUCT_NUMBER, TEXT, Fields

_QUOTA = re.compile(r"\d{1,6}")
_YEN = re.compile(r"\d{1,7}")
_MOST_MEGABYTES = 512_000
_NETWORK_CHANGE_TAKES = 3
_TALK_FLAGS = ("voiceMail", "callWaiting", "callTransfer", "worldWing", "worldCall")
_TALK_LIMITS = ("worldWingCreditLimit", "worldCallCreditLimit")
_IDENTITY = ("lastnameKanji", "firstnameKanji", "lastnameZenKana", "firstnameZenKana", "gender", "birthday")


def add_quota(exchange: Exchange) -> Mapping[str, object] | None:
    """PA04-04: megabytes on top, at once. A repeated `quotaCode` adds again: Freebit is not known to notice."""
    fields = exchange.fields
    if fields.required("kind") != "MVNO":
        raise RefusedError(FIELD_INVALID, "kind")
    account = exchange.account_or_group()
    quota = int(fields.required("quota", _QUOTA, QUOTA_OUT_OF_RANGE))
    quota_code = fields.optional("quotaCode", TEXT) or ""
    expire = fields.optional("expire", DATE) or ""
    fields.finish()
    if not 1 <= quota <= _MOST_MEGABYTES:
        raise RefusedError(QUOTA_OUT_OF_RANGE, "quota")
    if expire and not is_date(expire):
        raise RefusedError(FIELD_INVALID, "expire")
    line = exchange.active_line(account)
    if line["share_group"]:
        raise RefusedError(ACCOUNT_IN_SHARE_GROUP)
    exchange.db.execute(
        "INSERT INTO freebit_quotas (account, quota, quota_code, date, expire) VALUES (?, ?, ?, ?, ?)",
        (account, quota, quota_code, business_date(exchange.now), expire),
    )
    exchange.record("quota.added", account, {"quota": quota, "quotaCode": quota_code})
    return None


def change_plan(exchange: Exchange) -> Mapping[str, object] | None:
    """PA05-21: at once, or when the day `runTime` begins in Japan."""
    fields = exchange.fields
    account = exchange.account()
    plan_code = exchange.plan()
    fields.optional("globalIp", FLAG)
    run_on = exchange.future_date("runTime")
    fields.finish()
    exchange.active_line(account)
    starts_at = exchange.starts_at(run_on)
    exchange.record("line.plan_requested", account, {"planCode": plan_code, "runTime": run_on})
    if starts_at > exchange.now.timestamp():
        payload = {"plan_code": plan_code}
        exchange.queue(NewOrder("plan_change", account, starts_at, locks=False, payload=payload))
    else:
        change_line(exchange.db, account, plan_code=plan_code)
        exchange.record("line.plan_changed", account, {"planCode": plan_code})
    return {"ipv4": ""}


def release_plan(exchange: Exchange) -> Mapping[str, object] | None:
    """PA05-22: takes the plan off the line, at once."""
    account = exchange.account()
    exchange.fields.finish()
    exchange.active_line(account)
    change_line(exchange.db, account, plan_code="")
    exchange.record("line.plan_changed", account, {"planCode": ""})
    return None


def register_talk_options(exchange: Exchange) -> Mapping[str, object] | None:
    """PA05-05: options and identity of a voice line; what is left out becomes "20". Asynchronous."""
    fields = exchange.fields
    wanted = _confirmed_options(exchange)
    for name in _IDENTITY:
        fields.optional(name, TEXT)
    _queue_talk_options(exchange, "talkoption_register", {**dict.fromkeys(_TALK_FLAGS, "20"), **wanted})
    return None


def change_talk_options(exchange: Exchange) -> Mapping[str, object] | None:
    """PA05-06: changes the options that are named. Asynchronous; an empty `talkOption` is an error."""
    wanted = _confirmed_options(exchange)
    if not wanted:
        raise RefusedError(NOT_CONFIRMED, "talkOption")
    _queue_talk_options(exchange, "talkoption_change", wanted)
    return None


def _confirmed_options(exchange: Exchange) -> dict[str, str]:
    fields = exchange.fields
    if fields.required("userConfirmed", FLAG, NOT_CONFIRMED) != "10":
        raise RefusedError(NOT_CONFIRMED, "userConfirmed")
    exchange.aladin_operated()
    group = fields.group("talkOption") or Fields({})
    wanted = {name: group.optional(name, FLAG) for name in _TALK_FLAGS}
    wanted.update({name: group.optional(name, _YEN) for name in _TALK_LIMITS})
    group.finish()
    return {name: value for name, value in wanted.items() if value is not None}


def _queue_talk_options(exchange: Exchange, request_type: str, wanted: Mapping[str, str]) -> None:
    account = exchange.account()
    exchange.fields.finish()
    line = exchange.active_line(account)
    if line["talk"] != "10":
        raise RefusedError(ACCOUNT_NOT_ACTIVE, "talkOption")
    if any(order["type"].startswith("talkoption") for order in open_orders(exchange.db, account)):
        raise RefusedError(ACCOUNT_BUSY)
    locks = exchange.quirks.talk_option_locks
    exchange.queue(NewOrder(request_type, account, exchange.soon(), locks=locks, payload=wanted))
    exchange.record("line.talkoption_requested", account, {"type": request_type, "talkOption": dict(wanted)})


def change_contract_line(exchange: Exchange) -> Mapping[str, object] | None:
    """PA05-38: 4G or 5G; the longest request of all, locks the line at once, cannot be cancelled."""
    fields = exchange.fields
    account = exchange.account()
    wanted = fields.required("contractLine", CONTRACT_LINE)
    product_number = fields.optional("productNumber", PRODUCT_NUMBER)
    fields.finish()
    line = exchange.active_line(account)
    if product_number is not None and product_number != line["product_number"]:
        raise RefusedError(FIELD_INVALID, "productNumber")
    due_at = exchange.soon(_NETWORK_CHANGE_TAKES)
    exchange.queue(NewOrder("contractline", account, due_at, payload={"contract_line": wanted}))
    exchange.record("line.contractline_requested", account, {"contractLine": wanted})
    return None


def cancel_account(exchange: Exchange) -> Mapping[str, object] | None:
    """PA02-04: ends the line for good, at once or when the day `runDate` begins; asynchronous after that."""
    fields = exchange.fields
    if fields.required("kind") != "MVNO":
        raise RefusedError(FIELD_INVALID, "kind")
    account = exchange.account()
    run_on = exchange.future_date("runDate", LOOSE_DATE)
    fields.finish()
    line = find_line(exchange.db, account)
    if line is None:
        raise RefusedError(ACCOUNT_NOT_FOUND)
    if is_locked(exchange.db, account) or any(o["type"] == "cancel" for o in open_orders(exchange.db, account)):
        raise RefusedError(ACCOUNT_BUSY)
    if line["state"] not in ("active", "suspended"):
        raise RefusedError(ACCOUNT_NOT_ACTIVE)
    starts_at = exchange.starts_at(run_on)
    at_once = starts_at <= exchange.now.timestamp()
    if at_once:
        change_line(exchange.db, account, state="cancelling")
    exchange.queue(NewOrder("cancel", account, starts_at + exchange.quirks.completion_seconds, locks=at_once))
    exchange.record("line.cancel_requested", account, {"runDate": run_on})
    return None


def merged_talk_option(present: str, wanted: Mapping[str, object]) -> str:
    """The stored options with the wanted ones on top, as JSON text."""
    return json.dumps({**json.loads(present), **wanted})
