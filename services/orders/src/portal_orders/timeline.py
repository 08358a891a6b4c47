"""The entries of an order's timeline: plain words for the customer, codes and ids for staff. No I/O.

Entries come from the portal's own steps, from fulfillment's progress and from what others did in Salesforce. Kinds are
stable names; texts may be worded better at any time.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from portal_contracts.catalog import LocalizedText
from portal_contracts.fulfillment import OrderActivated, ProvisioningProgressed, ProvisioningStage
from portal_contracts.orders import ProvisionRequested, WhoActs
from portal_orders.order import KeptOrder
from portal_orders.order_changes import Noticed
from portal_orders.ports import NewEntry, StaffNote
from portal_orders.rejection import rejection_words
from portal_orders.wording import NOBODY, STAFF_REVIEW, WE_ACTIVATE, both, on_time, who_mends

_SOURCES: Final[Mapping[str, LocalizedText]] = {
    "platform_event": both("Salesforce's event", "Salesforceのイベント"),
    "change_event": both("a change in Salesforce", "Salesforceでの変更"),
    "sweeper": both("our regular check", "定期確認"),
    "signed_call": both("a call from Salesforce", "Salesforceからの呼び出し"),
    "operator": both("our staff", "担当者"),
    "customer": both("you", "お客様"),
}
_SENDERS: Final[Mapping[str, str]] = {"sweeper": "portal", "customer": "customer"}
"""Who stands behind a source; Salesforce's are staff at work."""
_STAGES: Final[Mapping[ProvisioningStage, tuple[str, LocalizedText]]] = {
    "started": ("portal", both("We have started to set your service up.", "開通作業を開始しました。")),
    "scheduled": ("portal", both("Your service starts at its time.", "ご指定の日時に開通いたします。")),
    "preflight_passed": (
        "portal",
        both("Everything is ready for the start of your service.", "開通に向けた準備が整いました。"),
    ),
    "preflight_failed": (
        "portal",
        both("Something is missing for the start of your service.", "開通に必要な手続きが残っています。"),
    ),
    "reserved": ("billing", both("Your billing has been prepared.", "ご請求の準備が完了しました。")),
    "sim_requested": (
        "mobile operator",
        both("We have asked the mobile operator to activate your line.", "回線の開通を通信事業者に依頼しました。"),
    ),
    "sim_active": ("mobile operator", both("Your line is active.", "回線が開通しました。")),
    "accepted": ("billing", both("Your billing has started.", "ご請求の登録が完了しました。")),
    "blocked": ("portal", both("Setting up your service is paused.", "開通作業を一時停止しています。")),
    "resumed": ("portal", both("Setting up your service goes on.", "開通作業を再開しました。")),
    "needs_human": ("portal", both("One of us is looking into your order.", "担当者が確認しております。")),
    "failed": ("portal", both("Setting up your service was stopped.", "開通作業を中止しました。")),
    "withdrawn": (
        "portal",
        both(
            "The order is not approved any more; nothing was set up.",
            "ご注文の承認が取り消されたため、開通作業を終了しました。",
        ),
    ),
    "cancelled": ("staff", both("Our staff stopped the set-up.", "担当者が開通作業を取り消しました。")),
    "absorbed": ("portal", both("Another signal arrived; work is under way already.", "重複した通知を受信しました。")),
}
_CAUSED: Final[frozenset[ProvisioningStage]] = frozenset({"started", "resumed", "absorbed"})
"""Stages that tell which signal was behind them."""
_STANDING: Final[frozenset[ProvisioningStage]] = frozenset(
    {"preflight_failed", "blocked", "needs_human", "failed", "cancelled"}
)
"""Stages in which somebody has to do something."""
_SAYS_WHY: Final[ProvisioningStage] = "cancelled"
"""The stage whose own words are those of its code."""
_OVER: Final[frozenset[ProvisioningStage]] = frozenset({"absorbed", "withdrawn"})
_LONGEST_SHOWN: Final = 9
"""Digits shown whole; longer numbers are lines, cards and EIDs."""


def placed(at: datetime) -> NewEntry:
    """The customer's order stands as Pending Review."""
    text = both("We have received your order.", "ご注文を受け付けました。")
    return NewEntry("order.placed", at, text, "customer", STAFF_REVIEW)


def told(what: Noticed, order: KeptOrder, at: datetime) -> NewEntry:
    """What somebody did to the order in Salesforce."""
    when = order.scheduled_at if order.scheduled else None
    review = STAFF_REVIEW if order.state == "pending_review" else WE_ACTIVATE
    texts: Mapping[Noticed, tuple[LocalizedText, WhoActs]] = {
        "approved": (both("Your order was approved.", "ご注文が承認されました。"), WE_ACTIVATE),
        "rejected": (rejection_words(order.rejection), NOBODY),
        "withdrawn": (both("You withdrew the order.", "ご注文を取り下げました。"), NOBODY),
        "cancelled": (both("The order was cancelled.", "ご注文はキャンセルされました。"), NOBODY),
        "completed": (both("Your service is active.", "サービスが開通しました。"), NOBODY),
        "rescheduled": (
            on_time(when) if when else both("Starts as soon as possible.", "最短での開通に変更されました。"),
            review.model_copy(update={"until": when}),
        ),
        "changed": (both("Our staff changed the order.", "担当者がご注文内容を変更しました。"), review),
    }
    text, acts = texts[what]
    return NewEntry(f"order.{what}", at, text, "customer" if what == "withdrawn" else "staff", acts)


def removed(at: datetime) -> NewEntry:
    """Somebody deleted the order in Salesforce."""
    text = both("The order was removed.", "ご注文は削除されました。")
    return NewEntry("order.removed", at, text, "staff", NOBODY)


def withdrawn_too_late(at: datetime) -> NewEntry:
    """The customer wished to withdraw the order when staff had gone on with it already."""
    text = both(
        "The order could not be withdrawn any more, because it was approved already. You can cancel the service.",
        "ご注文はすでに承認されていたため、取り下げできませんでした。サービスの解約をお申し込みいただけます。",
    )
    return NewEntry("order.withdrawn_too_late", at, text, "portal", WE_ACTIVATE)


def porting_changed(at: datetime) -> NewEntry:
    """The customer gave another reservation for the number the order brings along."""
    text = both("You gave a new MNP reservation.", "新しいMNP予約番号を受け付けました。")
    return NewEntry("order.porting_changed", at, text, "customer", WE_ACTIVATE)


def repaired(operator: str, at: datetime) -> NewEntry:
    """An operator had a difference between the systems mended (D14)."""
    text = both("Our staff brought the records of your order up to date.", "担当者がご注文の記録を更新しました。")
    return NewEntry("order.repaired", at, text, "staff", NOBODY, StaffNote(source="operator", requested_by=operator))


def put_right(at: datetime) -> NewEntry:
    """Salesforce said of a finished order that it is not active, and was told again."""
    text = both("We corrected the records of your order.", "ご注文の記録を訂正しました。")
    return NewEntry("order.put_right", at, text, "portal", NOBODY)


def progressed(event: ProvisioningProgressed) -> NewEntry:
    """Fulfillment reached a stage, is blocked, or absorbed another signal."""
    actor, text = _STAGES[event.stage]
    acts = NOBODY if event.stage in _OVER else WE_ACTIVATE.model_copy(update={"until": event.until})
    if event.stage == "scheduled" and event.until is not None:
        text = on_time(event.until)
    if event.stage in _STANDING:
        acts = who_mends(event.code, event.order_id, event.facts, until=event.until)
        if event.code and event.stage != _SAYS_WHY:
            text = both(f"{text.en} {acts.text.en}", f"{text.ja}{acts.text.ja}")
    if event.source is not None and event.stage in _CAUSED:
        text = _with_cause(text, event.source)
        actor = sender(event.source) if event.stage != "started" else actor
    staff = StaffNote(
        code=event.code,
        facts=masked(event.facts),
        source=event.source,
        request_id=event.request_id,
        requested_by=event.requested_by,
        correlation_id=event.correlation_id,
    )
    return NewEntry(f"provisioning.{event.stage}", event.occurred_at, text, actor, acts, staff)


def activated(event: OrderActivated) -> NewEntry:
    """The order is active, billed and written back everywhere."""
    text = both("Your service is active.", "サービスが開通しました。")
    staff = StaffNote(facts={"whmcs_order_id": event.whmcs_order_id, "whmcs_service_id": event.whmcs_service_id})
    return NewEntry("order.activated", event.occurred_at, text, "portal", NOBODY, staff)


def came_late(signal: ProvisionRequested) -> NewEntry:
    """A signal for an order that is completed already."""
    return _signal_entry("provisioning.absorbed", _STAGES["absorbed"][1], signal)


def came_in_vain(signal: ProvisionRequested) -> NewEntry:
    """A signal for an order that is not approved: not any more, or not within the time an event may be early."""
    text = both(
        "Asked to set the service up, but the order is not approved.",
        "承認されていないご注文の開通通知を受信しました。",
    )
    return _signal_entry("order.signal_ignored", text, signal)


def _signal_entry(kind: str, text: LocalizedText, signal: ProvisionRequested) -> NewEntry:
    staff = StaffNote(
        source=signal.source,
        request_id=signal.request_id,
        requested_by=signal.requested_by,
        correlation_id=signal.correlation_id,
    )
    return NewEntry(kind, signal.occurred_at, _with_cause(text, signal.source), sender(signal.source), NOBODY, staff)


def sender(source: str) -> str:
    """Say who stands behind a source of signals."""
    return _SENDERS.get(source, "staff")


def masked(facts: Mapping[str, str | int]) -> Mapping[str, str | int]:
    """Show only the end of long numbers: Freebit accounts, cards, EIDs."""
    return {name: _masked(fact) for name, fact in facts.items()}


def _masked(fact: str | int) -> str | int:
    text = str(fact)
    return f"…{text[-4:]}" if text.isdecimal() and len(text) > _LONGEST_SHOWN else fact


def _with_cause(text: LocalizedText, source: str) -> LocalizedText:
    cause = _SOURCES.get(source, both(source, source))
    return both(f"{text.en} (Cause: {cause.en})", f"{text.ja}(契機:{cause.ja})")
