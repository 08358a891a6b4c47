"""What people typed into the control pages, read as the control API means it; a mistake is told in both languages."""

import json
from collections.abc import Mapping
from datetime import timedelta

from portal_sandbox.settings import SwitchValue

FormTexts = Mapping[str, str]
EMPTY_FAULT: FormTexts = {"vendor": "whmcs", "call": "*", "kind": "refused", "times": "1", "period": "", "params": "{}"}
"""The fault form before anybody typed."""

LONGEST_MOVE = timedelta(days=36525)
"""A century: beyond it lies only a typing error, and a clock that went too far cannot come back."""


def fault_of(form: FormTexts) -> dict[str, object]:
    """The rule of a filled-in form. ValueError says what to correct."""
    times = form.get("times", "").strip()
    if times and not (times.isascii() and times.isdigit()):
        raise ValueError("Times must be a whole number or empty. 回数は整数か空欄にしてください。")
    period = form.get("period", "").strip()
    if period and not (period.isascii() and period.isdigit()):
        raise ValueError("The period must be whole seconds or empty. 期間は整数(秒)か空欄にしてください。")
    try:
        params = json.loads(form.get("params", "").strip() or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(
            f"The parameters are not JSON ({error.msg}, character {error.pos + 1})."
            " パラメーターはJSONで入力してください。"
        ) from error
    if not isinstance(params, dict):
        raise ValueError(  # noqa: TRY004 - the page shows every ValueError
            'The parameters must be a JSON object such as {"seconds": 5}.'
            " パラメーターはJSONオブジェクトにしてください。"
        )
    return {
        "vendor": form.get("vendor", ""),
        "call": form.get("call", "").strip() or "*",
        "kind": form.get("kind", ""),
        "times": int(times) if times else None,
        "untilBusinessSeconds": int(period) if period else None,
        "params": params,
    }


def seconds_of(text: str) -> int:
    """How far to move the clock. ValueError says what to correct."""
    typed = text.strip()
    if not (typed.isascii() and typed.isdigit()) or not 0 < int(typed) <= LONGEST_MOVE.total_seconds():
        raise ValueError(
            "Type whole seconds above 0; the clock only moves forward, a century at most."
            " 1以上の整数(秒)を入力してください。"
        )
    return int(typed)


def switch_value_of(text: str, default: SwitchValue) -> SwitchValue:
    """A switch's value by the type of its default; texts need no quotes. ValueError says what to correct."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    if isinstance(default, str):
        return value if isinstance(value, str) else text
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError("Type true or false. true か false を入力してください。")  # noqa: TRY004 - shown as typed wrongly
        return value
    if isinstance(default, int | float) and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError("Type a number. 数値を入力してください。")  # noqa: TRY004 - shown as typed wrongly
    if not isinstance(value, str | int | float | bool | None):
        raise ValueError("Type a plain value. 単純な値を入力してください。")  # noqa: TRY004 - shown as typed wrongly
    return value
