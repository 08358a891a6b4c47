"""The org's calls to the portal about one order, in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass

from portal_sandbox.core import Ledger
from portal_sandbox.salesforce.switches import VENDOR

SHOWN = 5
_SOURCES: Mapping[str, str] = {
    "quick_action": "Provision in WHMCS WHMCSへ登録",
    "activate_now": "Activate Now 今すぐ開通",
    "scheduled_path": "Scheduled path スケジュール済みパス",
    "scheduled_flow": "Scheduled Flow スケジュールフロー",
    "control": "Control API 管理",
}
_WORDS: Mapping[int, str] = {
    400: "The portal could not read the call. 呼び出しの形式が正しくありません。",
    401: "The portal did not accept the signature. 署名が受け付けられませんでした。",
    403: "This caller is not allowed. 呼び出し元が許可されていません。",
    404: "The portal knows no such order. 該当する注文がありません。",
    409: "The same call is still running. 同じ呼び出しを処理中です。",
    422: "The same key was used for another call. 同じキーが別の内容で使われています。",
    429: "Too many calls; try again later. 呼び出しが多すぎます。しばらくしてから再実行してください。",
}
_TAKEN = "The portal took the order. ポータルが受け付けました。"
_BUSY = "The portal is not able to answer now; try again later. ポータルが応答できません。再実行してください。"
_SILENT = "The portal did not answer. ポータルから応答がありません。"
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Callout:
    """One call as the page shows it."""

    at: str
    source: str
    taken: bool
    status: object
    words: str
    answer: str


def callouts_of(ledger: Ledger, order_id: str) -> list[Callout]:
    """The newest calls about an order, newest first."""
    found: list[Callout] = []
    for entry in ledger.entries(vendor=VENDOR, key=order_id, newest_first=True):
        if entry.kind.startswith("salesforce.callout.") and len(found) < SHOWN:
            told = entry.detail
            taken = entry.kind.endswith(".sent")
            source = str(told["source"])
            found.append(
                Callout(
                    at=entry.at,
                    source=_SOURCES.get(source, source),
                    taken=taken,
                    status=told["status"],
                    words=_TAKEN if taken else _words(told["status"]),
                    answer=str(told["body"] or told["error"]),
                )
            )
    return found


def _words(status: object) -> str:
    if not isinstance(status, int):
        return _SILENT
    return _WORDS.get(status, _BUSY if status >= _SERVER_ERROR else f"The portal refused ({status}). 拒否されました。")
