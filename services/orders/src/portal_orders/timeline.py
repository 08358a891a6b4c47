"""The entries of an order's timeline, in plain words. No I/O.

Entries come from the portal's own steps, from fulfillment's progress and from what others did in Salesforce. Kinds are
stable names; texts may be worded better at any time.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from portal_contracts.catalog import LocalizedText
from portal_contracts.fulfillment import OrderActivated, ProvisioningProgressed, ProvisioningStage
from portal_contracts.orders import WhoActs
from portal_orders.order import KeptOrder, scheduled_on
from portal_orders.order_changes import Noticed
from portal_orders.ports import NewEntry
from portal_orders.wording import NOBODY, REJECTED, STAFF_REVIEW, WE_ACTIVATE, both, on_day, who_mends

_SOURCES: Final[Mapping[str, LocalizedText]] = {
    "platform_event": both("Salesforce's event", "Salesforceのイベント"),
    "change_event": both("a change in Salesforce", "Salesforceでの変更"),
    "sweeper": both("our regular check", "定期確認"),
    "signed_call": both("a call from Salesforce", "Salesforceからの呼び出し"),
    "operator": both("our staff", "担当者"),
}
_STAGES: Final[Mapping[ProvisioningStage, tuple[str, LocalizedText]]] = {
    "started": ("portal", both("We have started to set your service up.", "開通作業を開始しました。")),
    "reserved": ("billing", both("Your billing has been prepared.", "ご請求の準備が完了しました。")),
    "sim_requested": (
        "mobile operator",
        both("We have asked the mobile operator to activate your line.", "回線の開通を通信事業者に依頼しました。"),
    ),
    "sim_active": ("mobile operator", both("Your line is active.", "回線が開通しました。")),
    "accepted": ("billing", both("Your billing has started.", "ご請求の登録が完了しました。")),
    "blocked": ("portal", both("Setting up your service is paused.", "開通作業を一時停止しています。")),
    "needs_human": ("portal", both("One of us is looking into your order.", "担当者が確認しております。")),
    "failed": ("portal", both("Setting up your service was stopped.", "開通作業を中止しました。")),
    "absorbed": ("portal", both("Another signal arrived; work is under way already.", "重複した通知を受信しました。")),
}


def placed(at: datetime) -> NewEntry:
    """The customer's order stands as Pending Review."""
    text = both("We have received your order.", "ご注文を受け付けました。")
    return NewEntry("order.placed", at, text, "customer", STAFF_REVIEW)


def told(what: Noticed, order: KeptOrder, at: datetime) -> NewEntry:
    """What somebody did to the order in Salesforce."""
    day = scheduled_on(order)
    review = STAFF_REVIEW if order.state == "pending_review" else WE_ACTIVATE
    texts: Mapping[Noticed, tuple[LocalizedText, WhoActs]] = {
        "approved": (both("Your order was approved.", "ご注文が承認されました。"), WE_ACTIVATE),
        "rejected": (REJECTED, NOBODY),
        "cancelled": (both("The order was cancelled.", "ご注文はキャンセルされました。"), NOBODY),
        "completed": (both("Your service is active.", "サービスが開通しました。"), NOBODY),
        "rescheduled": (
            on_day(day) if day else both("Starts as soon as possible.", "最短での開通に変更されました。"),
            review,
        ),
        "changed": (both("Our staff changed the order.", "担当者がご注文内容を変更しました。"), review),
    }
    text, acts = texts[what]
    return NewEntry(f"order.{what}", at, text, "staff", acts)


def progressed(event: ProvisioningProgressed) -> NewEntry:
    """Fulfillment reached a stage, is blocked, or absorbed another signal."""
    actor, text = _STAGES[event.stage]
    acts = WE_ACTIVATE
    if event.stage in ("blocked", "needs_human", "failed"):
        acts = who_mends(event.code, event.facts)
        text = both(f"{text.en} {acts.text.en}", f"{text.ja}{acts.text.ja}") if event.code else text
    if event.source is not None and event.stage in ("started", "absorbed"):
        source = _SOURCES.get(event.source, both(event.source, event.source))
        text = both(f"{text.en} (Cause: {source.en})", f"{text.ja}(契機:{source.ja})")
    if event.stage == "absorbed":
        acts = NOBODY
    return NewEntry(f"provisioning.{event.stage}", event.occurred_at, text, actor, acts)


def activated(event: OrderActivated) -> NewEntry:
    """The order is active, billed and written back everywhere."""
    text = both("Your service is active.", "サービスが開通しました。")
    return NewEntry("order.activated", event.occurred_at, text, "portal", NOBODY)
