"""What customers and staff read about a cancellation, in English and Japanese. No I/O."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from portal_contracts.billing import Subscription
from portal_contracts.cancellation import CancellationState, Fee
from portal_contracts.catalog import Category, LocalizedText
from portal_orders.cancellation_work import CancellationWork
from portal_orders.ports import NewEntry
from portal_orders.settlement import Unused
from portal_orders.wording import NOBODY, both

MONTHLY_FEE: Final = both("Fee until the end of the service", "解約日までの月額料金")
_STATES: Final[Mapping[CancellationState, LocalizedText]] = {
    "requested": both("Cancellation requested", "解約受付済み"),
    "ending": both("Being cancelled", "解約手続き中"),
    "withdrawing": both("Cancellation is being taken back", "解約取消手続き中"),
    "withdrawn": both("Cancellation taken back", "解約取消済み"),
    "completed": both("Cancelled", "解約済み"),
}
_WORKS_UNTIL: Final[Mapping[Category, LocalizedText]] = {
    "internet": both(
        "Internet needs 30 days' notice. The line works through the last day.",
        "インターネットの解約には30日前の通知が必要です。最終日までご利用いただけます。",
    ),
    "sim": both(
        "The line works through the last day of the month and its number is lost then, unless you move it before.",
        "月末日までご利用いただけます。番号は解約とともに失われますので、必要な場合は事前にMNP転出をお手続きください。",
    ),
    "vpn": both("VPN ends today, at once.", "VPNは本日、ただちに終了いたします。"),
}
_EQUIPMENT: Final = both(
    "Send the rented equipment back in the kit we mail to you.", "お送りする返却キットでレンタル機器をご返送ください。"
)
_REFUND: Final = both(
    "Part of what you paid lies beyond the end. Our staff check and refund it.",
    "お支払い済みの料金に解約日以降の分が含まれます。担当者が確認のうえ精算いたします。",
)
_YES: Final = "yes / はい"
_TASKS: Final = {"line": "SIM line to end by hand", "settlement": "Refund and final invoice"}
_FINAL: Final = both("The final invoice follows after the last day.", "最終のご請求書は解約日以降に発行されます。")


def status_of(state: CancellationState) -> LocalizedText:
    """Give the one line a customer reads."""
    return _STATES[state]


def next_steps(category: Category, *, equipment: bool, refund: bool) -> Sequence[LocalizedText]:
    """Say what follows a cancellation."""
    steps = [_WORKS_UNTIL[category], _FINAL]
    return [*steps, *([_EQUIPMENT] if equipment else []), *([_REFUND] if refund else [])]


def fee(amount: int, due_on: date) -> Fee:
    """Give a monthly fee that is still due."""
    return Fee(text=MONTHLY_FEE, amount=amount, due_on=due_on)


def requested(ends_on: date, at: datetime) -> NewEntry:
    """The customer cancelled."""
    day = ends_on.isoformat()
    text = both(f"You cancelled this service. Its last day is {day}.", f"解約を受け付けました。最終利用日は{day}です。")
    return NewEntry("service.cancellation_requested", at, text, "customer", NOBODY)


def rescheduled(ends_on: date, at: datetime) -> NewEntry:
    """Staff gave another day."""
    day = ends_on.isoformat()
    text = both(f"The last day of this service is now {day}.", f"最終利用日が{day}に変更されました。")
    return NewEntry("service.cancellation_rescheduled", at, text, "staff", NOBODY)


def withdrawn(at: datetime, *, by_staff: bool) -> NewEntry:
    """The cancellation was taken back."""
    text = both(
        "The cancellation was taken back. The service goes on.", "解約が取り消されました。サービスは継続されます。"
    )
    return NewEntry("service.cancellation_withdrawn", at, text, "staff" if by_staff else "customer", NOBODY)


def completed(at: datetime) -> NewEntry:
    """The service is off."""
    text = both("The service has ended.", "サービスが終了しました。")
    return NewEntry("service.cancelled", at, text, "portal", NOBODY)


def request_text(work: CancellationWork, *, automatic: bool) -> str:
    """Give the description of the case: staff's task, which the customer reads as well."""
    how = "the portal, by itself / 自動手続き" if automatic else "our staff, on that day / 担当者が当日に手続き"
    return case_text(
        {
            "Service / サービス": f"{work.name.en} / {work.name.ja} (No. {work.service_id})",
            "Last day / 最終利用日": work.ends_on.isoformat(),
            "Initial cancellation, no remaining fees / 初期契約解除": _YES if work.initial else "",
            "Equipment to come back / 返却機器": _YES if work.equipment else "",
            "Refund to check / 返金の確認": _YES if work.refund else "",
            "Ended by / 手続き": how,
            "SIM line ended by / SIM回線の手続き": how if work.category == "sim" else "",
            "The customer says / お客様より": work.reason,
        }
    )


def line_task(work: CancellationWork) -> str:
    """Tell staff alone about a line the portal did not set up."""
    return case_text(
        {
            "WHMCS service": str(work.service_id),
            "Last day": work.ends_on.isoformat(),
            "To do": "end this SIM line at Freebit by hand: the portal did not set it up and does not know its number",
        }
    )


def settlement_task(work: CancellationWork, service: Subscription | None, unused: Unused | None) -> str:
    """Tell staff alone what to settle: WHMCS has no call that pays money back (R214)."""
    facts = {
        "WHMCS client and service": f"{work.whmcs_client_id}, {work.service_id}",
        "Last day": work.ends_on.isoformat(),
        "Initial cancellation": "yes: all but what was used comes back, the set-up fee as the law says"
        if work.initial
        else "",
    }
    if service is not None:
        facts["Price"] = f"{service.amount} yen {service.billing_cycle}"
    if unused is not None:
        facts["Paid through"] = unused.paid_through.isoformat()
        facts["Paid days after the last one"] = str(unused.days)
        facts["Prorated, tax included, rounded down"] = f"{unused.amount} yen"
    facts["To do"] = "check the terms, refund in WHMCS, and invoice usage that no invoice has yet"
    return case_text(facts)


def task_title(what: str, work: CancellationWork) -> str:
    """Give the title of a task of staff's."""
    return f"{_TASKS[what]}: {work.name.en} (WHMCS service {work.service_id})"[:255]


def case_title(name: LocalizedText, service_id: int) -> str:
    """Give the title of staff's case."""
    return f"Cancellation: {name.en} / {name.ja} (WHMCS service {service_id})"[:255]


def case_text(facts: Mapping[str, str]) -> str:
    """Give the description of staff's case: one fact a line."""
    return "\n".join(f"{name}: {value}" for name, value in facts.items() if value)
