"""The calls that change nothing: account detail, traffic, quota history (reference/freebit.md 3.1, 3.2, 3.4)."""

import hashlib
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime

from portal_sandbox.freebit.codes import (
    ACCOUNT_IN_SHARE_GROUP,
    ACCOUNT_NOT_ACTIVE,
    ACCOUNT_NOT_FOUND,
    FIELD_INVALID,
    FIELD_MISSING,
    PLAN_INVALID,
    RefusedError,
)
from portal_sandbox.freebit.exchange import Exchange, days_before, is_date, midnight, stamp
from portal_sandbox.freebit.lines import find_line, lines_of_eid, open_orders, talk_option
from portal_sandbox.freebit.wire import ACCOUNT, DATE, EID, FLAG

_RECENT_DAYS = 3


def get_detail(exchange: Exchange) -> Mapping[str, object]:
    """PA03-02. The look-up by `eid` is assumed: without it a number assigned in a lost reply could never be found."""
    exchange.fields.optional("version")
    exchange.fields.optional("displayPass", FLAG)
    asked = exchange.fields.only_element("requestDatas")
    kind = asked.required("kind")
    if kind != "MVNO":
        raise RefusedError(FIELD_INVALID, "requestDatas[0].kind")
    account = asked.optional("account", ACCOUNT)
    eid = asked.optional("eid", EID) if exchange.quirks.eid_lookup and account is None else None
    asked.finish()
    if account is not None:
        line = find_line(exchange.db, account)
        lines = [] if line is None else [line]
    elif eid is not None:
        lines = lines_of_eid(exchange.db, eid)
    else:
        raise RefusedError(FIELD_MISSING, "requestDatas[0].account")
    if not lines:
        raise RefusedError(ACCOUNT_NOT_FOUND)
    return {"masterAccount": "", "responseDatas": [_detail(exchange, line) for line in lines]}


def _detail(exchange: Exchange, line: sqlite3.Row) -> dict[str, object]:
    shown: dict[str, object] = {
        "kind": "MVNO",
        "account": line["account"],
        "state": line["state"],
        "startDate": line["start_date"],
        "endDate": line["end_date"],
        "planCode": line["plan_code"],
        "simType": line["sim_type"],
        "productNumber": line["product_number"],
        "iccid": line["iccid"],
        "imsi": line["imsi"],
        "eid": line["eid"],
        "contractLine": line["contract_line"],
        "talk": line["talk"],
        "sms": line["sms"],
        "ipv4": "",
        "talkOption": talk_option(line),
        "pendingOrders": [
            {"type": order["type"], "acceptedAt": stamp(datetime.fromtimestamp(order["accepted_at"], UTC))}
            for order in open_orders(exchange.db, line["account"])
        ],
    }
    if line["activation_code"] and exchange.quirks.shows_activation_code:
        shown["activationCode"] = line["activation_code"]
    return shown


def get_traffic(exchange: Exchange) -> Mapping[str, object]:
    """PA05-01. Kilobytes, latest day first; the figures follow from account and day, so that they never jump."""
    line = _readable_line(exchange)
    if not line["plan_code"]:
        raise RefusedError(PLAN_INVALID)
    days = [days_before(exchange.now, back) for back in range(_RECENT_DAYS + 1)]
    today, *recent = [_kilobytes(line, day) for day in days]
    elapsed = exchange.now.timestamp() - midnight(days[0]).timestamp()
    return {
        "account": line["account"],
        "traffic": {
            "today": str(int(today * elapsed / 86400)),
            "inRecentDays": ",".join(str(used) for used in recent),
            "blackList": line["throttled"],
        },
    }


def get_quota_history(exchange: Exchange) -> Mapping[str, object]:
    """PA05-02: what was added between two days, both included, newest first; `total` in megabytes."""
    line = _readable_line(exchange)
    first, last = (exchange.fields.required(name, DATE) for name in ("fromDate", "toDate"))
    if not is_date(first) or not is_date(last) or first > last:
        raise RefusedError(FIELD_INVALID, "fromDate")
    rows = exchange.db.execute(
        "SELECT * FROM freebit_quotas WHERE account = ? AND date BETWEEN ? AND ? ORDER BY id DESC",
        (line["account"], first, last),
    ).fetchall()
    return {
        "account": line["account"],
        "total": str(sum(row["quota"] for row in rows)),
        "count": str(len(rows)),
        "quotaHistory": [
            {
                "quota": str(row["quota"]),
                "quotaCode": row["quota_code"],
                "date": row["date"],
                "expire": row["expire"],
            }
            for row in rows
        ],
    }


def _readable_line(exchange: Exchange) -> sqlite3.Row:
    line = find_line(exchange.db, exchange.account_or_group())
    if line is None:
        raise RefusedError(ACCOUNT_NOT_FOUND)
    if line["share_group"]:
        raise RefusedError(ACCOUNT_IN_SHARE_GROUP)
    if line["state"] not in ("active", "suspended", "cancelling"):
        raise RefusedError(ACCOUNT_NOT_ACTIVE)
    return line


def _kilobytes(line: sqlite3.Row, day: str) -> int:
    if not line["start_date"] or day < line["start_date"]:
        return 0
    seed = hashlib.sha256(f"{line['account']}/{day}".encode()).digest()
    return int.from_bytes(seed[:3], "big") % 900_000
