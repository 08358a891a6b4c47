"""How pages show what vendors store: states in both languages, times of Tokyo, names, small JSON."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

Tone: TypeAlias = Literal["good", "bad", "wait", ""]
_TOKYO = ZoneInfo("Asia/Tokyo")
_DAY_DIGITS = 8
_FIRST_EAST_ASIAN = "\u2e80"
_WORDS: Mapping[str, tuple[str, Tone]] = {
    # orders and opportunities of Salesforce
    "Draft": ("下書き", ""),
    "Pending Review": ("審査待ち", "wait"),
    "Approved": ("承認済み", "wait"),
    "Activated": ("開通済み", "good"),
    "Completed": ("完了", "good"),
    "Cancelled": ("取消", ""),
    "Not Started": ("未着手", ""),
    "Activating": ("開通処理中", "wait"),
    "Provisioned": ("開通済み", "good"),
    "Failed": ("失敗", "bad"),
    "Scheduled": ("日時指定", "wait"),
    "Immediate": ("即時", ""),
    "Introduction": ("紹介", ""),
    "Ready": ("準備完了", ""),
    "Post Processing": ("手続き中", "wait"),
    "Void": ("無効", ""),
    # accounts and cases of Salesforce
    "Checked": ("判定済み", "good"),
    "Not Eligible": ("提供不可", "bad"),
    "Verified": ("確認済み", "good"),
    "Rejected": ("却下", "bad"),
    "Inactive": ("停止", ""),
    "Eligibility Check": ("提供判定", ""),
    "ID Verification": ("本人確認", ""),
    "Cancellation Request": ("解約申込", ""),
    "General Inquiry": ("お問い合わせ", ""),
    "Service": ("サービス", ""),
    "Activation": ("初期費用", ""),
    "Add-on": ("オプション", ""),
    "New": ("新規", "wait"),
    "Working": ("対応中", "wait"),
    "Escalated": ("上位対応", "bad"),
    "Closed": ("完了", ""),
    # services, invoices and billing cycles of WHMCS
    "Active": ("利用中", "good"),
    "Pending": ("手続き中", "wait"),
    "Suspended": ("停止中", "bad"),
    "Terminated": ("終了", ""),
    "Fraud": ("不正", "bad"),
    "Paid": ("支払済み", "good"),
    "Unpaid": ("未払い", "wait"),
    "Overdue": ("期限超過", "bad"),
    "Refunded": ("返金済み", ""),
    "Collections": ("回収中", "bad"),
    "Payment Pending": ("入金確認中", "wait"),
    "Monthly": ("毎月", ""),
    "Quarterly": ("3か月ごと", ""),
    "Semi-Annually": ("半年ごと", ""),
    "Annually": ("毎年", ""),
    "Biennially": ("2年ごと", ""),
    "Triennially": ("3年ごと", ""),
    "One Time": ("一回のみ", ""),
    "One-time": ("一回のみ", ""),
    "Onetime": ("一回のみ", ""),
    "Free Account": ("無料", ""),
    # lines of Freebit
    "active": ("利用中", "good"),
    "suspended": ("停止中", "bad"),
    "cancelled": ("解約済み", ""),
    "temporary": ("仮登録", "wait"),
    "cancelling": ("解約手続き中", "wait"),
    "open": ("処理中", "wait"),
    "done": ("完了", "good"),
    "failed": ("失敗", "bad"),
    "dropped": ("取下げ", ""),
}


def bilingual(term: str | None) -> str:
    """A vendor's word with its Japanese beside it; an unknown one stays as it is."""
    word = _WORDS.get(term or "")
    return f"{term} {word[0]}" if word else term or ""


def tone(term: str | None) -> Tone:
    """Whether a state is good, bad or one that somebody waits in."""
    return _WORDS.get(term or "", ("", ""))[1]


def tokyo(moment: str | float | None) -> str:
    """A moment as ISO 8601 or seconds since 1970, in the time of Tokyo to the minute; nothing for none."""
    if not moment:
        return ""
    read = datetime.fromtimestamp(moment, UTC) if isinstance(moment, int | float) else datetime.fromisoformat(moment)
    return read.astimezone(_TOKYO).strftime("%Y-%m-%d %H:%M")


def day(digits: str | None) -> str:
    """A vendor's 20261121 as 2026-11-21."""
    text = digits or ""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == _DAY_DIGITS and text.isdigit() else text


def person(family: str | None, given: str | None) -> str:
    """A name in the order its owner writes it: European letters put the given name first."""
    parts = [part for part in (family, given) if part]
    return " ".join(reversed(parts) if all(letter < _FIRST_EAST_ASIAN for letter in "".join(parts)) else parts)


def readable(value: object) -> str:
    """A small JSON value for people, with Japanese letters as they are."""
    return json.dumps(value, ensure_ascii=False, default=str)
