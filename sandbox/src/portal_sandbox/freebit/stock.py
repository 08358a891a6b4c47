"""What Freebit holds on the first day: plans, blank cards, lines, numbers at other operators that may be ported in.

The lines are those of the dataset's SIM services and one for each special situation.
"""

import json
import sqlite3
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib import resources
from typing import Any

from portal_sandbox.core import Core, Dataset
from portal_sandbox.freebit.exchange import business_date
from portal_sandbox.freebit.lines import put_line
from portal_sandbox.freebit.numbers import assign_profile, with_luhn_digit

_LINE_STATES = {"Active": "active", "Suspended": "suspended", "Terminated": "cancelled", "Cancelled": "cancelled"}
_DAYS_IN_SERVICE = 120


def seed(core: Core) -> None:
    """Fills the emptied tables; part of every reset."""
    text = resources.files("portal_sandbox").joinpath("seed/freebit.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    now = core.clock.now()
    with core.store.transaction() as db:
        for plan_code in sorted({*rows["extra_plans"], *_plan_codes(core.dataset)}):
            db.execute("INSERT INTO freebit_plans VALUES (?, ?)", (plan_code, plan_code))
        _stock(db, rows["stock"])
        for row in rows["donors"]:
            expires = business_date(now + timedelta(days=row["days_left"]))
            identity = json.dumps(row["identity"], ensure_ascii=False)
            values = (row["account"], row["reserve_number"], expires, identity, row["one_stop"], row["note"])
            db.execute("INSERT INTO freebit_donors VALUES (?, ?, ?, ?, ?, ?)", values)
        began = business_date(now - timedelta(days=_DAYS_IN_SERVICE))
        for row in (*_dataset_lines(core.dataset), *rows["lines"]):
            line = {name: value for name, value in row.items() if name != "note"}
            put_line(db, {"start_date": began, **_card_or_profile(db, line), **line})


def _plan_codes(dataset: Dataset) -> Iterator[str]:
    for product in dataset.products:
        plan_code = _options(product.config_options).get("planCode")
        if plan_code:
            yield str(plan_code)


def _dataset_lines(dataset: Dataset) -> Iterator[dict[str, object]]:
    """A line for every SIM service of a WHMCS client whose label is its phone number."""
    for account in dataset.accounts:
        for service in account.whmcs.services if account.whmcs else ():
            options = _options(dataset.product(service.sku).config_options)
            if "simType" not in options or not service.label.isdigit():
                continue
            esim = options["simType"] == "eSIM"
            voice = bool(options.get("voice"))
            yield {
                "account": service.label,
                "state": _LINE_STATES.get(service.status, "active"),
                "start_date": service.registered.replace("-", ""),
                "plan_code": options["planCode"],
                "sim_type": "esim" if esim else "physical",
                "eid": with_check_digits(f"8904903200000000000{service.label}") if esim else "",
                "talk": "10" if voice else "20",
                "sms": "10",
            }


def _options(text: str) -> Mapping[str, Any]:
    options: Mapping[str, Any] = json.loads(text) if text else {}
    return options


def _card_or_profile(db: sqlite3.Connection, line: Mapping[str, object]) -> dict[str, str]:
    if line["sim_type"] == "group":
        return {}
    profile = assign_profile(db)
    if line["sim_type"] == "esim":
        return profile
    serial = profile["product_number"][2:]
    return {"iccid": profile["iccid"], "imsi": profile["imsi"], "product_number": f"DN{serial}"}


def _stock(db: sqlite3.Connection, stock: Mapping[str, Any]) -> None:
    for serial in range(stock["first"], stock["first"] + stock["count"]):
        values = (
            f"{stock['prefix']}{serial:013d}",
            with_luhn_digit(f"898103000002{serial:06d}"),
            f"44011{serial:010d}",
        )
        db.execute("INSERT INTO freebit_sims (product_number, iccid, imsi) VALUES (?, ?, ?)", values)


def with_check_digits(first_30: str) -> str:
    """An EID from its first thirty digits (GSMA SGP.02: the whole number is 1 modulo 97)."""
    return f"{first_30}{98 - int(first_30 + '00') % 97:02d}"
