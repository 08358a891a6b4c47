"""What customers read about their eligibility check, in English and Japanese (R190). No I/O."""

from collections.abc import Mapping
from typing import Final

from portal_contracts.catalog import LocalizedText
from portal_contracts.eligibility import EligibilityState
from portal_contracts.orders import WhoActs
from portal_orders.eligibility import KeptEligibility
from portal_orders.wording import both

STATUS: Final[Mapping[EligibilityState, LocalizedText]] = {
    "not_requested": both("Not checked yet", "未確認"),
    "pending": both("We are checking your address", "ご住所を確認中"),
    "eligible": both("Available at your address", "ご利用いただけます"),
    "not_eligible": both("Not available at your address", "ご利用いただけません"),
}
_ASK: Final = WhoActs(
    owner="customer",
    text=both("Ask us to check your address.", "提供エリアの確認をお申し込みください。"),
    action="/eligibility",
)
_STAFF: Final = WhoActs(
    owner="staff",
    text=both("Our staff check your address. You do not need to do anything.", "担当者がご住所を確認しております。"),
)
_ORDER: Final = WhoActs(
    owner="customer",
    text=both("You can order one of these plans now.", "対象のプランをお申し込みいただけます。"),
    action="/catalog/personalized",
)
_NOTHING: Final = WhoActs(
    owner="nobody",
    text=both(
        "No line can be installed at this address. If you think that is wrong, tell us so.",
        "こちらのご住所では回線をご利用いただけません。ご不明な点がある場合は、再確認をお申し付けください。",
    ),
)
_SUPERVISOR: Final = WhoActs(
    owner="staff",
    text=both("A supervisor looks at the result again.", "責任者が判定結果を再確認しております。"),
)
_ADDRESS: Final = WhoActs(
    owner="staff",
    text=both(
        "We could not verify the address and will contact you.",
        "ご住所を確認できませんでした。担当者よりご連絡いたします。",
    ),
)


def who_acts(kept: KeptEligibility) -> WhoActs:
    """Say who must act next, and by when."""
    if kept.disputed:
        return _SUPERVISOR
    if kept.address_failed:
        return _ADDRESS
    match kept.state:
        case "not_requested":
            return _ASK
        case "pending":
            return _STAFF.model_copy(update={"until": kept.due_by})
        case "eligible":
            return _ORDER
        case _:
            return _NOTHING
