"""What customers read about an order, in English and Japanese (§2.2), and who must act. No I/O."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

from portal_chassis.clocks import TOKYO
from portal_contracts.catalog import LocalizedText
from portal_contracts.orders import ActivationState, WhoActs
from portal_contracts.problems import CATALOGUE, Fact, customer_text
from portal_orders.order import PAYMENT_MISSING, KeptOrder, shown_activation

Owner = Literal["customer", "staff", "us", "vendor", "nobody"]

PAYMENT_METHODS_PAGE: Final = "/billing/payment-methods"


def both(en: str, ja: str) -> LocalizedText:
    """Give a text in both languages."""
    return LocalizedText(en=en, ja=ja)


_STATES: Final[Mapping[str, LocalizedText]] = {
    "draft": both("Being created", "作成中"),
    "pending_review": both("Awaiting review", "審査中"),
    "completed": both("Active", "開通済み"),
    "cancelled": both("Cancelled", "キャンセル済み"),
    "unknown": both("Being checked", "確認中"),
}
_ACTIVATIONS: Final[Mapping[ActivationState, LocalizedText]] = {
    "not_started": both("Approved", "承認済み"),
    "awaiting_payment_method": both("Awaiting payment method", "お支払い方法の登録待ち"),
    "activating": both("Activating", "開通作業中"),
    "activated": both("Active", "開通済み"),
    "failed": both("Delayed, we are on it", "確認中"),
    "needs_reconciliation": both("Taking longer than usual", "通常より時間がかかっています"),
    "unknown": both("Being checked", "確認中"),
}
_WITHDRAWN: Final = both("Withdrawn", "取り下げ済み")
_WITHDRAWING: Final = both("Being withdrawn", "取り下げ手続き中")
_REJECTED: Final = both("Not accepted", "お受けできませんでした")

NOBODY: Final = WhoActs(owner="nobody", text=both("Nothing to do.", "お手続きは必要ありません。"))
STAFF_REVIEW: Final = WhoActs(
    owner="staff",
    text=both("Our staff review your order. You do not need to do anything.", "担当者がご注文内容を確認しております。"),
)
WE_ACTIVATE: Final = WhoActs(
    owner="us", text=both("We are setting your service up.", "サービスの開通作業を進めております。")
)
_WE_WITHDRAW: Final = WhoActs(owner="us", text=both("We withdraw your order.", "ご注文の取り下げを進めております。"))
_WE_LOOK: Final = WhoActs(
    owner="us", text=both("We are looking into it.", "状況を確認しております。今しばらくお待ちください。")
)


def on_time(moment: datetime) -> LocalizedText:
    """Give "Scheduled for …" in Japanese time (§2.2, C38)."""
    when = moment.astimezone(TOKYO).strftime("%Y-%m-%d %H:%M")
    return both(f"Scheduled for {when}", f"{when} 開通予定")


def status_words(order: KeptOrder, now: datetime, stuck_after: timedelta) -> LocalizedText:
    """Give the one line a customer reads about an order."""
    if order.state == "cancelled" and (order.withdrawn or order.rejected):
        return _WITHDRAWN if order.withdrawn else _REJECTED
    if order.state == "pending_review" and order.withdrawn:
        return _WITHDRAWING
    if order.state != "approved":
        return _STATES[order.state]
    activation = shown_activation(order, now, stuck_after=stuck_after)
    if activation == "scheduled" and order.scheduled_at is not None:
        return on_time(order.scheduled_at)
    return _ACTIVATIONS[activation]


def who_acts(order: KeptOrder, now: datetime, stuck_after: timedelta) -> WhoActs:
    """Say who must act next on an order, what for, until when, and where the customer can."""
    if order.state != "approved":
        return _who_acts_around_approval(order)
    activation = shown_activation(order, now, stuck_after=stuck_after)
    if activation in ("awaiting_payment_method", "failed"):
        return _who_mends(order, order.error_code)
    if activation == "needs_reconciliation":
        return _WE_LOOK
    if activation == "scheduled" and order.scheduled_at is not None:
        return _who_acts_before(order, order.scheduled_at)
    return NOBODY if activation == "activated" else WE_ACTIVATE


def _who_acts_around_approval(order: KeptOrder) -> WhoActs:
    if order.state in ("completed", "cancelled"):
        return NOBODY
    if order.state != "pending_review":
        return _WE_LOOK
    return _WE_WITHDRAW if order.withdrawn else STAFF_REVIEW


def _who_acts_before(order: KeptOrder, scheduled_at: datetime) -> WhoActs:
    """Say who acts while an order waits for its time: whoever the preflight is missing something of (R165)."""
    progress = order.progress
    if progress is not None and progress.stage == "preflight_failed":
        return _who_mends(order, progress.code)
    return WhoActs(owner="us", text=on_time(scheduled_at), until=scheduled_at)


def _who_mends(order: KeptOrder, code: str | None) -> WhoActs:
    progress = order.progress
    if progress is None or progress.code != code:
        return who_mends(code, order.order_id)
    return who_mends(code, order.order_id, progress.facts, until=progress.until)


def who_mends(
    code: str | None, order_id: str, facts: Mapping[str, Fact] | None = None, *, until: datetime | None = None
) -> WhoActs:
    """Say who must act on a problem; one nobody knows is ours. What a customer mends says where."""
    if code is None or code not in CATALOGUE:
        return _WE_LOOK.model_copy(update={"until": until})
    owner: Owner = CATALOGUE[code].owner
    text = both(customer_text(code, "en", facts), customer_text(code, "ja", facts))
    return WhoActs(owner=owner, text=text, action=_action(code, order_id) if owner == "customer" else None, until=until)


def _action(code: str, order_id: str) -> str:
    if code == PAYMENT_MISSING:
        return PAYMENT_METHODS_PAGE
    return f"/orders/{order_id}/{'porting' if code.startswith('PORTING_') else 'recheck'}"
